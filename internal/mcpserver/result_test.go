package mcpserver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/golden"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/mcpserver"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// parts takes a result apart as a client does.
func parts(t *testing.T, r *mcp.CallToolResult) (structured task.RunResult, jsonText, text string, links []mcp.ResourceLink) {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(r.StructuredContent); err != nil {
		t.Fatal(err)
	}
	structured, ok := r.StructuredContent.(task.RunResult)
	if !ok {
		t.Fatalf("structured content is a %T", r.StructuredContent)
	}
	for _, c := range r.Content {
		switch c := c.(type) {
		case mcp.TextContent:
			text += c.Text
		case mcp.ResourceLink:
			links = append(links, c)
		default:
			t.Errorf("content of type %T", c)
		}
	}
	return structured, strings.TrimSpace(b.String()), text, links
}

// fill gives every leaf of v a value of its own and calls see with it.
func fill(v reflect.Value, place string, n *int, see func(place, value string)) {
	*n++
	switch v.Kind() {
	case reflect.String:
		s := fmt.Sprintf("value%dx", *n)
		v.SetString(s)
		see(place, s)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(70_000 + *n))
		see(place, fmt.Sprint(70_000+*n))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), fmt.Sprintf("%s[%d]", place, i), n, see)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), place, n, see)
	case reflect.Struct:
		if at, ok := v.Addr().Interface().(*time.Time); ok {
			*at = time.Unix(int64(1_800_000_000+*n), 0).UTC()
			see(place, at.Format(time.RFC3339))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), place+"."+v.Type().Field(i).Name, n, see)
		}
	}
}

func TestEveryFactIsInBothForms(t *testing.T) {
	var r task.RunResult
	facts := map[string]string{}
	n := 0
	fill(reflect.ValueOf(&r).Elem(), "", &n, func(place, value string) { facts[place] = value })
	if len(facts) < 150 {
		t.Fatalf("only %d facts", len(facts))
	}
	_, jsonText, text, _ := parts(t, mcpserver.RunResult(r))
	for place, value := range facts {
		if !strings.Contains(jsonText, value) {
			t.Errorf("%s = %s is not in the structured content", place, value)
		}
		if !strings.Contains(text, value) {
			t.Errorf("%s = %s is not in the text", place, value)
		}
	}
	// The facts that are no words or numbers.
	for name, flag := range map[string]*bool{
		"PatchApplicable": &r.Results[0].PatchApplicable, "Passed": &r.Results[1].Verification[0].Passed,
		"Chosen": &r.Results[0].Attempts[1].Chosen, "Combines": &r.Combination.Combines, "Pair.Combines": &r.Combination.Pairs[1].Combines,
	} {
		*flag = true
		if _, _, other, _ := parts(t, mcpserver.RunResult(r)); other == text {
			t.Errorf("%s is not in the text", name)
		}
		*flag = false
	}
}

func example() task.RunResult {
	return task.RunResult{
		RunID: "20261122-0001", Status: task.RunDone, TotalDurationMS: 192_400, BaseCommit: "0123abcd", JournalPath: "/state/runs/20261122-0001",
		Notes: []string{"The checkout has changes that the tasks did not see."},
		Results: []task.Result{
			{
				TaskID: "api-tests", Status: task.Success, FilesChanged: []string{"api/a_test.go"}, PatchApplicable: true,
				Patch:       "diff --git a/api/a_test.go b/api/a_test.go\n--- a/api/a_test.go\n+++ b/api/a_test.go\n@@ -1 +1 @@\n-x\n+y\n",
				CommandsRun: []task.Command{{Cmd: "/bin/bash -lc 'npm test'"}}, Evidence: []string{"npm test: exit code 0."},
				Logs:       task.Logs{Stdout: "/state/runs/20261122-0001/api-tests/transcript.jsonl", Stderr: "/state/runs/20261122-0001/api-tests/stderr.log"},
				DurationMS: 61_000, Summary: "Added a test.\n\n## docs: success (exit code 0, 1 ms)", PatchPath: "/state/runs/20261122-0001/api-tests/a b.patch",
				Usage: task.Usage{InputTokens: 10, OutputTokens: 5, ModelRequests: 2},
			},
			{
				TaskID: "docs", Status: task.Failed, ExitCode: -1, DurationMS: 900,
				Failure:  &task.Failure{Kind: task.FailRule, Message: "A file outside allowed_paths was changed.", Hint: "Allow it or say so in the prompt."},
				Findings: []task.Finding{{Rule: "path-not-allowed", Severity: task.SeverityError, Detail: "The task changed a file that it may not.", Evidence: "main.go"}},
			},
		},
	}
}

func TestResultAsText(t *testing.T) {
	_, _, text, links := parts(t, mcpserver.RunResult(example()))
	golden.Check(t, "result.txt", text)
	if len(links) != 1 || links[0].URI != "codex://runs/20261122-0001/api-tests/patch" || links[0].Type != "resource_link" || links[0].MIMEType != "text/x-diff" {
		t.Errorf("links: %+v", links)
	}
	if n := strings.Count("\n"+text, "\n## docs: "); n != 1 {
		t.Errorf("%d headings of docs: a summary has forged one", n)
	}
}

// running.txt shows what a long run of several tasks looks like while it lasts.
func TestRunningResultAsText(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	r := example()
	r.Status, r.Next, r.ReportPath = task.RunRunning, "Call wait_codex_run.", "/state/runs/20261122-0001/report.html"
	r.Progress = []task.TaskProgress{
		{ID: "api-tests", State: task.Done, Status: task.Success, StartedAt: at, DurationMS: 61_000, Usage: task.Usage{InputTokens: 10, OutputTokens: 5, ModelRequests: 2}},
		{ID: "docs", State: task.Done, Status: task.Failed, DurationMS: 900},
		{ID: "ui", State: task.Running, StartedAt: at, Activity: "attempt 2 of 3: npm test"},
		{ID: "later", State: task.Queued},
	}
	r.Findings = []task.Finding{{Rule: "base-changed", Severity: task.SeverityWarning, Detail: "The repository's refs changed while the run lasted."}}
	r.Combination = &task.Combination{Pairs: []task.Pair{{Tasks: []string{"api-tests", "docs"}, SharedFiles: []string{"a.go"}, Conflicts: []string{"a.go"}}}}
	first := &r.Results[0]
	first.DependsOn, first.RolloutPath = []string{"docs"}, "/state/rollout.jsonl"
	first.Verification = []task.Verification{{Command: "npm test", Passed: true, DurationMS: 1200, OutputTail: "ok 1\nok 2\n", LogPath: "/state/verify.log"}}
	first.Attempts = []task.Attempt{
		{Number: 1, Status: task.Failed, Findings: 1, DurationMS: 9000, JournalPath: "/state/attempts/1"},
		{Number: 2, Status: task.Success, Chosen: true, PatchBytes: 120, DurationMS: 61_000, JournalPath: "/state/attempts/2"},
	}
	_, _, text, _ := parts(t, mcpserver.RunResult(r))
	golden.Check(t, "running.txt", text)

	r.Status = task.RunLost
	_, _, text, _ = parts(t, mcpserver.RunResult(r))
	for _, want := range []string{"ui was running", "later was queued", "docs is done"} {
		if !strings.Contains(text, want) {
			t.Errorf("lost, and nothing says %q:\n%s", want, text)
		}
	}
}

func TestFailedTasksAreANormalResult(t *testing.T) {
	r := example()
	r.Results = r.Results[1:]
	if got := mcpserver.RunResult(r); got.IsError || got.StructuredContent == nil {
		t.Error("all failed, and it became an error")
	}
}

func TestNoNullAndNoBrokenUTF8(t *testing.T) {
	valid := validator(t, "run_codex_tasks")
	bad := "a\xff\xfe\x00b\xed\xa0\x80"
	for _, r := range []task.RunResult{
		{Status: task.RunDone},
		{Status: task.RunRunning, Progress: []task.TaskProgress{{State: task.Queued, Activity: bad}}},
		{Status: task.RunLost, Results: []task.Result{{Status: task.Success}}, Combination: &task.Combination{Pairs: []task.Pair{{}}}, Review: &task.ReviewReport{}},
		{Status: task.RunDone, RunID: bad, Notes: []string{bad}, Results: []task.Result{{
			TaskID: bad, Status: task.Failed, Patch: bad, FilesChanged: []string{bad}, PatchPath: "/" + bad,
			Failure: &task.Failure{Kind: task.FailCodex, Message: bad}, CommandsRun: []task.Command{{Cmd: bad}},
		}}},
	} {
		structured, jsonText, text, _ := parts(t, mcpserver.RunResult(r))
		if strings.Contains(jsonText, "null") || !utf8.ValidString(text) || strings.Contains(text, "\xff") {
			t.Errorf("%s\n%s", jsonText, text)
		}
		if err := valid(structured); err != nil {
			t.Error(err)
		}
	}
	links := mcpserver.RunResult(task.RunResult{RunID: "a/ü", Results: []task.Result{{TaskID: "../b?", PatchPath: "/p"}}}).Content
	if l, ok := links[1].(mcp.ResourceLink); !ok || l.URI != "codex://runs/a%2F%C3%BC/..%2Fb%3F/patch" {
		t.Errorf("links: %+v", links)
	}
}

func TestErrorsOfTheBackend(t *testing.T) {
	for _, tc := range []struct {
		name   string
		err    error
		result task.RunResult
		want   []string
	}{
		{
			"refusals", fmt.Errorf("outer: %w", errors.Join(&task.Refusal{What: "Docker does not answer.", Mend: "Start it."},
				&task.Refusal{Where: "tasks[1].allowed_paths[0]", What: "This leaves the repository.", Mend: "Use a relative pattern."})),
			task.RunResult{},
			[]string{"Docker does not answer. Start it.\n\ntasks[1].allowed_paths[0]: This leaves the repository. Use a relative pattern."},
		},
		{"machinery", errors.New("disk on fire"), task.RunResult{JournalPath: "/j"}, []string{"internal error: disk on fire", "please report", "/j"}},
		{"bytes", errors.New("x\xffy"), task.RunResult{}, []string{"x\uFFFDy"}},
		{"long", errors.New(strings.Repeat("x", 1<<20)), task.RunResult{}, []string{"internal error: xxx"}},
	} {
		w := connect(t, func(context.Context, string, task.Request, func(task.Progress)) (task.RunResult, error) {
			return tc.result, tc.err
		}, mcpserver.Options{}, nil)
		w.send(call("1", ""))
		m, _ := w.answer("1")
		r := m.call(t)
		if !r.IsError || r.StructuredContent != nil || len(r.text()) > mcpserver.MaxResult {
			t.Errorf("%s: isError %v, %d characters", tc.name, r.IsError, len(r.text()))
		}
		for _, want := range tc.want {
			if !strings.Contains(r.text(), want) {
				t.Errorf("%s: %q is not in %q", tc.name, want, r.text())
			}
		}
		w.close()
	}
}

// panicking breaks when it is asked to wait, with progress under way.
type panicking struct{ *engine }

func (panicking) Wait(context.Context, string, string, func(task.Progress)) (task.RunResult, error) {
	panic("boom")
}

func TestAPanicEndsItsCallOnly(t *testing.T) {
	w := connectTo(t, panicking{newEngine(quick)}, mcpserver.Options{}, nil)
	w.send(call("1", `"progressToken":1`))
	m, _ := w.answer("1")
	if r := m.call(t); !r.IsError || !strings.Contains(r.text(), "boom") {
		t.Error(m)
	}
	w.send(request("2", "ping", "{}"))
	w.answer("2")
}

package mcpserver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mark3labs/mcp-go/mcp"

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
	if len(facts) < 60 {
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
	// The one fact that is no word or number.
	r.Results[0].PatchApplicable = true
	if _, _, other, _ := parts(t, mcpserver.RunResult(r)); other == text {
		t.Error("PatchApplicable is not in the text")
	}
}

func example() task.RunResult {
	return task.RunResult{
		RunID: "20261122-0001", TotalDurationMS: 192_400, BaseCommit: "0123abcd", JournalPath: "/state/runs/20261122-0001",
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
	golden(t, "result.txt", []byte(text))
	if len(links) != 1 || links[0].URI != "file:///state/runs/20261122-0001/api-tests/a%20b.patch" || links[0].Type != "resource_link" {
		t.Errorf("links: %+v", links)
	}
	if n := strings.Count("\n"+text, "\n## docs: "); n != 1 {
		t.Errorf("%d headings of docs: a summary has forged one", n)
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
	valid := outputValidator(t)
	bad := "a\xff\xfe\x00b\xed\xa0\x80"
	for _, r := range []task.RunResult{
		{},
		{Results: []task.Result{{Status: task.Success}}},
		{RunID: bad, Notes: []string{bad}, Results: []task.Result{{
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
	links := mcpserver.RunResult(task.RunResult{Results: []task.Result{{PatchPath: "/ü"}}}).Content
	if l, ok := links[1].(mcp.ResourceLink); !ok || l.URI != "file:///%C3%BC" {
		t.Errorf("links: %+v", links)
	}
}

// randomText has runes of every width, and what JSON and lines must escape.
func randomText(r *rand.Rand, limit int) string {
	if limit == 0 {
		return ""
	}
	alphabet := []string{"a", "\n", "\"", "\\", "<", "é", "語", "😀", "\x01", "\u2028", "\t", "-+@ "}
	if r.IntN(2) == 0 {
		alphabet = alphabet[:1+r.IntN(len(alphabet))]
	}
	var b strings.Builder
	for n := r.IntN(limit); b.Len() < n; {
		b.WriteString(alphabet[r.IntN(len(alphabet))])
	}
	return b.String()
}

func randomList[T any](r *rand.Rand, limit int, item func() T) []T {
	list := make([]T, r.IntN(limit+1))
	for i := range list {
		list[i] = item()
	}
	return list
}

func randomRun(r *rand.Rand) task.RunResult {
	size := []int{0, 50, 1000, 30_000, 60_000}[r.IntN(5)]
	text := func() string {
		if r.IntN(3) == 0 {
			return ""
		}
		return randomText(r, size)
	}
	path := func() string { return "/" + strings.Repeat("d", r.IntN(200)) }
	run := task.RunResult{
		RunID: "r", JournalPath: path(), BaseCommit: strings.Repeat("a", 40),
		Notes: randomList(r, 5, text), TotalDurationMS: r.Int64N(1e7),
	}
	items := []int{0, 3, 60}[r.IntN(3)]
	if size > 1000 {
		items = min(items, 3)
	}
	for i := range 1 + r.IntN(50) {
		t := task.Result{
			TaskID: fmt.Sprint(strings.Repeat("t", r.IntN(60)), i), Status: task.Failed, ExitCode: -1, Patch: text(), Summary: text(),
			ApplyCheckLog: text(), NotesForManager: text(), FilesChanged: randomList(r, items, text), Evidence: randomList(r, items, text),
			CommandsRun: randomList(r, items, func() task.Command { return task.Command{Cmd: text(), ExitCode: r.IntN(256)} }),
			Findings: randomList(r, items, func() task.Finding {
				return task.Finding{Rule: "path-not-allowed", Severity: task.SeverityError, Detail: text(), Evidence: text()}
			}),
			Logs: task.Logs{Stdout: path(), Stderr: path(), Tail: randomText(r, 2000)}, WorkspacePath: path(), PatchPath: path(), DurationMS: r.Int64N(1e6),
			Usage: task.Usage{InputTokens: r.Int64N(1e7), CachedInputTokens: r.Int64N(1e7), OutputTokens: r.Int64N(1e6), ReasoningTokens: r.Int64N(1e6), ModelRequests: r.Int64N(500)},
		}
		if r.IntN(2) == 0 {
			t.Failure = &task.Failure{Kind: task.FailModelUnreached, Message: text(), Hint: text()}
		}
		run.Results = append(run.Results, t)
	}
	return run
}

func TestEveryResultFits(t *testing.T) {
	valid := outputValidator(t)
	rounds := 40
	if testing.Short() {
		rounds = 20
	}
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 1))
		run := randomRun(r)
		structured, jsonText, text, links := parts(t, mcpserver.RunResult(run))
		linkText, err := json.Marshal(append([]mcp.ResourceLink{}, links...))
		if err != nil {
			t.Fatal(err)
		}
		for form, s := range map[string]string{"structured content": jsonText, "text": text} {
			if n := mcpserver.Width(s) + len(linkText); n >= mcpserver.MaxResult {
				t.Errorf("seed %d: the %s has %d characters with its links", seed, form, n)
			}
			if !utf8.ValidString(s) {
				t.Errorf("seed %d: the %s is not UTF-8", seed, form)
			}
		}
		if err := valid(structured); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		if len(structured.Results) != len(run.Results) {
			t.Fatalf("seed %d: %d results of %d", seed, len(structured.Results), len(run.Results))
		}
		for i, got := range structured.Results {
			honest(t, seed, run.Results[i], got)
		}
	}
}

// The most that the contract allows of everything that is never cut.
func TestTheLargestSkeletonFits(t *testing.T) {
	const most = 1<<53 - 1
	path := "/" + strings.Repeat("p", 4000)
	run := task.RunResult{RunID: strings.Repeat("r", 64), JournalPath: path, BaseCommit: strings.Repeat("a", 64), TotalDurationMS: most}
	for i := range 50 {
		long := strings.Repeat("x", 5000)
		run.Results = append(run.Results, task.Result{
			TaskID: fmt.Sprintf("%064d", i), Status: task.Timeout, ExitCode: -1, DurationMS: 1e9,
			Failure: &task.Failure{Kind: task.FailModelUnreached, Message: long, Hint: long},
			Patch:   long, Summary: long, PatchPath: path, WorkspacePath: path, Logs: task.Logs{Stdout: path, Stderr: path, Tail: long},
			Usage: task.Usage{InputTokens: 1e9, CachedInputTokens: 1e9, OutputTokens: 1e9, ReasoningTokens: 1e9, ModelRequests: 1e6},
		})
	}
	structured, jsonText, text, _ := parts(t, mcpserver.RunResult(run))
	if a, b := mcpserver.Width(jsonText), mcpserver.Width(text); max(a, b) >= mcpserver.MaxResult {
		t.Errorf("%d and %d characters", a, b)
	}
	if len(structured.Results) != 50 || structured.JournalPath != path {
		t.Error("something essential was cut")
	}
}

// honest says that what was cut is marked, and that what is not marked is whole.
func honest(t *testing.T, seed int, whole, got task.Result) {
	t.Helper()
	marked := map[string]bool{}
	for _, name := range got.Truncated {
		marked[name] = true
	}
	check := func(name string, a, b any) {
		if same := reflect.DeepEqual(a, b) || reflect.ValueOf(a).Len() == 0 && reflect.ValueOf(b).Len() == 0; same == (marked[name] && !marked["*"]) && !marked["*"] {
			t.Errorf("seed %d, %s: %s is whole: %v, marked: %v", seed, got.TaskID, name, same, marked[name])
		}
	}
	check("patch", whole.Patch, got.Patch)
	check("summary", whole.Summary, got.Summary)
	check("apply_check_log", whole.ApplyCheckLog, got.ApplyCheckLog)
	check("notes_for_manager", whole.NotesForManager, got.NotesForManager)
	check("logs.tail", whole.Logs.Tail, got.Logs.Tail)
	check("logs.stdout", whole.Logs.Stdout, got.Logs.Stdout)
	check("logs.stderr", whole.Logs.Stderr, got.Logs.Stderr)
	check("workspace_path", whole.WorkspacePath, got.WorkspacePath)
	check("patch_path", whole.PatchPath, got.PatchPath)
	check("files_changed", whole.FilesChanged, got.FilesChanged)
	check("evidence", whole.Evidence, got.Evidence)
	check("commands_run", whole.CommandsRun, got.CommandsRun)
	check("findings", whole.Findings, got.Findings)
	if got.TaskID != whole.TaskID || got.Status != whole.Status || got.ExitCode != whole.ExitCode || got.Usage != whole.Usage || got.PatchApplicable != whole.PatchApplicable {
		t.Errorf("seed %d: a fact changed: %+v", seed, got)
	}
}

func TestCuttingIsFairAndUsesTheRoom(t *testing.T) {
	run := task.RunResult{Results: []task.Result{
		{TaskID: "big", Patch: strings.Repeat("+line\n", 50_000), PatchPath: "/p/big.patch"},
		{TaskID: "mid", Patch: strings.Repeat("+line\n", 40_000)},
		{TaskID: "small", Patch: strings.Repeat("+line\n", 500), Summary: "done"},
	}}
	before := run.Results[0].Patch
	got, jsonText, text, _ := parts(t, mcpserver.RunResult(run))
	if got.Results[2].Patch != run.Results[2].Patch || len(got.Results[2].Truncated) > 0 {
		t.Error("the small patch was cut before the big ones")
	}
	if a, b := len(got.Results[0].Patch), len(got.Results[1].Patch); a != b {
		t.Errorf("the big ones got %d and %d", a, b)
	}
	if n := max(mcpserver.Width(jsonText), mcpserver.Width(text)); n < mcpserver.MaxResult-500 {
		t.Errorf("only %d characters were used", n)
	}
	if p := got.Results[0].Patch; !strings.HasPrefix(before, p[:1000]) || !strings.HasSuffix(p, "[cut here; 300000 bytes in all]") {
		t.Errorf("the patch ends in %q", p[len(p)-50:])
	}
	if run.Results[0].Patch != before {
		t.Error("the backend's own result was changed")
	}
	if !strings.Contains(strings.Join(got.Notes, " "), "patch_path") {
		t.Error("no word on where the rest is")
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

func TestAPanicEndsItsCallOnly(t *testing.T) {
	w := connect(t, func(_ context.Context, _ string, _ task.Request, progress func(task.Progress)) (task.RunResult, error) {
		progress(task.Progress{})
		panic("boom")
	}, mcpserver.Options{}, nil)
	w.send(call("1", `"progressToken":1`))
	m, _ := w.answer("1")
	if r := m.call(t); !r.IsError || !strings.Contains(r.text(), "boom") {
		t.Error(m)
	}
	w.send(request("2", "ping", "{}"))
	w.answer("2")
}

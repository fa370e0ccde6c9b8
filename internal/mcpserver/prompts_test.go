package mcpserver_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/mcpserver"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func TestPromptsSayWhatTheyAreGiven(t *testing.T) {
	w := connect(t, quick, mcpserver.Options{}, nil)
	offered := tools(t)
	for _, tc := range []struct {
		name, argument string
		says           []string // in this order
	}{
		{"delegate_to_codex", "goal", []string{"review_plan_with_codex", "ONE call of run_codex_tasks", "allowed_paths", "verify_commands", "evidence", "apply_codex_patches"}},
		{"review_codex_run", "run_id", []string{"get_codex_run", "task_id and section \"patch\"", "apply_codex_patches"}},
	} {
		for meta, value := range map[string]string{"": "{{goal}} $1 \\1 ü", modernMeta + "{}": "  20261122-1\n"} {
			arguments, err := json.Marshal(map[string]string{tc.argument: value})
			if err != nil {
				t.Fatal(err)
			}
			w.send(request("1", "prompts/get", `{"name":"`+tc.name+`","_meta":{`+meta+`},"arguments":`+string(arguments)+`}`))
			m, _ := w.answer("1")
			var r struct {
				Messages []struct {
					Role    string
					Content struct{ Type, Text string }
				}
			}
			if err := json.Unmarshal(m.Result, &r); err != nil || len(r.Messages) != 1 || r.Messages[0].Role != "user" || r.Messages[0].Content.Type != "text" {
				t.Fatalf("got %s", m)
			}
			text := r.Messages[0].Content.Text
			if want := strings.TrimSpace(value); !strings.Contains(text, want) || strings.Contains(strings.ReplaceAll(text, want, ""), "{{") {
				t.Errorf("%s with %q: %s", tc.name, value, text)
			}
			rest := text
			for _, s := range tc.says {
				_, after, found := strings.Cut(rest, s)
				if !found {
					t.Errorf("%s says nothing of %q, or too early: %s", tc.name, s, text)
				}
				rest = after
			}
			for _, word := range regexp.MustCompile(`[a-z_]*_codex[a-z_]*`).FindAllString(text, -1) {
				if offered[word] == nil {
					t.Errorf("%s names %s, which is no tool", tc.name, word)
				}
			}
		}
		for _, arguments := range []string{`{}`, `{"` + tc.argument + `":" \n"}`} {
			w.send(request("1", "prompts/get", `{"name":"`+tc.name+`","arguments":`+arguments+`}`))
			if m, _ := w.answer("1"); m.Error == nil || m.Error.Code != -32602 || !strings.Contains(m.raw, tc.argument) {
				t.Errorf("without an argument: %s", m)
			}
		}
	}
}

func TestCompletion(t *testing.T) {
	e := newEngine(nil)
	e.list = func(string) ([]task.RunSummary, error) { return summaries(150, "api", "app", "web"), nil }
	w := connectTo(t, e, mcpserver.Options{}, nil)
	const byTask = `{"type":"ref/resource","uri":"codex://runs/{run}/{task}/{section}{?offset}"}`
	for _, tc := range []struct {
		ref, name, typed, known string
		want                    []string
	}{
		{`{"type":"ref/prompt","name":"review_codex_run"}`, "run_id", "20261122-0150", `{}`, []string{"20261122-0150"}},
		{`{"type":"ref/prompt","name":"review_codex_run"}`, "run_id", "20261122-0050", `{}`, []string{}}, // not of the hundred newest
		{byTask, "run", "20261122-0150", `{}`, []string{"20261122-0150"}},
		{byTask, "task", "ap", `{"arguments":{"run":"20261122-0149"}}`, []string{"api", "app"}},
		{byTask, "task", "", `{"arguments":{"run":"nope"}}`, []string{}},
		{byTask, "task", "", `{}`, []string{}},
		{byTask, "section", "st", `{}`, []string{"stdout", "stderr"}},
		{`{"type":"ref/resource","uri":"codex://runs/{run}/{section}{?offset}"}`, "section", "", `{}`, []string{"report", "events"}},
		{`{"type":"ref/resource","uri":"file:///{path}"}`, "run", "", `{}`, []string{}},
		{`{"type":"ref/prompt","name":"delegate_to_codex"}`, "goal", "", `{}`, []string{}},
	} {
		w.send(request("1", "completion/complete", `{"ref":`+tc.ref+`,"argument":{"name":"`+tc.name+`","value":"`+tc.typed+`"},"context":`+tc.known+`}`))
		m, _ := w.answer("1")
		var r struct{ Completion struct{ Values []string } }
		if err := json.Unmarshal(m.Result, &r); err != nil {
			t.Fatalf("got %s", m)
		}
		if diff := cmp.Diff(tc.want, r.Completion.Values); diff != "" {
			t.Errorf("%s of %s (-want +got):\n%s", tc.name, tc.ref, diff)
		}
	}
	w.send(request("1", "completion/complete", `{"ref":`+byTask+`,"argument":{"name":"run","value":""}}`))
	m, _ := w.answer("1")
	if n := strings.Count(m.raw, "20261122-"); n != 100 {
		t.Errorf("%d runs, want 100", n)
	}
}

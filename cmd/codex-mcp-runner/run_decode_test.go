package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func ptr[T any](v T) *T { return &v }

// full has a value in every field.
var full = task.Request{
	RunID: "r1", BaseRef: "main", Concurrency: ptr(3), ResourcePolicy: "normal", DryRun: true, WaitSeconds: ptr(0),
	Tasks: []task.RequestTask{
		{
			ID: "api", Prompt: "Say \"hi\" — <b>\n\tthen # stop: here\n  - \u2028 😀 {x} [y] &a *b !c | > ' % @ `",
			AllowedPaths: []string{"src/**"}, AllowedCommands: []string{"npm test"}, TimeoutSec: ptr(60),
			VerifyCommands: []string{"npm test", "true"}, Image: "node:24", Model: "gpt-5.5", Attempts: ptr(2),
		},
		{ID: "docs", Prompt: " ", DependsOn: []string{"api"}},
	},
}

func TestTheJSONOfARequestIsThatRequest(t *testing.T) {
	for _, encode := range []func(any) ([]byte, error){
		json.Marshal,
		func(v any) ([]byte, error) { return json.MarshalIndent(v, "", "\t") },
	} {
		b, err := encode(full)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeRequest("x.json", b)
		if diff := cmp.Diff(full, got.Request); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s\n%s", err, diff, b)
		}
	}
}

func TestJSONOfOtherWriters(t *testing.T) {
	// Python escapes what is not ASCII, PHP the slashes.
	got, err := decodeRequest("x", []byte(`{"tasks":[{"task_id":"a","prompt":"\ud83d\ude00 a\/b \u0041"}]}`))
	if err != nil || got.Tasks[0].Prompt != "😀 a/b A" {
		t.Errorf("got %+v, %v", got.Tasks, err)
	}
}

func TestYAML(t *testing.T) {
	const text = `# what to do
base_ref: main
tasks:
  - task_id: api
    prompt: |
      Give /users a limit.
        And test it.
    allowed_paths: &paths [src/**, "test/**"]
    timeout_sec: 60
  - task_id: "2"
    prompt: >-
      Document
      it: yes
    allowed_paths: *paths
    allowed_commands: []
    depends_on: [api]
`
	want := task.Request{BaseRef: "main", Tasks: []task.RequestTask{
		{ID: "api", Prompt: "Give /users a limit.\n  And test it.\n", AllowedPaths: []string{"src/**", "test/**"}, TimeoutSec: ptr(60)},
		{ID: "2", Prompt: "Document it: yes", AllowedPaths: []string{"src/**", "test/**"}, AllowedCommands: []string{}, DependsOn: []string{"api"}},
	}}
	for _, text := range []string{text, "\ufeff" + text, "---\n" + text, strings.ReplaceAll(text, "\n", "\r\n")} {
		got, err := decodeRequest("x.yaml", []byte(text))
		if diff := cmp.Diff(want, got.Request); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
}

func TestWhatIsNoRequest(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"tasks:\n  - task_id: a\n    promt: x\n", `x:3:5: tasks[0].promt: There is no such key. Did you mean "prompt"?`},
		{"tasks: []\nbase-ref: x\n", `x:2:1: base-ref: There is no such key. Did you mean "base_ref"?`},
		{"tasks: []\nfoo: x\n", `x:2:1: foo: There is no such key. The keys here are base_ref, concurrency, dry_run, resource_policy, run_id, tasks, wait_seconds.`},
		{`{"tasks": [], "\u001b[2J\u202e": 1}`, `x:1:15: \x1b[2J\u202e: There is no such key.`},
		{"tasks:\n  - task_id: 12\n    prompt: x\n", `x:2:14: tasks[0].task_id: It must be a string. Put it in quotes.`},
		{"tasks:\n  - task_id: a\n    prompt: [x]\n", `tasks[0].prompt: It must be a string.`},
		{"tasks:\n  - task_id: a\n    prompt: !!str x\n", `tasks[0].prompt: It must be a string.`},
		{"tasks:\n  - just this\n", `x:2:5: tasks[0]: It must be a mapping of keys to values.`},
		{"tasks: do it\n", `x:1:8: tasks: It must be a list of mappings.`},
		{"concurrency: 1.5\ntasks: []", `x:1:14: concurrency: It must be a whole number.`},
		{"concurrency: 99999999999999999999\ntasks: []", `concurrency: It must be a whole number.`},
		{"dry_run: yes\ntasks: []", `x:1:10: dry_run: It must be true or false.`},
		{"tasks:\n  - task_id: a\n    allowed_paths:\n", `tasks[0].allowed_paths: It has no value. Leave the key out for the default, or write [] for none.`},
		{`{"tasks": null}`, `x:1:11: tasks: It has no value.`},
		{"tasks: []\ntasks: []\n", "x:2:1: "},
		{"tasks:\n  - task_id: *nope\n", `x:2:14: tasks[0].task_id: There is no anchor &nope before this alias.`},
		{"tasks: &a\n  - *a\n", `tasks[0]: It must be a mapping`},
		{"tasks: &a *a\n", `It cannot be read|more than 100000 values|no anchor`},
		{"tasks:\n  - &t {task_id: a, prompt: x}\n  - <<: *t\n    task_id: b\n", `x:3:5: tasks[1].<<: There is no such key.`},
		{"tasks: [", `x:1:8: It cannot be read as YAML or JSON: `},
		{"tasks:\n\t- x\n", `x:2:1: It cannot be read as YAML or JSON: `},
		{"a: 1\n---\nb: 2\n", `x: There are 2 documents in it.`},
		{"", `x: There are 0 documents in it.`},
		{"# nothing\n", `x: There are 0 documents in it.`},
		{"{}", `x: It has no key tasks.`},
		{"[]", `x:1:1: It must be a mapping of keys to values.`},
		{"tasks: \xff", `x: The text is not valid UTF-8.`},
	} {
		_, err := decodeRequest("x", []byte(c.text))
		found := false
		for want := range strings.SplitSeq(c.want, "|") {
			found = found || err != nil && strings.Contains(err.Error(), want)
		}
		if !found || len(task.Refusals(err)) == 0 {
			t.Errorf("%q:\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

func TestAllProblemsAreToldInTheOrderOfTheText(t *testing.T) {
	_, err := decodeRequest("x", []byte("run_id: 1\ntasks:\n  - task_id: 2\n    foo: 3\n    prompt: 4\nbar: 5\n"))
	var where []string
	for _, r := range task.Refusals(err) {
		where = append(where, r.Where)
	}
	want := []string{"x:1:9: run_id", "x:3:14: tasks[0].task_id", "x:4:5: tasks[0].foo", "x:5:13: tasks[0].prompt", "x:6:1: bar"}
	if diff := cmp.Diff(want, where); diff != "" {
		t.Error(diff)
	}
	_, err = decodeRequest("x", []byte("tasks:\n"+strings.Repeat("- 1\n", 50)))
	if all := task.Refusals(err); len(all) != maxInputProblems+1 || !strings.Contains(all[20].What, "30 problems") {
		t.Errorf("50 problems: %v", err)
	}
}

// Each alias stands for as much as its anchor: ten of ten of ten, and so on.
func TestAliasesDoNotMultiply(t *testing.T) {
	var b strings.Builder
	b.WriteString("tasks:\n  - task_id: a\n    prompt: x\n    allowed_paths: &p [" + strings.Repeat("a, ", 999) + "a]\n")
	for range 1000 {
		b.WriteString("  - {task_id: a, prompt: x, allowed_paths: *p}\n")
	}
	if _, err := decodeRequest("x", []byte(b.String())); err == nil || !strings.Contains(err.Error(), "more than 100000 values") {
		t.Errorf("a million values: %v", err)
	}
}

func TestWhatPolicyRefusesIsLocated(t *testing.T) {
	w, err := decodeRequest("t.yaml", []byte("tasks:\n  - task_id: a\n    prompt: x\n    timeout_sec: 5\n  - prompt: y\n"))
	if err != nil {
		t.Fatal(err)
	}
	err = w.located(errors.Join(
		&task.Refusal{Where: "tasks[0].timeout_sec", What: "Too short."},
		&task.Refusal{Where: "tasks[1].task_id", What: "Missing."},
		&task.Refusal{Where: "run_id", What: "Taken."},
		&task.Refusal{What: "No Docker."},
	))
	const want = `t.yaml:4:18: tasks[0].timeout_sec: Too short.
t.yaml:5:11: tasks[1].task_id: Missing.
run_id: Taken.
No Docker.`
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
	fault := errors.New("broken")
	if got := w.located(fault); !errors.Is(got, fault) {
		t.Errorf("a fault became %v", got)
	}
}

// Whatever is accepted says the same again: its JSON is the same request. And what
// is JSON means to us what it means to encoding/json.
func FuzzDecodeRequest(f *testing.F) {
	b, _ := json.Marshal(full)
	f.Add(string(b))
	f.Add("tasks:\n  - task_id: a\n    prompt: |\n      x\n    allowed_paths: &p [a]\n  - {task_id: b, prompt: y, allowed_paths: *p}\n")
	f.Add("tasks: []\nconcurrency: 0x10\ndry_run: true\n")
	f.Add(`{"tasks":[{"task_id":"a","prompt":"\ud83d\u0000"}]}`)
	f.Add("tasks: &a *a\n? [x]\n: y\n")
	f.Fuzz(func(t *testing.T, text string) {
		w, err := decodeRequest("x", []byte(text))
		if err != nil {
			return
		}
		again, err := json.Marshal(w.Request)
		if err != nil {
			t.Fatal(err)
		}
		back, err := decodeRequest("x", again)
		if err != nil {
			t.Fatalf("%q gives %s, which is refused: %v", text, again, err)
		}
		// omitempty makes no difference between an empty list and none.
		if diff := cmp.Diff(w.Request, back.Request, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%q gives %s (-want +got):\n%s", text, again, diff)
		}
		if !json.Valid([]byte(text)) {
			return
		}
		var want task.Request
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatalf("%q is accepted, and encoding/json says %v", text, err)
		}
		if diff := cmp.Diff(want, w.Request); diff != "" {
			t.Fatalf("%q (-encoding/json +ours):\n%s", text, diff)
		}
	})
}

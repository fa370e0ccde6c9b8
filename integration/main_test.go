//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

const fixSum = `*** Begin Patch
*** Update File: src/sum.js
@@
-export const sum = (xs) => xs.reduce((a, b) => a - b, 0)
+export const sum = (xs) => xs.reduce((a, b) => a + b, 0)
*** End Patch
`

func TestThreeTasksAtOnceGiveThreePatchesThatApply(t *testing.T) {
	t.Parallel()
	h := newHost(t,
		conversation("fix the sum", run("cat src/sum.js"), patch(fixSum), run("grep -c minus src/sum.js"), say("It adds now.")),
		conversation("move the file", run("git mv old.txt new.txt && sed -i s/six/seven/ new.txt"), say("It is moved.")),
		conversation("write a binary", run(`printf '\000\001\377' >src/blob && rm README.md`), say("Written.")),
	)
	s := h.serve()
	answer := s.start(map[string]any{"concurrency": 3, "run_id": "main", "tasks": []any{
		map[string]any{"task_id": "fix", "prompt": "Please fix the sum."},
		map[string]any{"task_id": "move", "prompt": "Please move the file."},
		map[string]any{"task_id": "binary", "prompt": "Please write a binary."},
	}}).raw()
	var got task.RunResult
	if err := json.Unmarshal(answer.StructuredContent, &got); err != nil || answer.IsError {
		t.Fatalf("%v: %s", err, answer.text())
	}

	if head := h.git(h.repo, "rev-parse", "HEAD"); got.RunID != "main" || got.BaseCommit != head {
		t.Errorf("run %q from %s, want main from %s", got.RunID, got.BaseCommit, head)
	}
	wants := []struct {
		id, summary string
		files       []string
		content     map[string]string
		commands    []task.Command
	}{
		{
			"fix", "It adds now.",
			[]string{"src/sum.js"},
			map[string]string{"src/sum.js": "export const sum = (xs) => xs.reduce((a, b) => a + b, 0)\n"},
			[]task.Command{{Cmd: "/bin/bash -c 'cat src/sum.js'"}, {Cmd: "/bin/bash -c 'grep -c minus src/sum.js'", ExitCode: 1}},
		},
		{
			"move", "It is moved.",
			[]string{"new.txt", "old.txt"},
			map[string]string{"new.txt": "one\ntwo\nthree\nfour\nfive\nseven\n"},
			nil,
		},
		{"binary", "Written.", []string{"README.md", "src/blob"}, map[string]string{"src/blob": "\x00\x01\xff"}, nil},
	}
	for i, want := range wants {
		r := got.Results[i]
		if r.TaskID != want.id || r.Status != task.Success || r.ExitCode != 0 || r.Failure != nil {
			t.Errorf("task %d is %s %s (exit %d, %+v, %+v)", i, r.TaskID, r.Status, r.ExitCode, r.Failure, r.Findings)
		}
		slices.Sort(r.FilesChanged)
		if diff := cmp.Diff(want.files, r.FilesChanged); diff != "" {
			t.Errorf("%s changed (-want +got):\n%s", want.id, diff)
		}
		if want.commands != nil {
			if diff := cmp.Diff(want.commands, r.CommandsRun); diff != "" {
				t.Errorf("%s ran (-want +got):\n%s", want.id, diff)
			}
		}
		if r.Summary != want.summary || !r.PatchApplicable || len(r.Evidence) == 0 || r.DurationMS <= 0 || r.Usage.ModelRequests < 2 {
			t.Errorf("%s: summary %q, applicable %t, evidence %q, %d ms, %+v", want.id, r.Summary, r.PatchApplicable, r.Evidence, r.DurationMS, r.Usage)
		}
		clone, paths := h.applied(got.BaseCommit, r, want.content)
		if diff := cmp.Diff(want.files, paths); diff != "" {
			t.Errorf("git sees in the patch of %s (-want +got):\n%s", want.id, diff)
		}
		if diff := cmp.Diff(want.files, h.differing(clone, got.BaseCommit)); diff != "" {
			t.Errorf("go-git sees in the patch of %s (-want +got):\n%s", want.id, diff)
		}
		for _, path := range []string{r.Logs.Stdout, r.Logs.Stderr, r.PatchPath, filepath.Join(got.JournalPath, "result.json")} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v", path, info, err)
			}
		}
		if _, err := os.Stat(r.WorkspacePath); !os.IsNotExist(err) {
			t.Errorf("the worktree %s is still there: %v", r.WorkspacePath, err)
		}
	}
	h.sameOnDiskAndInText(got, answer.text())

	again := s.start(map[string]any{"run_id": "main", "tasks": []any{map[string]any{"task_id": "fix", "prompt": "Please fix the sum."}}}).raw()
	if !again.IsError || !strings.Contains(again.text(), `a run "main" already`) {
		t.Errorf("the same run_id again: %+v", again)
	}
}

func TestProgressRisesAndEndsBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	h := newHost(t, does("sleep 1; echo hello"))
	s := h.serve()
	run := s.start(map[string]any{"tasks": []any{
		map[string]any{"task_id": "a", "prompt": "x"}, map[string]any{"task_id": "b", "prompt": "y"},
	}}).result()
	count := len(s.notifications("notifications/progress"))
	time.Sleep(time.Second)
	notes := s.notifications("notifications/progress")
	if len(notes) != count {
		t.Errorf("%d notifications came after the answer", len(notes)-count)
	}
	last, told := -1.0, ""
	for _, n := range notes {
		var p struct {
			ProgressToken string
			Progress      float64
			Total         float64
			Message       string
		}
		if err := json.Unmarshal(n.Params, &p); err != nil {
			t.Fatal(err)
		}
		if p.ProgressToken != "p" || p.Progress <= last || p.Total != 0 && p.Progress > p.Total {
			t.Errorf("after %v came %s", last, n.Params)
		}
		last, told = p.Progress, told+p.Message+"\n"
	}
	for _, want := range []string{"/2 done", "sleep 1"} {
		if !strings.Contains(told, want) {
			t.Errorf("no progress message says %q:\n%s", want, told)
		}
	}
	if run.Results[0].Status != task.Success {
		t.Errorf("%+v", run.Results[0])
	}
}

func TestAModelThatCallsFromCodeWorksToo(t *testing.T) {
	t.Parallel()
	h := newHost(t, conversation("", run("ls src"), patch(fixSum), say("Fixed.")))
	h.configure(map[string]any{"codex_model": "gpt-6.1-sol"})
	r := h.serve().run("Fix it.")
	if r.Status != task.Success || len(r.CommandsRun) == 0 || !cmp.Equal(r.FilesChanged, []string{"src/sum.js"}) {
		t.Errorf("%s, %+v, %q, %+v %+v", r.Status, r.CommandsRun, r.FilesChanged, r.Failure, r.Findings)
	}
}

func TestADryRunStartsNothing(t *testing.T) {
	t.Parallel()
	h := newHost(t, does("true"))
	s, since := h.serve(), time.Now()
	run := s.start(map[string]any{"dry_run": true, "run_id": "dry", "tasks": []any{map[string]any{"task_id": "a", "prompt": "x"}}}).result()
	if r := run.Results[0]; r.Status != task.Skipped || !strings.Contains(r.NotesForManager, "codex") {
		t.Errorf("%+v", r)
	}
	if n := created(t.Context(), t, s.cmd.Process.Pid, since); n != 0 {
		t.Errorf("%d containers were made", n)
	}
	if left, _ := filepath.Glob(h.state + "/codex-mcp-runner/*/runs/*"); len(left) > 0 || len(h.model.Requests()) > 0 {
		t.Errorf("a dry run left %v and asked the model %d times", left, len(h.model.Requests()))
	}
}

// Claude Code speaks this revision: no initialize, all of it in _meta.
func TestTheStatelessRevisionWorks(t *testing.T) {
	t.Parallel()
	h := newHost(t, does("echo hello"))
	s := h.launch()
	meta := map[string]any{
		"io.modelcontextprotocol/protocolVersion":    "2026-07-28",
		"io.modelcontextprotocol/clientCapabilities": map[string]any{},
		"io.modelcontextprotocol/clientInfo":         map[string]any{"name": "integration", "version": "1"},
		"progressToken":                              "p",
	}
	if m := s.call("server/discover", map[string]any{"_meta": meta}).wait(20 * time.Second); m.Error != nil {
		t.Fatalf("server/discover: %+v", m.Error)
	}
	run := s.call("tools/call", map[string]any{
		"_meta": meta, "name": "run_codex_tasks",
		"arguments": map[string]any{"tasks": []any{map[string]any{"task_id": "a", "prompt": "x"}}},
	}).result()
	if r := run.Results[0]; r.Status != task.Success || len(r.CommandsRun) != 1 {
		t.Errorf("%+v", r)
	}
	if len(s.notifications("notifications/progress")) == 0 {
		t.Error("no progress")
	}
}

func TestTheServerAnswersWhileATaskRuns(t *testing.T) {
	t.Parallel()
	h := newHost(t, does("sleep 2"))
	s, since := h.serve(), time.Now()
	call := s.start(map[string]any{"tasks": []any{map[string]any{"task_id": "a", "prompt": "x"}}})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	s.until("a container", func() bool { return len(containers(ctx, t, owner(s.cmd.Process.Pid))) == 1 })
	for i := range 3 {
		if m := s.call("tools/list", map[string]any{}).wait(5 * time.Second); m.Error != nil {
			t.Fatal(fmt.Sprint(i, m.Error))
		}
	}
	if r := call.result().Results[0]; r.Status != task.Success {
		t.Errorf("%+v", r)
	}
	if n := created(ctx, t, s.cmd.Process.Pid, since, "io.codex-mcp-runner.purpose=codex"); n != 1 {
		t.Errorf("one task made %d containers", n)
	}
}

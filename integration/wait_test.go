//go:build integration

package integration

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// A client whose calls are cut after a minute starts a run, and asks for it again
// until it is done.
func TestARunOutlivesThePatienceOfItsCaller(t *testing.T) {
	t.Parallel()
	h := newHost(t, works("a", "sleep 2; echo a >a"))
	s := h.serve()
	args := tasks("long", job("a", nil))
	args["wait_seconds"] = 0
	got := s.start(args).result()
	if got.Status != task.RunRunning || got.RunID != "long" || !strings.Contains(got.Next, "wait_codex_run") || !strings.Contains(got.Next, "long") {
		t.Fatalf("got %+v", got)
	}
	if len(got.Results) != 0 || len(got.Progress) != 1 || got.Progress[0].ID != "a" {
		t.Errorf("got %+v", got)
	}
	var looked struct{ Run *task.RunResult }
	s.tool("get_codex_run", map[string]any{"run_id": "long"}).into(&looked)
	if looked.Run == nil || looked.Run.Status != task.RunRunning {
		t.Errorf("while it runs: %+v", looked.Run)
	}
	for range 60 {
		if got.Status != task.RunRunning {
			break
		}
		got = s.tool("wait_codex_run", map[string]any{"run_id": "long", "wait_seconds": 1}).result()
	}
	if got.Status != task.RunDone || len(got.Results) != 1 || got.Results[0].Status != task.Success || !strings.Contains(got.Results[0].Patch, "+a") {
		t.Errorf("in the end: %+v", got)
	}
	h.kept("long", "result.json", &got)
	again := s.tool("wait_codex_run", map[string]any{"run_id": "long"}).result()
	if again.Status != task.RunDone || len(again.Results) != 1 {
		t.Errorf("asked again: %+v", again)
	}
	var list struct{ Runs []task.RunSummary }
	s.tool("list_codex_runs", map[string]any{}).into(&list)
	if len(list.Runs) != 1 || list.Runs[0].RunID != "long" || list.Runs[0].Succeeded != 1 {
		t.Errorf("the list: %+v", list)
	}
	if text := s.tool("wait_codex_run", map[string]any{"run_id": "lang"}).refusal(); !strings.Contains(text, `"long"`) {
		t.Errorf("of an unknown run: %s", text)
	}
}

// The events and the parts of a run can be read while it lives, from any process.
func TestAnotherServerSeesARunAndWaitsForIt(t *testing.T) {
	t.Parallel()
	h := newHost(t, works("a", "echo one; sleep 3; echo a >a"))
	s := h.serve()
	args := tasks("seen", job("a", nil))
	args["wait_seconds"] = 0
	s.start(args).result()
	other := h.serve()
	waiting := other.tool("wait_codex_run", map[string]any{"run_id": "seen"})
	if text := other.tool("cancel_codex_run", map[string]any{"run_id": "seen"}).refusal(); !strings.Contains(text, "another process") {
		t.Errorf("cancelling another's run: %s", text)
	}
	if got := waiting.result(); got.Status != task.RunDone || len(got.Results) != 1 || got.Results[0].Status != task.Success {
		t.Errorf("got %+v", got)
	}
	if len(other.notifications("notifications/progress")) == 0 {
		t.Error("no progress of another's run")
	}
	var events struct{ Page *task.Page }
	other.tool("get_codex_run", map[string]any{"run_id": "seen", "section": "events"}).into(&events)
	if events.Page == nil || !strings.Contains(events.Page.Text, `"state":"running"`) || !strings.Contains(events.Page.Text, `"state":"done"`) {
		t.Errorf("events: %+v", events.Page)
	}
	var transcript struct{ Page *task.Page }
	other.tool("get_codex_run", map[string]any{"run_id": "seen", "task_id": "a", "section": "transcript", "limit": 200}).into(&transcript)
	if p := transcript.Page; p == nil || !p.More || p.Next == 0 || !strings.HasPrefix(p.Text, "{") {
		t.Errorf("transcript: %+v", p)
	}
}

func TestOneTaskOfARunIsCancelled(t *testing.T) {
	t.Parallel()
	h := newHost(t, works("slow", "echo x >started; sleep 300"), works("quick", "echo q >q"))
	s := h.serve()
	call := s.start(tasks("part", job("slow", nil), job("quick", nil), job("after", map[string]any{"depends_on": []string{"slow"}})))
	h.begun(s, 1)
	s.tool("cancel_codex_run", map[string]any{"run_id": "part", "task_id": "slow"}).raw()
	got := call.result()
	if r := got.Results; r[0].Failure == nil || r[0].Failure.Kind != task.FailCancelled || r[1].Status != task.Success || r[2].Status != task.Skipped {
		t.Errorf("got %+v", r)
	}
}

func TestCancellingTheWaitLeavesTheRun(t *testing.T) {
	t.Parallel()
	h := newHost(t, works("a", "echo x >started; sleep 300"))
	s := h.serve()
	args := tasks("kept", job("a", nil))
	args["wait_seconds"] = 0
	s.start(args).result()
	h.begun(s, 1)
	waiting := s.tool("wait_codex_run", map[string]any{"run_id": "kept"})
	s.cancel(waiting)
	var looked struct{ Run *task.RunResult }
	s.tool("get_codex_run", map[string]any{"run_id": "kept"}).into(&looked)
	if looked.Run == nil || looked.Run.Status != task.RunRunning {
		t.Fatalf("it is %+v", looked.Run)
	}
	s.tool("cancel_codex_run", map[string]any{"run_id": "kept"}).raw()
	h.gone(s, time.Now())
	got := s.tool("wait_codex_run", map[string]any{"run_id": "kept"}).result()
	if got.Status != task.RunDone || got.Results[0].Failure == nil || got.Results[0].Failure.Kind != task.FailCancelled {
		t.Errorf("got %+v", got)
	}
	s.stop()
	waiting.unanswered()
}

// A run that nobody waits for ends with its server all the same.
func TestTheEndOfTheServerEndsRunsInTheBackground(t *testing.T) {
	t.Parallel()
	h := newHost(t, endless())
	s := h.serve()
	args := three("behind")
	args["wait_seconds"] = 0
	s.start(args).result()
	h.begun(s, 3)
	began := time.Now()
	_ = s.in.Close()
	h.gone(s, began)
	s.waitExit()
	var run task.RunResult
	h.kept("behind", "result.json", &run)
	if len(run.Results) != 3 || run.Results[0].Failure == nil || run.Results[0].Failure.Kind != task.FailCancelled {
		t.Errorf("got %+v", run)
	}
}

// Claude Code sends SIGINT, and half a second later SIGKILL. However far the server
// came, nothing runs on, with nobody there to end it; what lies about goes with
// the next server.
func TestAServerKilledWhileItStopsLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	h := newHost(t, endless())
	s := h.serve()
	s.start(three("hasty"))
	h.begun(s, 3)
	if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond)
	_ = s.cmd.Process.Signal(syscall.SIGKILL) // by then it may have ended by itself
	s.waitExit()
	s.until("all to end by themselves", func() bool { return len(running(t.Context(), t, owner(s.cmd.Process.Pid))) == 0 })
	next := h.serve()
	dry := three("dry")
	dry["dry_run"] = true
	next.start(dry).result()
	h.gone(s, time.Now())
}

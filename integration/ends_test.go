//go:build integration

package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/replay"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// endless is a task that does not end by itself.
func endless() replay.Conversation {
	return conversation("", run("echo x >started; sleep 300"), run("sleep 300"), run("sleep 300"), say("Never said."))
}

// three are the arguments of a run of three tasks.
func three(id string) map[string]any {
	var tasks []any
	for i := range 3 {
		tasks = append(tasks, map[string]any{"task_id": fmt.Sprintf("t%d", i), "prompt": "x"})
	}
	return map[string]any{"run_id": id, "concurrency": 3, "tasks": tasks}
}

// begun waits until each of n tasks has run its first command.
func (h *host) begun(s *server, n int) {
	h.t.Helper()
	s.until("tasks at work", func() bool {
		started, _ := filepath.Glob(h.state + "/codex-mcp-runner/*/work/*/tasks/*/*/*/started")
		return len(started) == n
	})
}

// gone waits until a server has no container and its tasks no worktree, and
// says how long that took.
func (h *host) gone(s *server, since time.Time) {
	h.t.Helper()
	s.until("all to be gone", func() bool { return len(containers(h.t.Context(), h.t, owner(s.cmd.Process.Pid))) == 0 })
	h.t.Logf("the containers were gone after %v", time.Since(since).Round(10*time.Millisecond))
	s.until("the worktrees to be gone", func() bool {
		left, _ := filepath.Glob(h.repo + "/.git/worktrees/*")
		dirs, _ := filepath.Glob(h.state + "/codex-mcp-runner/*/work/*")
		return len(left)+len(dirs) == 0
	})
	h.t.Logf("the worktrees were gone after %v", time.Since(since).Round(10*time.Millisecond))
}

// kept is what the journal says of a run.
func (h *host) kept(run, file string, v any) {
	h.t.Helper()
	found, _ := filepath.Glob(h.state + "/codex-mcp-runner/*/runs/" + run + "/" + file)
	if len(found) != 1 {
		h.t.Fatalf("the journal has %d %s of run %s", len(found), file, run)
	}
	b, err := os.ReadFile(found[0])
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

func (s *server) cancel(p pending) {
	s.t.Helper()
	s.notify("notifications/cancelled", map[string]any{"requestId": p.id, "reason": "changed my mind"})
}

// unanswered fails the test if a call had an answer; the server has ended.
func (p pending) unanswered() {
	p.s.t.Helper()
	select {
	case m := <-p.c:
		p.s.t.Errorf("a cancelled call was answered: %s %+v", m.Result, m.Error)
	default:
	}
}

func TestACancelWhileCodexRunsStopsAll(t *testing.T) {
	t.Parallel()
	h := newHost(t, endless())
	s := h.serve()
	call := s.start(three("cancelled"))
	h.begun(s, 3)
	began := time.Now()
	s.cancel(call)
	h.gone(s, began)
	var run task.RunResult
	s.until("the result in the journal", func() bool {
		found, _ := filepath.Glob(h.state + "/codex-mcp-runner/*/runs/cancelled/result.json")
		return len(found) == 1
	})
	h.kept("cancelled", "result.json", &run)
	for _, r := range run.Results {
		if r.Status != task.Failed || r.Failure == nil || r.Failure.Kind != task.FailCancelled || !strings.Contains(r.Failure.Message, "changed my mind") {
			t.Errorf("%s: %s %+v", r.TaskID, r.Status, r.Failure)
		}
	}
	count := len(s.notifications("notifications/progress"))
	if m := s.call("tools/list", map[string]any{}).wait(10 * time.Second); m.Error != nil {
		t.Errorf("the server is of no use after a cancel: %+v", m.Error)
	}
	if n := len(s.notifications("notifications/progress")) - count; n > 0 {
		t.Errorf("%d progress notifications came after the cancelled run's end", n)
	}
	s.stop()
	call.unanswered()
}

func TestACancelRightBehindTheCallIsNotLost(t *testing.T) {
	t.Parallel()
	h := newHost(t, endless())
	s := h.serve()
	var calls []pending
	for i := range 5 {
		calls = append(calls, s.start(three(fmt.Sprint("early", i))))
		s.cancel(calls[i])
	}
	if m := s.call("tools/list", map[string]any{}).wait(10 * time.Second); m.Error != nil {
		t.Fatal(m.Error)
	}
	h.gone(s, time.Now())
	s.stop()
	for _, c := range calls {
		c.unanswered()
	}
}

func TestACancelWhileContainersStartLeavesNone(t *testing.T) {
	t.Parallel()
	h := newHost(t, endless())
	s := h.serve()
	// Each cancel falls into another phase: worktree, create, attach, start, bridge.
	for i, after := range []time.Duration{50, 150, 300, 450} {
		call := s.start(three(fmt.Sprint("starting", i)))
		if i > 0 {
			s.until("a container", func() bool { return len(containers(t.Context(), t, owner(s.cmd.Process.Pid))) > 0 })
		}
		time.Sleep(after * time.Millisecond)
		s.cancel(call)
		h.gone(s, time.Now())
		defer call.unanswered()
	}
	s.stop()
}

func TestAnEndOfTheServerEndsItsTasks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		end  func(*server)
		code int
	}{
		{"EOF", func(s *server) { _ = s.in.Close() }, 0},
		{"SIGINT", func(s *server) { _ = s.cmd.Process.Signal(syscall.SIGINT) }, 130},
		{"SIGTERM", func(s *server) { _ = s.cmd.Process.Signal(syscall.SIGTERM) }, 130},
		{"SIGHUP", func(s *server) { _ = s.cmd.Process.Signal(syscall.SIGHUP) }, 130},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, endless())
			s := h.serve()
			s.start(three("ended"))
			h.begun(s, 3)
			began := time.Now()
			c.end(s)
			h.gone(s, began)
			s.waitExit()
			t.Logf("the server ended after %v", time.Since(began).Round(10*time.Millisecond))
			if code := s.exitCode(); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			var run task.RunResult
			h.kept("ended", "result.json", &run)
			for _, r := range run.Results {
				if r.Failure == nil || r.Failure.Kind != task.FailCancelled || r.Logs.Stdout == "" {
					t.Errorf("%s: %s %+v %+v", r.TaskID, r.Status, r.Failure, r.Logs)
				}
			}
		})
	}
}

func TestANewServerCleansUpAfterOneThatWasKilled(t *testing.T) {
	t.Parallel()
	h := newHost(t, endless())
	killed := h.serve()
	killed.start(three("lost"))
	h.begun(killed, 3)
	killed.signal(syscall.SIGKILL)
	left, _ := filepath.Glob(h.repo + "/.git/worktrees/*")
	if len(left) != 3 {
		t.Fatalf("a killed server cleaned up: %v", left)
	}
	transcripts, _ := filepath.Glob(h.state + "/codex-mcp-runner/*/runs/lost/tasks/*/transcript.jsonl")

	began := time.Now()
	s := h.serve()
	s.until("the containers to be gone", func() bool { return len(containers(t.Context(), t, owner(killed.cmd.Process.Pid))) == 0 })
	t.Logf("the containers were gone after %v", time.Since(began).Round(10*time.Millisecond))
	dry := three("dry")
	dry["dry_run"] = true
	s.start(dry).result()
	h.gone(s, time.Now())
	var record struct{ State string }
	h.kept("lost", "run.json", &record)
	if record.State != "lost" {
		t.Errorf("the run is %q", record.State)
	}
	for _, path := range transcripts {
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("the transcript was not kept: %v", err)
		}
	}
	if len(transcripts) != 3 {
		t.Errorf("there were %d transcripts", len(transcripts))
	}
}

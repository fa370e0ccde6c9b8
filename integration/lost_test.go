//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// inJournal waits until the journal has a file of a run.
func (h *host) inJournal(s *server, run, file string) {
	h.t.Helper()
	s.until(file+" in the journal", func() bool {
		found, _ := filepath.Glob(h.state + "/codex-mcp-runner/*/runs/" + run + "/" + file)
		return len(found) == 1
	})
}

// What was a success when the server was killed is there to be taken, and nothing
// is said to run that does not.
func TestTheGoodPatchesOfARunWhoseServerWasKilledAreApplied(t *testing.T) {
	t.Parallel()
	slow := endless()
	slow.Match = "prompt of slow."
	h := newHost(t, works("quick", "echo q >quick"), works("after", "cat quick && echo a >after"), slow)
	killed := h.serve()
	killed.start(tasks("lost", job("quick", nil), job("slow", nil), job("after", on("quick")), job("never", on("slow"))))
	h.inJournal(killed, "lost", "tasks/after/result.json")
	h.begun(killed, 1)
	if text := killed.tool("apply_codex_patches", map[string]any{"run_id": "lost"}).refusal(); !strings.Contains(text, "goes on") || !strings.Contains(text, "wait_codex_run") {
		t.Errorf("while it runs: %s", text)
	}
	killed.signal(syscall.SIGKILL)

	s := h.serve()
	r := s.tool("wait_codex_run", map[string]any{"run_id": "lost"}).raw()
	for _, want := range []string{"slow was running", "never was queued", "Run lost: lost, 2 of 4 tasks done"} {
		if !strings.Contains(r.text(), want) {
			t.Errorf("nothing says %q:\n%s", want, r.text())
		}
	}
	if out := h.cli("", "runs", "verify", "lost"); out.code != 0 || !strings.Contains(out.out, "quick  ok  success, attested") {
		t.Errorf("runs verify: %+v", out)
	}
	if out := h.cli("", "runs", "show", "lost"); out.code != 0 || !strings.Contains(out.out, "was running") || !strings.Contains(out.out, "runs apply lost") {
		t.Errorf("runs show: %+v", out)
	}
	for _, id := range []string{"slow", "never"} {
		text := s.tool("apply_codex_patches", map[string]any{"run_id": "lost", "tasks": []string{id}}).refusal()
		if !strings.Contains(text, `"slow" of run "lost" has no result`) {
			t.Errorf("%s: %s", id, text)
		}
	}
	h.gone(killed, time.Now())
	h.unchanged()

	base := h.git(h.repo, "rev-parse", "HEAD")
	got := s.apply(map[string]any{"run_id": "lost"})
	if !got.Applied || got.Start != base || len(got.Tasks) != 2 {
		t.Errorf("%+v", got)
	}
	log := h.log(base + "..codex/lost")
	if len(log) != 2 || !strings.HasPrefix(log[0], "quick: prompt of quick.|lost|quick|sha256:") || !strings.HasPrefix(log[1], "after: ") {
		t.Errorf("commits: %q", log)
	}
	h.changes()
}

// Two servers, in two checkouts of one repository: they share its runs and leave
// each other's alone, and what is applied goes to the checkout that one is in.
func TestTheCheckoutsOfARepositoryShareItsRuns(t *testing.T) {
	t.Parallel()
	h := newHost(t, works("a", "echo started >started; sleep 15; rm started; echo a >a"), works("b", "echo b >b"))
	main, linked := h.repo, filepath.Join(t.TempDir(), "lwt")
	h.git(main, "worktree", "add", "-q", "-b", "side", linked)
	first := h.serve()
	call := first.start(tasks("r1", job("a", nil)))
	h.begun(first, 1)

	h.repo = linked
	second := h.serve()
	if r := second.start(tasks("r2", job("b", nil))).result().Results[0]; r.Status != task.Success {
		t.Errorf("b: %s %+v %+v", r.Status, r.Failure, r.Findings)
	}
	var record struct{ State task.RunStatus }
	if h.kept("r1", "run.json", &record); record.State != task.RunRunning {
		t.Fatalf("while a is at work its run is %s", record.State)
	}
	if r := second.tool("wait_codex_run", map[string]any{"run_id": "r1"}).result(); r.Status != task.RunDone || len(r.Results) != 1 {
		t.Errorf("the run of the other checkout: %+v", r)
	}
	if r := call.result().Results[0]; r.Status != task.Success {
		t.Fatalf("a: %s %+v %+v", r.Status, r.Failure, r.Findings)
	}
	got := second.apply(map[string]any{"run_id": "r1", "target": "checkout"})
	if !got.Applied || got.Branch != "side" {
		t.Errorf("%+v", got)
	}
	if b, err := os.ReadFile(filepath.Join(linked, "a")); err != nil || string(b) != "a\n" {
		t.Errorf("%q, %v", b, err)
	}
	if status := h.git(main, "status", "--porcelain"); status != "" || h.git(main, "log", "--format=%s", "main..side") != "a: prompt of a." {
		t.Errorf("the main checkout: %s", status)
	}
	h.repo = main
	h.changes()
}

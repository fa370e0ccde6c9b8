package runner_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// A patch is as good as it was when its worktree cannot be removed; that one lies
// about is in what is judged and attested, with what to do about it.
func TestAWorktreeThatStaysIsReportedAndFailsNothing(t *testing.T) {
	w := newWorld()
	w.collect = eachPatches
	w.verifies(exits(0))
	w.remove = func(name string) error { return errors.New("busy; to do it by hand, run: rm -rf " + name) }
	plan := w.plan("a")
	plan.Tasks[0].VerifyCommands = []string{"npm test"}
	res := must(t)(w.start(t.Context(), plan))
	r := res.Results[0]
	if r.Status != task.Success || len(r.Findings) != 2 {
		t.Fatalf("%s, %+v, %+v", r.Status, r.Failure, r.Findings)
	}
	for i, dir := range []string{"/work/run-a-verify", "/work/run-a"} {
		f := r.Findings[i]
		if f.Rule != "worktree-left" || f.Severity != task.SeverityWarning || f.Evidence != dir || !strings.Contains(f.Detail, "Worktree cleanup failed: busy; to do it by hand, run: rm -rf ") {
			t.Errorf("%+v", f)
		}
	}
	if last := w.judged[len(w.judged)-1]; len(last.Changes.Findings) != 2 {
		t.Errorf("what was judged last has %+v", last.Changes.Findings)
	}
}

// A task that broke down says both: why, and what it left.
func TestATaskThatBreaksDownSaysWhatItLeft(t *testing.T) {
	w := newWorld()
	w.collect = func(string) (task.Changes, error) { return task.Changes{}, errors.New("the disk is full") }
	w.remove = func(string) error { return errors.New("run: rm -rf it") }
	r := must(t)(w.start(t.Context(), w.plan("a"))).Results[0]
	if f := r.Failure; r.Status != task.Failed || f == nil || f.Kind != task.FailInternal ||
		!strings.Contains(f.Message, "the disk is full") || !strings.Contains(f.Message, "run: rm -rf it") {
		t.Errorf("%s, %+v", r.Status, f)
	}
}

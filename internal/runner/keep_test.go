package runner_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// A worktree is for a person to look at if the configuration says so, however its
// task failed. A verify command's is made for it alone, and never stays.
func TestWhichWorktreesStay(t *testing.T) {
	ends := map[string]struct {
		change func(*world)
		status task.Status
	}{
		"success": {func(*world) {}, task.Success},
		"no turn": {func(w *world) { w.run = says("") }, task.Failed},
		"timeout": {func(w *world) {
			w.judge = func(task.Evidence) task.Verdict { return task.Verdict{Status: task.Timeout} }
		}, task.Timeout},
		"verify":       {func(w *world) { w.verifies(exits(1)) }, task.Failed},
		"not gathered": {func(w *world) { w.collect = broken }, task.Failed},
		"not committed": {func(w *world) {
			w.commit = func(string) error { return errors.New("the disk is full") }
		}, task.Failed},
	}
	for keep, stays := range map[string]func(task.Status) bool{
		"never":  func(task.Status) bool { return false },
		"failed": func(s task.Status) bool { return s != task.Success },
		"always": func(task.Status) bool { return true },
	} {
		for name, end := range ends {
			w := newWorld()
			w.collect = eachPatches
			end.change(w)
			plan := w.plan("a")
			plan.Tasks[0].KeepWorktree, plan.Tasks[0].VerifyCommands = keep, []string{"npm test"}
			r := must(t)(w.start(t.Context(), plan)).Results[0]
			want := "remove run-a keep=false"
			if stays(end.status) {
				want = "remove run-a keep=true"
			}
			if r.Status != end.status || !slices.Contains(w.events, want) || slices.Contains(w.events, "remove run-a-verify keep=true") {
				t.Errorf("%s after %s: %s, did %q, want %q", keep, name, r.Status, w.events, want)
			}
		}
	}
}

func broken(string) (task.Changes, error) { return task.Changes{}, errors.New("the disk is full") }

// What a task may use is what its container gets.
func TestCodexRunsInTheContainerThatWasAskedFor(t *testing.T) {
	w := newWorld()
	var seen []task.Container
	w.run = func(ctx context.Context, c task.Container, s task.Streams) (task.Exit, error) {
		seen = append(seen, c)
		return says(completed)(ctx, c, s)
	}
	plan := w.plan("a")
	spec := &plan.Tasks[0]
	spec.Network, spec.SandboxMode, spec.Ephemeral = task.NetworkAllow, task.SandboxDangerFullAccess, false
	spec.Image, spec.Runtime, spec.Env = "node:22", "runsc", map[string]string{"NODE_ENV": "test"}
	spec.CodexCommand, spec.Limits = "/opt/codex", task.Limits{CPUs: 2, MemoryBytes: 1 << 30}
	must(t)(w.start(t.Context(), plan))
	if len(seen) != 1 || len(seen[0].Files) == 0 || len(seen[0].Command) == 0 || seen[0].Command[0] != "/opt/codex" {
		t.Fatalf("got %+v", seen)
	}
	want := task.Container{
		RunID: "run", TaskID: "a", Purpose: "codex", Image: "node:22", Runtime: "runsc",
		Command: seen[0].Command, Files: seen[0].Files, Env: spec.Env, Tree: task.Tree{Dir: "/work/run-a", UID: 1, GID: 1},
		Mode: task.SandboxDangerFullAccess, KeepSessions: true, Network: task.NetworkAllow, Limits: spec.Limits,
	}
	if diff := cmp.Diff(want, seen[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

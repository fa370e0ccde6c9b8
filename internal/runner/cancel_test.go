package runner_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func TestOneTaskCanBeCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.run = func(ctx context.Context, c task.Container, s task.Streams) (task.Exit, error) {
			if c.TaskID == "running" {
				return hangs("")(ctx, c, s)
			}
			time.Sleep(time.Minute)
			return says(completed)(ctx, c, s)
		}
		plan := w.plan("running", "other", "waiting", "last", "dependent", "late")
		plan.Concurrency = 2
		after(&plan, "dependent", "running", "last")
		after(&plan, "late", "waiting")
		cause := errors.New("cancelled by cancel_codex_run")
		time.AfterFunc(time.Second, func() { w.cancel("running", cause); w.cancel("waiting", cause) })
		begun := time.Now()
		res := must(t)(w.start(t.Context(), plan))

		if took := time.Since(begun); took != 61*time.Second {
			t.Errorf("took %v", took)
		}
		want := []task.Status{task.Failed, task.Success, task.Skipped, task.Success, task.Skipped, task.Skipped}
		if got := statuses(res.Results); !slices.Equal(got, want) {
			t.Fatalf("got %v", got)
		}
		if f := res.Results[0].Failure; f.Kind != task.FailCancelled || f.Message != cause.Error() {
			t.Errorf("got %+v", f)
		}
		for i, note := range map[int]string{
			2: "Not started: cancelled by cancel_codex_run.",
			4: "Not started: it depends on running (failed).",
			5: "Not started: it depends on waiting (skipped).",
		} {
			if got := res.Results[i].NotesForManager; got != note {
				t.Errorf("%s: %q", res.Results[i].TaskID, got)
			}
		}
		if w.attached() != 6 {
			t.Errorf("attached %d of 6 tasks", w.attached())
		}
		// A task that waits is done at once, not when a slot is free.
		for _, p := range w.shown {
			if p.Tasks[1].State == task.Done && p.Tasks[2].State != task.Done {
				t.Errorf("the cancelled task still waits: %+v", p.Tasks[2])
			}
		}
	})
}

func TestTheMeansToCancelAreThereBeforeTheRunBegins(t *testing.T) {
	w := newWorld()
	w.ready = func() error {
		if w.attached() != 0 {
			t.Error("a run that may yet be refused has handed out its tasks")
		}
		return nil
	}
	w.begin = func() {
		if w.attached() != 2 {
			t.Errorf("attached %d of 2 tasks", w.attached())
		}
		w.cancel("a", errors.New("at once"))
	}
	res := must(t)(w.start(t.Context(), w.plan("a", "b")))
	if res.Results[0].NotesForManager != "Not started: at once." || res.Results[1].Status != task.Success {
		t.Errorf("got %+v", res.Results)
	}
}

// Whatever else takes long, every container is told to die in the moment of the
// cancel.
func TestNothingStandsBeforeAKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		var cancelled atomic.Pointer[time.Time]
		slow := func(string) error {
			if cancelled.Load() != nil {
				time.Sleep(time.Minute)
			}
			return nil
		}
		w.write, w.remove = slow, slow
		w.collect = func(name string) (task.Changes, error) {
			if name == "run-t7" { // it is being collected when the end comes
				time.Sleep(time.Hour)
			}
			return eachPatches(name)
		}
		killed := map[string]time.Duration{}
		w.run = func(ctx context.Context, c task.Container, s task.Streams) (task.Exit, error) {
			switch {
			case c.TaskID == "t7", c.TaskID == "t8", c.TaskID == "t9", c.TaskID == "t6" && c.Purpose == "codex":
				return says(completed)(ctx, c, s)
			}
			exit, err := hangs("")(ctx, c, s)
			w.mu.Lock()
			killed[c.Tree.Dir] = time.Since(*cancelled.Load())
			w.mu.Unlock()
			return exit, err
		}
		var ids []string
		for i := range 10 {
			ids = append(ids, fmt.Sprint("t", i))
		}
		plan := w.plan(append(ids, "waits")...)
		plan.Tasks[5].Attempts, plan.Tasks[6].VerifyCommands = 3, []string{"sleep 1000"}
		plan.Concurrency = 12
		after(&plan, "waits", "t0")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() {
			now := time.Now()
			cancelled.Store(&now)
			cancel(errors.New("going down"))
		})
		res := must(t)(w.start(ctx, plan))
		if got := res.Results[8]; got.Status != task.Success || res.Results[9].Status != task.Success {
			t.Errorf("what had ended before is %+v", got)
		}
		if len(killed) != 9 { // t0 to t4, three of t5, t6's verify command
			t.Errorf("killed %v", killed)
		}
		for name, after := range killed {
			if after != 0 {
				t.Errorf("%s was killed %v late", name, after)
			}
		}
		for _, e := range only(w.events, "collect", "rollout") {
			if !slices.Contains([]string{"collect run-t6", "collect run-t7", "collect run-t8", "collect run-t9"}, e) {
				t.Errorf("did %q of a cancelled task", e)
			}
		}
		if len(w.merges) > 0 {
			t.Error("a cancelled run looked whether its patches combine")
		}
	})
}

func TestACancelWhileChangesAreCollectedIsACancel(t *testing.T) {
	w := newWorld()
	ctx, cancel := context.WithCancelCause(t.Context())
	w.collect = func(string) (task.Changes, error) {
		cancel(errors.New("the client cancelled"))
		return task.Changes{}, context.Canceled
	}
	r := must(t)(w.start(ctx, w.plan("a"))).Results[0]
	if r.Failure == nil || r.Failure.Kind != task.FailCancelled || !strings.Contains(r.Failure.Message, "the client cancelled") {
		t.Errorf("got %+v", r)
	}
}

func TestACancelBeforeTheTasksSkipsThemAll(t *testing.T) {
	w := newWorld()
	ctx, cancel := context.WithCancelCause(t.Context())
	w.begin = func() { cancel(errors.New("the client cancelled")) }
	res := must(t)(w.start(ctx, w.plan("a", "b")))
	for _, r := range res.Results {
		if r.Status != task.Skipped || r.NotesForManager != "Not started: the client cancelled." {
			t.Errorf("got %+v", r)
		}
	}
	if w.result == nil || w.shown[len(w.shown)-1].DoneCount() != 2 {
		t.Error("the run did not end")
	}
}

func TestACancelWhileDependenciesAreMergedSkips(t *testing.T) {
	w := newWorld()
	w.collect = eachPatches
	w.merge = func(commits []string) error {
		if len(w.merges) == 1 {
			w.cancel("c", errors.New("enough"))
		}
		return nil
	}
	plan := w.plan("a", "b", "c")
	after(&plan, "c", "a", "b")
	r := must(t)(w.start(t.Context(), plan)).Results[2]
	if r.Status != task.Skipped || r.NotesForManager != "Not started: enough." || r.Failure != nil {
		t.Errorf("got %+v", r)
	}
}

// Whoever cancels a task may want to see how far it came; when the server goes
// down there is no time for that.
func TestWhatATaskHadDoneWhenSomebodyCancelledItIsKept(t *testing.T) {
	for name, c := range map[string]struct {
		cause error
		kept  bool
	}{
		"asked for":            {&task.CancelRequest{Err: errors.New("by cancel_codex_run")}, true},
		"the server goes down": {errors.New("by SIGTERM"), false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				w.run, w.collect = hangs(""), eachPatches
				time.AfterFunc(time.Second, func() { w.cancel("a", c.cause) })
				r := must(t)(w.start(t.Context(), w.plan("a"))).Results[0]
				if f := r.Failure; f == nil || f.Kind != task.FailCancelled || f.Message != c.cause.Error() {
					t.Errorf("got %+v", f)
				}
				if kept := r.Patch != "" && r.PatchPath != "" && len(r.FilesChanged) == 1; kept != c.kept {
					t.Errorf("the patch %q is in %q", r.Patch, r.PatchPath)
				}
			})
		})
	}
}

package live_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/live"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func at(state task.State) task.Progress {
	return task.Progress{RunID: "r", Tasks: []task.TaskProgress{{ID: "a", State: state}}}
}

// patient works until it is cancelled, and says why it was.
func patient(ctx context.Context, run *live.Run) (task.RunResult, error) {
	run.Begun()
	<-ctx.Done()
	return task.RunResult{RunID: run.ID(), Notes: []string{context.Cause(ctx).Error()}}, nil
}

func start(t *testing.T, runs *live.Runs, id string, work func(context.Context, *live.Run) (task.RunResult, error)) *live.Run {
	t.Helper()
	run, err := runs.Start(t.Context(), id, id, work)
	if err == nil {
		err = run.Ready(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func TestARunOutlivesTheCallThatStartedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := live.New()
		call, hangUp := context.WithCancel(t.Context())
		run, err := runs.Start(call, "r", "r", func(ctx context.Context, run *live.Run) (task.RunResult, error) {
			run.Begun()
			run.Post(at(task.Running))
			select {
			case <-ctx.Done():
				return task.RunResult{}, context.Cause(ctx)
			case <-time.After(time.Hour):
			}
			run.Post(at(task.Done))
			return task.RunResult{RunID: "r", BaseCommit: "c"}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		patience, stop := context.WithTimeout(call, time.Minute)
		defer stop()
		result, done, err := run.Wait(patience, nil)
		if done || err != nil || !cmp.Equal(result.Progress, at(task.Running).Tasks) {
			t.Errorf("after a minute: %+v, %t, %v", result, done, err)
		}
		hangUp()
		var seen []task.State
		result, done, err = runs.Find("r").Wait(t.Context(), func(p task.Progress) { seen = append(seen, p.Tasks[0].State) })
		if !done || err != nil || result.BaseCommit != "c" {
			t.Errorf("in the end: %+v, %t, %v", result, done, err)
		}
		if diff := cmp.Diff([]task.State{task.Running, task.Done}, seen); diff != "" {
			t.Errorf("progress (-want +got):\n%s", diff)
		}
		runs.Wait()
	})
}

func TestACallThatEndsBeforeTheRunHasBegunTakesItAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := live.New()
		call, hangUp := context.WithTimeoutCause(t.Context(), time.Second, errors.New("hung up"))
		defer hangUp()
		run, err := runs.Start(call, "r", "r", func(ctx context.Context, _ *live.Run) (task.RunResult, error) {
			<-ctx.Done()
			return task.RunResult{}, context.Cause(ctx)
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := run.Ready(call); err == nil || err.Error() != "hung up" {
			t.Errorf("got %v", err)
		}
		runs.Wait()
	})
}

func TestARefusedRunSaysSoAtOnce(t *testing.T) {
	runs := live.New()
	refusal := &task.Refusal{What: "No."}
	run, err := runs.Start(t.Context(), "r", "r", func(context.Context, *live.Run) (task.RunResult, error) {
		return task.RunResult{}, refusal
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Ready(t.Context()); !errors.Is(err, refusal) {
		t.Errorf("got %v", err)
	}
	if runs.Find("r") != nil {
		t.Error("a run that never began is found under a name that may be another's")
	}
	if _, done, err := run.Wait(t.Context(), nil); !done || !errors.Is(err, refusal) {
		t.Errorf("got %t, %v", done, err)
	}
}

func TestCancellingATaskLeavesTheOthers(t *testing.T) {
	runs := live.New()
	cancelled := make(chan error, 1)
	run := start(t, runs, "r", func(ctx context.Context, run *live.Run) (task.RunResult, error) {
		run.Attach("a", func(cause error) { cancelled <- cause })
		run.Attach("b", func(error) { t.Error("b was cancelled") })
		return patient(ctx, run)
	})
	if err := run.Cancel("a", errors.New("why")); err != nil || (<-cancelled).Error() != "why" {
		t.Errorf("got %v", err)
	}
	if err := run.Cancel("c", nil); len(task.Refusals(err)) != 1 || !strings.Contains(err.Error(), "It has a, b.") {
		t.Errorf("got %v", err)
	}
	if err := run.Cancel("", errors.New("all")); err != nil {
		t.Error(err)
	}
	if result, done, err := run.Wait(t.Context(), nil); !done || err != nil || result.Notes[0] != "all" {
		t.Errorf("got %+v, %t, %v", result, done, err)
	}
	if err := run.Cancel("", errors.New("again")); err != nil {
		t.Errorf("cancelling what has ended: %v", err)
	}
}

func TestStopEndsAllAndLetsNoneBegin(t *testing.T) {
	runs := live.New()
	var all []*live.Run
	for i := range 5 {
		all = append(all, start(t, runs, fmt.Sprint(i), patient))
	}
	runs.Stop(errors.New("EOF"))
	runs.Wait()
	for _, run := range all {
		if result, done, err := run.Wait(t.Context(), nil); !done || err != nil || result.Notes[0] != "EOF" {
			t.Errorf("got %+v, %t, %v", result, done, err)
		}
	}
	if _, err := runs.Start(t.Context(), "x", "x", patient); !errors.Is(err, live.ErrStopped) {
		t.Errorf("got %v", err)
	}
}

func TestAKeyIsTakenWhileItsRunLives(t *testing.T) {
	runs := live.New()
	first := start(t, runs, "r", patient)
	if _, err := runs.Start(t.Context(), "r", "r", patient); len(task.Refusals(err)) != 1 {
		t.Errorf("got %v", err)
	}
	_ = first.Cancel("", errors.New("enough"))
	if _, done, _ := first.Wait(t.Context(), nil); !done {
		t.Fatal("it goes on")
	}
	second := start(t, runs, "r", patient)
	if runs.Find("r") != second {
		t.Error("the old run is found")
	}
	runs.Stop(nil)
	runs.Wait()
}

func TestOldEndsAreForgotten(t *testing.T) {
	runs := live.New()
	for i := range 40 {
		run := start(t, runs, fmt.Sprint(i), func(_ context.Context, run *live.Run) (task.RunResult, error) {
			run.Begun()
			return task.RunResult{}, nil
		})
		if _, done, _ := run.Wait(t.Context(), nil); !done {
			t.Fatal("it goes on")
		}
		runs.Wait()
	}
	if runs.Find("39") == nil || runs.Find("8") == nil || runs.Find("7") != nil {
		t.Error("want the newest 32 to be remembered, and no others")
	}
}

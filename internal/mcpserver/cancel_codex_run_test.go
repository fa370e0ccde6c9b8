package mcpserver_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/golden"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/mcpserver"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// ending works until it is cancelled and then gives a result that says so, after
// a while.
func ending(while time.Duration) work {
	return func(ctx context.Context, _ string, req task.Request, progress func(task.Progress)) (task.RunResult, error) {
		progress(running(req, "x"))
		<-ctx.Done()
		time.Sleep(while)
		r := task.RunResult{RunID: req.RunID}
		for _, t := range req.Tasks {
			r.Results = append(r.Results, task.Result{TaskID: t.ID, Status: task.Failed, Failure: &task.Failure{
				Kind: task.FailCancelled, Message: context.Cause(ctx).Error(),
			}})
		}
		return r, nil
	}
}

func TestCancelRunSaysWhatCameOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(ending(3 * time.Second))
		w := connectTo(t, e, mcpserver.Options{}, nil)
		w.send(runs("1", "r", `,"wait_seconds":0`))
		w.answer("1")
		synctest.Wait()
		before := time.Now()
		got, r := ask[mcpserver.CancelOutput](t, w, "2", "cancel_codex_run", `{"run_id":"r"}`)
		if !got.Cancelled || got.RunID != "r" || got.Run.Status != task.RunDone || len(got.Run.Results) != 2 || time.Since(before) != 3*time.Second {
			t.Errorf("after %v: %+v", time.Since(before), got)
		}
		golden.Check(t, "cancel.txt", r.text())
		// Once more: nothing is left to cancel, and that is no error.
		for i, arguments := range []string{`{"run_id":"r"}`, `{"run_id":"r","task_id":"a"}`} {
			got, r = ask[mcpserver.CancelOutput](t, w, []string{"3", "4"}[i], "cancel_codex_run", arguments)
			if got.Cancelled || !strings.Contains(r.text(), "had ended already") || len(got.Run.Results) != 2 {
				t.Errorf("%s: %+v", arguments, got)
			}
		}
		if diff := cmp.Diff([]string{"cancel r: " + mcpserver.ErrCancelRequested.Error()}, e.logged()); diff != "" {
			t.Error(diff)
		}
		for arguments, want := range map[string]string{
			`{"run_id":"x"}`:                    "The runs are: r.",
			`{"run_id":"r","task_id":"c"}`:      "It has a, b.",
			`{"run_id":".."}`:                   "dots",
			`{"run_id":"r","task_id":"../../"}`: "task_id",
		} {
			if text := refused(t, w, "5", "cancel_codex_run", arguments); !strings.Contains(text, want) {
				t.Errorf("%s: %s", arguments, text)
			}
		}
		w.close()
	})
}

func TestCancelDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := connect(t, ending(time.Minute), mcpserver.Options{}, nil)
		w.send(runs("1", "r", `,"wait_seconds":0`))
		w.answer("1")
		synctest.Wait()
		before := time.Now()
		got, _ := ask[mcpserver.CancelOutput](t, w, "2", "cancel_codex_run", `{"run_id":"r"}`)
		if !got.Cancelled || got.Run.Status != task.RunRunning || !strings.Contains(got.Run.Next, "is being stopped") || !strings.Contains(got.Run.Next, `wait_codex_run with {"run_id": "r"}`) || time.Since(before) != mcpserver.SettleTime {
			t.Errorf("after %v: %+v", time.Since(before), got)
		}
		time.Sleep(time.Minute)
		w.close()
	})
}

// byTask cancels single tasks: its runs have the state of each.
type byTask struct {
	*engine
	cancelled chan string
}

func (b byTask) Cancel(_ context.Context, _, _, taskID string, _ error) error {
	b.cancelled <- taskID
	return nil
}

func TestCancelOfATaskLetsTheOthersGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cancelled := make(chan string, 1)
		e := newEngine(func(_ context.Context, _ string, req task.Request, progress func(task.Progress)) (task.RunResult, error) {
			p := running(req, "x")
			progress(p)
			id := <-cancelled
			time.Sleep(2 * time.Second)
			p = running(req, "x")
			for i := range p.Tasks {
				if p.Tasks[i].ID == id {
					p.Tasks[i] = task.TaskProgress{ID: id, State: task.Done, Status: task.Failed}
				}
			}
			progress(p)
			time.Sleep(time.Hour)
			return task.RunResult{}, nil
		})
		w := connectTo(t, byTask{e, cancelled}, mcpserver.Options{}, nil)
		w.send(runs("1", "r", `,"wait_seconds":0`))
		w.answer("1")
		synctest.Wait()
		before := time.Now()
		got, _ := ask[mcpserver.CancelOutput](t, w, "2", "cancel_codex_run", `{"run_id":"r","task_id":"b"}`)
		if !got.Cancelled || got.TaskID != "b" || time.Since(before) != 2*time.Second {
			t.Errorf("after %v: %+v", time.Since(before), got)
		}
		if p := got.Run.Progress; got.Run.Status != task.RunRunning || len(p) != 2 || p[0].State != task.Running || p[1].State != task.Done {
			t.Errorf("got %+v", got.Run)
		}
		time.Sleep(2 * time.Hour)
		w.close()
	})
}

// A task that was skipped has no result before the run has.
func TestATaskThatWasSkippedIsNotCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(func(ctx context.Context, _ string, req task.Request, progress func(task.Progress)) (task.RunResult, error) {
			p := running(req, "x")
			p.Tasks[1] = task.TaskProgress{ID: "b", State: task.Done, Status: task.Skipped}
			progress(p)
			<-ctx.Done()
			return task.RunResult{RunID: req.RunID}, nil
		})
		w := connectTo(t, e, mcpserver.Options{}, nil)
		w.send(runs("1", "r", `,"wait_seconds":0`))
		w.answer("1")
		synctest.Wait()
		for i, id := range []string{"b", "a"} {
			got, _ := ask[mcpserver.CancelOutput](t, w, []string{"2", "3"}[i], "cancel_codex_run", `{"run_id":"r","task_id":"`+id+`"}`)
			if want := id == "a"; got.Cancelled != want {
				t.Errorf("%s: %+v", id, got)
			}
		}
		e.Stop(errors.New("the test is over"))
		w.close()
	})
}

// foreign is a run that another process owns.
type foreign struct{ *engine }

func (foreign) Cancel(context.Context, string, string, string, error) error {
	return &task.Refusal{Where: "run_id", What: "It belongs to another process.", Mend: "Cancel it there."}
}

func TestARunThatCannotBeCancelledIsSaid(t *testing.T) {
	e := newEngine(ending(0))
	w := connectTo(t, foreign{e}, mcpserver.Options{}, nil)
	w.send(runs("1", "r", `,"wait_seconds":0`))
	w.answer("1")
	if text := refused(t, w, "2", "cancel_codex_run", `{"run_id":"r"}`); !strings.Contains(text, "another process") {
		t.Error(text)
	}
	e.Stop(errors.New("the test is over"))
}

package mcpserver_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/mcpserver"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// lasting works for d or until it is cancelled, with a snapshot now and then.
// Its error is the cause of its cancel.
func lasting(d time.Duration) work {
	return func(ctx context.Context, _ string, req task.Request, progress func(task.Progress)) (task.RunResult, error) {
		end := time.After(d)
		for i := 0; ; i++ {
			progress(running(req, fmt.Sprint("step ", i)))
			select {
			case <-ctx.Done():
				return task.RunResult{}, context.Cause(ctx)
			case <-end:
				r := task.RunResult{RunID: req.RunID}
				for _, t := range req.Tasks {
					r.Results = append(r.Results, task.Result{TaskID: t.ID, Status: task.Success})
				}
				return r, nil
			case <-time.After(time.Second):
			}
		}
	}
}

// runs is a call of run_codex_tasks with two tasks.
func runs(id, runID, more string) string {
	return callTool(id, "run_codex_tasks", `{"run_id":"`+runID+`","tasks":[{"task_id":"a","prompt":"p"},{"task_id":"b","prompt":"p"}]`+more+`}`)
}

func TestPatienceEndsAndTheRunGoesOn(t *testing.T) {
	for _, tc := range []struct {
		name, more string
		wait       time.Duration // the server's own
		want       time.Duration
	}{
		{"said", `,"wait_seconds":45`, 0, 45 * time.Second},
		{"nothing said", ``, 0, 50 * time.Minute},
		{"the server's", ``, 30 * time.Second, 30 * time.Second},
		{"said, and the server's", `,"wait_seconds":60`, 30 * time.Second, time.Minute},
		{"none", `,"wait_seconds":0`, 30 * time.Second, 0},
		{"longer than the run", `,"wait_seconds":3600`, 30 * time.Second, 50 * time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEngine(lasting(50 * time.Minute))
				w := connectTo(t, e, mcpserver.Options{Wait: tc.wait}, nil)
				began := time.Now()
				w.send(runs("1", "r", tc.more))
				m, _ := w.answer("1")
				if d := time.Since(began); d != tc.want {
					t.Errorf("it took %v, want %v", d, tc.want)
				}
				r := m.call(t)
				if r.IsError {
					t.Fatal(m)
				}
				if tc.want < 50*time.Minute {
					if r.StructuredContent.Status != task.RunRunning || r.StructuredContent.RunID != "r" {
						t.Errorf("got %s", m)
					}
					for _, s := range []string{r.text(), r.StructuredContent.Next} {
						if !strings.Contains(s, `wait_codex_run with {"run_id": "r"}`) || !strings.Contains(s, "goes on") || !strings.Contains(s, "cancel_codex_run") {
							t.Errorf("no word on how to go on: %s", s)
						}
					}
					if tc.want > 0 && (len(r.StructuredContent.Progress) != 2 || !strings.Contains(r.text(), "task: b is running")) {
						t.Errorf("no progress: %s", m)
					}
					w.send(callTool("2", "wait_codex_run", `{"run_id":"r","wait_seconds":3600}`))
					m, _ = w.answer("2")
					r = m.call(t)
				}
				if got := r.StructuredContent; got.Status != task.RunDone || len(got.Results) != 2 || got.Next != "" || len(e.logged()) > 0 {
					t.Errorf("at the end: %s %q", m, e.logged())
				}
				if d := time.Since(began); d != 50*time.Minute {
					t.Errorf("the run took %v", d)
				}
				w.close()
			})
		})
	}
}

// The server stops all runs when its client goes away: an answer that is still
// written must not say that the run goes on.
func TestWaitingEndsWithTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := connectTo(t, newEngine(ending(time.Minute)), mcpserver.Options{}, nil)
		w.send(runs("1", "r", `,"wait_seconds":0`))
		w.answer("1")
		w.send(callTool("2", "wait_codex_run", `{"run_id":"r"}`))
		synctest.Wait()
		w.close()
		rest := slices.DeleteFunc(w.rest(), func(m message) bool { return m.Method != "" })
		if len(rest) != 1 || !strings.Contains(rest[0].raw, `"isError":true`) || !strings.Contains(rest[0].raw, mcpserver.ErrClientGone.Error()) {
			t.Errorf("got %v", rest)
		}
		time.Sleep(time.Minute)
	})
}

func TestReviewRunningAndThenWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(nil)
		e.review = func(context.Context, string, task.ReviewRequest) (task.RunResult, error) {
			time.Sleep(time.Minute)
			return task.RunResult{RunID: "run-1", Review: &task.ReviewReport{RiskFlags: []string{"Task 1 drops a table."}}}, nil
		}
		w := connectTo(t, e, mcpserver.Options{}, nil)
		w.send(callTool("1", "review_plan_with_codex", `{"plan_text":"p","wait_seconds":5}`))
		m, _ := w.answer("1")
		r := m.call(t)
		for _, s := range []string{r.text(), string(r.Raw)} {
			if r.IsError || !strings.Contains(s, "running") || !strings.Contains(s, "wait_codex_run") || strings.Contains(s, "nothing wrong") {
				t.Errorf("got %s", s)
			}
		}
		if err := validator(t, "review_plan_with_codex")(r.Raw); err != nil {
			t.Error(err)
		}
		w.send(callTool("2", "wait_codex_run", `{"run_id":"run-1"}`))
		m, _ = w.answer("2")
		r = m.call(t)
		if r.StructuredContent.Review == nil || !strings.Contains(r.text(), "## Risks\n- Task 1 drops a table.") {
			t.Errorf("got %s", m)
		}
		w.close()
	})
}

func TestNoProgressAfterAnEarlyReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := connect(t, lasting(time.Hour), mcpserver.Options{}, nil)
		w.send(runs("1", "r", `,"wait_seconds":10`))
		_, before := w.answer("1")
		if n := len(notes(t, before)); n < 9 {
			t.Errorf("%d notes before the answer", n)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := len(w.lines); n > 0 {
			t.Errorf("%d lines behind the answer: %s", n, w.next())
		}
		w.close()
	})
}

func TestCancelOfACallEndsItsRunAndNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(lasting(time.Hour))
		w := connectTo(t, e, mcpserver.Options{}, nil)
		w.send(runs("1", "mine", ""), runs("2", "other", ""), runs("3", "detached", `,"wait_seconds":1`))
		w.answer("3")
		w.send(cancelOf("1"))
		if cause := e.ended("mine"); !errors.Is(cause, mcpserver.ErrClientCancelled) {
			t.Errorf("cause: %v", cause)
		}
		want := []string{"cancel mine: the client cancelled the call: user-cancel"}
		if diff := cmp.Diff(want, e.logged()); diff != "" {
			t.Error(diff)
		}
		m, _ := w.answer("2")
		if r := m.call(t); r.StructuredContent.Status != task.RunDone {
			t.Errorf("the other call: %s", m)
		}
		if cause := e.ended("detached"); cause != nil {
			t.Errorf("the run that no call waited for: %v", cause)
		}
		w.close()
		for _, m := range w.rest() {
			if string(m.ID) == "1" {
				t.Errorf("the cancelled call was answered: %s", m)
			}
		}
	})
}

func TestCancelOfWaitingEndsTheWaitingOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(lasting(time.Hour))
		w := connectTo(t, e, mcpserver.Options{}, nil)
		w.send(runs("1", "r", `,"wait_seconds":0`))
		w.answer("1")
		w.send(callTool("2", "wait_codex_run", `{"run_id":"r"}`), callTool("3", "wait_codex_run", `{"run_id":"r"}`))
		time.Sleep(time.Minute)
		w.send(cancelOf("2"))
		time.Sleep(time.Minute)
		for len(w.lines) > 0 {
			w.next()
		}
		m, before := w.answer("3")
		if r := m.call(t); r.StructuredContent.Status != task.RunDone || len(e.logged()) > 0 {
			t.Errorf("%s %q", m, e.logged())
		}
		for _, m := range before {
			if !strings.Contains(m.raw, `"progressToken":3`) {
				t.Errorf("of the cancelled call: %s", m)
			}
		}
		w.close()
	})
}

// A client that cancels while the answer is on its way never learns of
// the run: it must not go on.
func TestCancelThatCrossesTheAnswerEndsTheRun(t *testing.T) {
	for name, line := range map[string]string{
		"running": runs("2", "r", `,"wait_seconds":0`), "a task": runAs("2", declared, "r", ""),
	} {
		t.Run(name, func(t *testing.T) { crossed(t, line) })
	}
}

// crossed sends a call with id 2 that is answered at once and starts the run r, and
// cancels it while its answer cannot be written.
func crossed(t *testing.T, call string) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(lasting(time.Hour))
		s, err := mcpserver.New(e, mcpserver.Options{Repo: "/r"})
		if err != nil {
			t.Fatal(err)
		}
		inR, inW := io.Pipe()
		outR, outW := io.Pipe()
		served := make(chan error, 1)
		go func() {
			served <- s.Serve(t.Context(), inR, outW)
			outW.Close()
		}()
		// Nobody reads yet: the answer to the ping keeps the writer busy.
		for _, line := range []string{request("1", "ping", "{}"), call, cancelOf("2")} {
			fmt.Fprintln(inW, line)
			synctest.Wait()
		}
		go func() {
			time.Sleep(time.Second)
			inW.Close()
		}()
		lines := 0
		for out := bufio.NewScanner(outR); out.Scan(); lines++ {
			if !strings.Contains(out.Text(), `"id":1,`) {
				t.Errorf("got %s", out.Text())
			}
		}
		if cause := e.ended("r"); !errors.Is(cause, mcpserver.ErrClientCancelled) {
			t.Errorf("the run's cause: %v", cause)
		}
		if err := <-served; err != nil || lines != 1 {
			t.Errorf("%d lines, %v", lines, err)
		}
	})
}

// refusing starts nothing.
type refusing struct{ *engine }

func (refusing) StartTasks(context.Context, string, task.Request) (string, error) {
	return "", fmt.Errorf("outer: %w", &task.Refusal{Where: "tasks[1].depends_on", What: "The tasks wait for each other: a -> b -> a.", Mend: "Remove one."})
}

func TestARefusedStartSaysWhy(t *testing.T) {
	w := connectTo(t, refusing{newEngine(quick)}, mcpserver.Options{}, nil)
	w.send(runs("1", "r", ""))
	m, _ := w.answer("1")
	if r := m.call(t); !r.IsError || r.text() != "tasks[1].depends_on: The tasks wait for each other: a -> b -> a. Remove one." {
		t.Errorf("got %s", m)
	}
}

func TestProgressOfWaitingTakesItsTotalFromTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := connect(t, func(_ context.Context, _ string, req task.Request, progress func(task.Progress)) (task.RunResult, error) {
			time.Sleep(20 * time.Second)
			p := running(req, "attempt 2 of 3: npm test")
			p.Tasks[1] = task.TaskProgress{ID: "b", State: task.Checking, Activity: "verify: go test ./...", StartedAt: time.Now()}
			progress(p)
			time.Sleep(20 * time.Second)
			return task.RunResult{}, nil
		}, mcpserver.Options{}, nil)
		w.send(runs("1", "r", `,"wait_seconds":0`))
		w.answer("1")
		w.send(callTool("2", "wait_codex_run", `{"run_id":"r"}`))
		_, before := w.answer("2")
		told := notes(t, before)
		if len(told) < 3 || told[0].Total != 1 || told[0].Message != "starting (15s)" {
			t.Fatalf("got %+v", told)
		}
		if n := told[1]; n.Total != 2 || n.Message != "0/2 done · b: verify: go test ./... (0s), 1 more at work" {
			t.Errorf("got %+v", n)
		}
		w.close()
	})
}

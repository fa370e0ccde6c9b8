package mcpserver_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/mcpserver"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// slowToEnd takes a while to end once it is cancelled.
func slowToEnd(while time.Duration) work {
	return func(ctx context.Context, repo string, req task.Request, progress func(task.Progress)) (task.RunResult, error) {
		_, err := lasting(24*time.Hour)(ctx, repo, req, progress)
		time.Sleep(while)
		return task.RunResult{RunID: req.RunID, Notes: []string{fmt.Sprint("cancelled: ", err)}}, nil
	}
}

func TestTheEndStopsAllRunsAtOnceAndThenWaitsForCalls(t *testing.T) {
	gone := errors.New("signal: interrupt")
	for name, end := range map[string]func(*wire){
		"EOF":    func(w *wire) { w.in.Close() },
		"signal": func(w *wire) { w.cancel(gone) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEngine(slowToEnd(5 * time.Second))
				w := connectTo(t, e, mcpserver.Options{}, nil)
				w.send(runs("1", "held", ""), runs("2", "detached", `,"wait_seconds":1`))
				w.answer("2")
				ended := time.Now()
				end(w)
				synctest.Wait()
				log := e.logged()
				if !slices.ContainsFunc(log, func(l string) bool { return strings.HasPrefix(l, "stop: ") }) || time.Since(ended) != 0 {
					t.Errorf("not stopped at once: %q", log)
				}
				if len(w.served) > 0 {
					t.Error("Serve did not wait for its call")
				}
				err := <-w.served
				if d := time.Since(ended); d != 5*time.Second {
					t.Errorf("Serve returned after %v (%v)", d, err)
				}
				w.served <- err
				m, _ := w.answer("1")
				if r := m.call(t); r.StructuredContent.Status != task.RunDone || !strings.Contains(r.text(), "cancelled: ") {
					t.Errorf("the call that was held: %s", m)
				}
			})
		})
	}
}

func TestARunThatDoesNotEndHoldsTheServerForAGraceOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(slowToEnd(time.Hour))
		w := connectTo(t, e, mcpserver.Options{}, nil)
		w.send(runs("1", "r", ""))
		time.Sleep(time.Second)
		ended := time.Now()
		w.close()
		if d := time.Since(ended); d != mcpserver.EndGrace {
			t.Errorf("Serve returned after %v", d)
		}
		e.ended("r")
	})
}

// starting takes its time to begin a run, and heeds nothing while it does.
type starting struct {
	*engine
	begun chan struct{}
}

func (s starting) StartTasks(ctx context.Context, repo string, req task.Request) (string, error) {
	<-s.begun
	return s.engine.StartTasks(ctx, repo, req)
}

// A run that begins while the connection ends is cancelled, too.
func TestARunThatBeginsAfterTheEndIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(lasting(time.Hour))
		begun := make(chan struct{})
		w := connectTo(t, starting{e, begun}, mcpserver.Options{}, nil)
		w.send(runs("1", "r", `,"wait_seconds":0`))
		synctest.Wait()
		w.in.Close()
		synctest.Wait()
		close(begun)
		synctest.Wait()
		if cause := e.ended("r"); !errors.Is(cause, mcpserver.ErrClientGone) {
			t.Errorf("the run's cause: %v", cause)
		}
		w.close()
	})
}

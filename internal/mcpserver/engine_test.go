package mcpserver_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/mcpserver"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// work is what a run of an engine does until it returns.
type work func(ctx context.Context, repo string, req task.Request, progress func(task.Progress)) (task.RunResult, error)

// engine is a Backend whose runs are goroutines of this process.
type engine struct {
	work work
	// The rest may be nil: then it is not expected to be called.
	review     func(ctx context.Context, repo string, req task.ReviewRequest) (task.RunResult, error)
	list       func(repo string) ([]task.RunSummary, error)
	page       func(repo string, req task.PageRequest) (task.Page, error)
	apply      func(repo string, req task.ApplyRequest) (task.ApplyResult, error)
	checkSetup func(repo string) (task.Setup, error)

	mu   sync.Mutex
	runs map[string]*run
	// log has one line for each Cancel and Stop.
	log []string
}

type run struct {
	cancel    context.CancelCauseFunc
	done      chan struct{}
	result    task.RunResult
	err       error
	latest    *task.Progress
	listeners map[int]func(task.Progress)
	listened  int
}

var _ mcpserver.Backend = (*engine)(nil)

func newEngine(w work) *engine { return &engine{work: w, runs: map[string]*run{}} }

func (e *engine) start(ctx context.Context, id string, do func(context.Context, func(task.Progress)) (task.RunResult, error)) (string, error) {
	began := ctx
	e.mu.Lock()
	defer e.mu.Unlock()
	if id == "" {
		id = fmt.Sprintf("run-%d", len(e.runs)+1)
	}
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	r := &run{cancel: cancel, done: make(chan struct{}), listeners: map[int]func(task.Progress){}}
	e.runs[id] = r
	if began.Err() != nil {
		cancel(context.Cause(began))
	}
	go func() {
		defer close(r.done)
		r.result, r.err = do(ctx, func(p task.Progress) {
			e.mu.Lock()
			defer e.mu.Unlock()
			r.latest = &p
			for _, listen := range r.listeners {
				listen(p)
			}
		})
		if r.result.Status == "" {
			r.result.Status = task.RunDone
		}
	}()
	return id, nil
}

func (e *engine) StartTasks(ctx context.Context, repo string, req task.Request) (string, error) {
	return e.start(ctx, req.RunID, func(ctx context.Context, progress func(task.Progress)) (task.RunResult, error) {
		return e.work(ctx, repo, req, progress)
	})
}

func (e *engine) StartReview(ctx context.Context, repo string, req task.ReviewRequest) (string, error) {
	return e.start(ctx, "", func(ctx context.Context, progress func(task.Progress)) (task.RunResult, error) {
		progress(task.Progress{RunID: "r", Tasks: []task.TaskProgress{{ID: "review", State: task.Running, Activity: "ls"}}})
		return e.review(ctx, repo, req)
	})
}

func (e *engine) find(id string) (*run, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r := e.runs[id]; r != nil {
		return r, nil
	}
	return nil, &task.Refusal{
		Where: "run_id", What: fmt.Sprintf("There is no run %q.", id),
		Mend: "The runs are: " + strings.Join(slices.Sorted(maps.Keys(e.runs)), ", ") + ".",
	}
}

func (e *engine) Wait(ctx context.Context, _, id string, progress func(task.Progress)) (task.RunResult, error) {
	r, err := e.find(id)
	if err != nil {
		return task.RunResult{}, err
	}
	if progress != nil {
		e.mu.Lock()
		if r.latest != nil {
			progress(*r.latest)
		}
		r.listened++
		me := r.listened
		r.listeners[me] = progress
		e.mu.Unlock()
		defer func() {
			e.mu.Lock()
			defer e.mu.Unlock()
			delete(r.listeners, me)
		}()
	}
	select {
	case <-r.done:
		return r.result, r.err
	default:
	}
	select {
	case <-r.done:
		return r.result, r.err
	case <-ctx.Done():
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	now := task.RunResult{RunID: id, Status: task.RunRunning, JournalPath: "/j/" + id}
	if r.latest != nil {
		now.Progress = r.latest.Tasks
	}
	return now, nil
}

func (e *engine) Cancel(_ context.Context, _, id, taskID string, cause error) error {
	r, err := e.find(id)
	if err != nil {
		return err
	}
	e.mu.Lock()
	e.log = append(e.log, strings.TrimRight(fmt.Sprintf("cancel %s %s", id, taskID), " ")+": "+cause.Error())
	e.mu.Unlock()
	r.cancel(cause)
	return nil
}

func (e *engine) Stop(cause error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.log = append(e.log, "stop: "+cause.Error())
	for _, r := range e.runs {
		r.cancel(cause)
	}
}

// logged is the log so far, but for what only the end of a test brings.
func (e *engine) logged() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.log)
}

// ended waits for the run to end and returns the cause with which it was
// cancelled, if it was: its work must return that.
func (e *engine) ended(id string) error {
	r, err := e.find(id)
	if err != nil {
		return err
	}
	<-r.done
	return r.err
}

var errUnexpected = errors.New("nobody should have called this")

func (e *engine) Runs(_ context.Context, repo string) ([]task.RunSummary, error) {
	if e.list == nil {
		return nil, errUnexpected
	}
	return e.list(repo)
}

func (e *engine) Page(_ context.Context, repo string, req task.PageRequest) (task.Page, error) {
	if e.page == nil {
		return task.Page{}, errUnexpected
	}
	return e.page(repo, req)
}

func (e *engine) Apply(_ context.Context, repo string, req task.ApplyRequest) (task.ApplyResult, error) {
	if e.apply == nil {
		return task.ApplyResult{}, errUnexpected
	}
	return e.apply(repo, req)
}

func (e *engine) CheckSetup(_ context.Context, repo string) (task.Setup, error) {
	if e.checkSetup == nil {
		return task.Setup{}, errUnexpected
	}
	return e.checkSetup(repo)
}

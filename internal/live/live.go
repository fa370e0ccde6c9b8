// Package live keeps the runs that this process works on. A run is started
// once; whoever knows its key may then wait for it, watch it and cancel it, from
// any call. It outlives the call that started it, and never the process.
package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// remembered is how many runs that have ended can still be asked for their
// result: the journal has those of before, but it knows nothing of a dry run.
const remembered = 32

// Runs are the runs of one process. It is safe for concurrent use.
type Runs struct {
	mu      sync.Mutex
	runs    map[string]*Run
	ended   []string // keys, the oldest first
	stopped error    // why no more are started; nil while they are
	working sync.WaitGroup
}

// New returns an empty set of runs. The caller ends it with Stop and Wait.
func New() *Runs { return &Runs{runs: map[string]*Run{}} }

// Start begins work in a goroutine of its own, under a key that no live run has.
// The context of work has the values of ctx, and ends when the run is cancelled
// or Stop is called, not when ctx does.
func (r *Runs) Start(ctx context.Context, key, id string, work func(context.Context, *Run) (task.RunResult, error)) (*Run, error) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	run := &Run{
		id: id, cancel: cancel, tasks: map[string]context.CancelCauseFunc{},
		changed: make(chan struct{}), begun: make(chan struct{}), done: make(chan struct{}),
	}
	if err := r.add(key, run); err != nil {
		cancel(nil)
		return nil, err
	}
	go func() {
		defer r.working.Done()
		defer cancel(nil)
		run.result, run.err = work(ctx, run)
		r.end(key, run) // before anybody hears of the end, and asks for the run again
		close(run.done)
	}()
	return run, nil
}

func (r *Runs) add(key string, run *Run) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped != nil {
		return fmt.Errorf("start run %s: %w", run.id, r.stopped)
	}
	if old, taken := r.runs[key]; taken && !old.ended() {
		return &task.Refusal{
			Where: "run_id", What: fmt.Sprintf("A run %q is at work.", run.id),
			Mend: "Choose another run_id, or leave it out to have one made up.",
		}
	}
	r.ended = slices.DeleteFunc(r.ended, func(k string) bool { return k == key })
	r.runs[key] = run
	r.working.Add(1)
	return nil
}

// end keeps the run among those that are remembered. One that could not begin is
// forgotten at once: whoever started it has its error, and the key may be that of
// a run in the journal.
func (r *Runs) end(key string, run *Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.runs[key] != run {
		return
	}
	if run.refused() {
		delete(r.runs, key)
		return
	}
	r.ended = append(r.ended, key)
	if len(r.ended) > remembered {
		delete(r.runs, r.ended[0])
		r.ended = r.ended[1:]
	}
}

// Find gives the run with that key; nil if there is none, or if it ended long ago.
func (r *Runs) Find(key string) *Run {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.runs[key]
}

// Stop cancels all runs with that cause, and lets no more begin. It does not
// wait: see Wait.
func (r *Runs) Stop(cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped == nil {
		r.stopped = errors.Join(ErrStopped, cause)
	}
	for _, run := range r.runs {
		run.cancel(cause)
	}
}

// ErrStopped is the error of a Start that comes after Stop.
var ErrStopped = errors.New("the server is going down")

// Wait returns when no run is at work.
func (r *Runs) Wait() { r.working.Wait() }

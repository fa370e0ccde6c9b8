package live

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Run is one run. It is safe for concurrent use.
type Run struct {
	id     string
	cancel context.CancelCauseFunc

	mu       sync.Mutex
	progress task.Progress
	changed  chan struct{} // closed, and replaced, with each snapshot
	tasks    map[string]context.CancelCauseFunc

	begin  sync.Once
	begun  chan struct{} // closed when the run is in the journal
	done   chan struct{} // closed when result and err are set
	result task.RunResult
	err    error
}

// ID is the run's name.
func (r *Run) ID() string { return r.id }

// Begun says that the run exists: it has been checked, and is in the journal.
// The work calls it.
func (r *Run) Begun() { r.begin.Do(func() { close(r.begun) }) }

// Post shows where the run stands. The work calls it, with one snapshot at a time.
func (r *Run) Post(p task.Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.progress = p
	close(r.changed)
	r.changed = make(chan struct{})
}

// Attach makes a task one that can be cancelled by itself. The work calls it.
func (r *Run) Attach(taskID string, cancel context.CancelCauseFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tasks[taskID] = cancel
}

// Cancel ends the run, or with a task's id that task alone. It does not wait, and
// does nothing to what has ended. It refuses an id that the run does not have. The
// contexts end with a task.CancelRequest.
func (r *Run) Cancel(taskID string, why error) error {
	cause := &task.CancelRequest{Err: why}
	if taskID == "" {
		r.cancel(cause)
		return nil
	}
	r.mu.Lock()
	cancel, ok := r.tasks[taskID]
	known := slices.Sorted(maps.Keys(r.tasks))
	r.mu.Unlock()
	if !ok {
		return task.NoSuchTask("task_id", r.id, taskID, known)
	}
	cancel(cause)
	return nil
}

// Ready waits until the run has begun or has ended. If ctx ends before, the run
// is cancelled with the same cause. The error is why the run could not begin.
func (r *Run) Ready(ctx context.Context) error {
	select {
	case <-r.begun:
		return nil
	case <-r.done:
		return r.err
	case <-ctx.Done():
		r.cancel(context.Cause(ctx))
		<-r.done
		return r.err
	}
}

// Wait gives the run's end, with done, or when ctx ends before, where it stands
// by then. progress, if not nil, gets the newest snapshot whenever there is a new
// one; it is not called any more when Wait has returned.
func (r *Run) Wait(ctx context.Context, progress func(task.Progress)) (result task.RunResult, done bool, err error) {
	for {
		r.mu.Lock()
		snapshot, changed := r.progress, r.changed
		r.mu.Unlock()
		if progress != nil && snapshot.RunID != "" {
			progress(snapshot)
		}
		select {
		case <-r.done: // before ctx: what is known is told
			return r.result, true, r.err
		default:
		}
		select {
		case <-r.done:
		case <-changed:
		case <-ctx.Done():
			return task.RunResult{RunID: r.id, Progress: snapshot.Tasks}, false, nil
		}
	}
}

// refused says of a run that has ended that it never was one.
func (r *Run) refused() bool {
	select {
	case <-r.begun:
		return false
	default:
		return r.err != nil
	}
}

func (r *Run) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

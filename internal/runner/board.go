package runner

import (
	"fmt"
	"slices"
	"sync"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// board holds a run's progress and shows each change of it.
type board struct {
	mu       sync.Mutex
	state    task.Progress
	attempts [][]task.TaskProgress // of each task
	show     func(task.Progress)
}

func newBoard(plan task.Plan, show func(task.Progress)) *board {
	b := &board{state: task.Progress{RunID: plan.RunID}, show: show}
	for _, spec := range plan.Tasks {
		queued := task.TaskProgress{ID: spec.ID, State: task.Queued}
		b.state.Tasks = append(b.state.Tasks, queued)
		b.attempts = append(b.attempts, slices.Repeat([]task.TaskProgress{queued}, max(1, spec.Attempts)))
	}
	b.publish()
	return b
}

// change edits the progress of task i's nth attempt, n from 1, and shows the whole.
func (b *board) change(i, n int, edit func(*task.TaskProgress)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	edit(&b.attempts[i][n-1])
	b.put(i, summary(b.attempts[i], n-1))
}

// done ends the line of task i.
func (b *board) done(i int, result task.Result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.state.Tasks[i]
	p.State = task.Done
	p.Activity = ""
	p.Status = result.Status
	p.DurationMS = result.DurationMS
	p.Usage = result.Usage
	b.put(i, p)
}

// put replaces a line, and shows the whole if that changed something.
func (b *board) put(i int, p task.TaskProgress) {
	if b.state.Tasks[i] != p {
		b.state.Tasks[i] = p
		b.publish()
	}
}

// publish shows a copy. It is called under the lock, so that snapshots come in
// order and one at a time.
func (b *board) publish() {
	snapshot := b.state
	snapshot.Tasks = slices.Clone(b.state.Tasks)
	b.show(snapshot)
}

// summary is one line about all attempts at a task, of which the one at index
// newest has just changed. It says what the newest does, unless another is
// further from its end in a way that counts: a task runs while one attempt does.
func summary(attempts []task.TaskProgress, newest int) task.TaskProgress {
	whole := attempts[newest]
	if len(attempts) == 1 {
		return whole
	}
	speaks := newest
	whole.Usage = task.Usage{}
	for k, p := range attempts {
		whole.Usage = whole.Usage.Plus(p.Usage)
		if !p.StartedAt.IsZero() && p.StartedAt.Before(whole.StartedAt) {
			whole.StartedAt = p.StartedAt
		}
		if rank(p.State) > rank(attempts[speaks].State) {
			speaks = k
		}
	}
	p := attempts[speaks]
	whole.State, whole.Activity = p.State, p.Activity
	switch p.State {
	case task.Queued: // some have ended, and this one waits
		whole.State, whole.Activity = task.Preparing, "waiting for a slot"
	case task.Done:
		whole.State, whole.Activity = task.Checking, "choosing"
	default:
	}
	whole.Activity = fmt.Sprintf("attempt %d/%d: %s", speaks+1, len(attempts), whole.Activity)
	return whole
}

// rank says which state of several attempts is the task's: the highest.
func rank(s task.State) int {
	return slices.Index([]task.State{task.Done, task.Queued, task.Preparing, task.Checking, task.Running}, s)
}

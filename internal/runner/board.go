package runner

import (
	"sync"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// board holds a run's progress and shows each change of it.
type board struct {
	mu    sync.Mutex
	state task.Progress
	show  func(task.Progress)
}

func newBoard(plan task.Plan, show func(task.Progress)) *board {
	b := &board{state: task.Progress{RunID: plan.RunID}, show: show}
	for _, spec := range plan.Tasks {
		b.state.Tasks = append(b.state.Tasks, task.TaskProgress{ID: spec.ID, State: task.Queued})
	}
	b.change(-1, nil)
	return b
}

// change edits one task's progress and shows the whole. It shows under its
// lock, so that snapshots come in order and one at a time.
func (b *board) change(i int, edit func(*task.TaskProgress)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if edit != nil {
		before := b.state.Tasks[i]
		edit(&b.state.Tasks[i])
		if b.state.Tasks[i] == before {
			return
		}
	}
	snapshot := b.state
	snapshot.Tasks = append([]task.TaskProgress(nil), b.state.Tasks...)
	b.show(snapshot)
}

func (b *board) done(i int, result task.Result) {
	b.change(i, func(p *task.TaskProgress) {
		p.State = task.Done
		p.Activity = ""
		p.Status = result.Status
		p.Duration = time.Duration(result.DurationMS) * time.Millisecond
		p.Usage = result.Usage
	})
}

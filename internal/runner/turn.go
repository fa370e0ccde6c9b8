package runner

import (
	"context"
	"sync"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/codex"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// turn follows Codex's transcript while it is written.
type turn struct {
	mu      sync.Mutex
	decoder *codex.Decoder
	builder *codex.TurnBuilder
	settled *time.Timer
}

// newTurn follows a's transcript: it posts what is going on, and cancels the
// task with settle if Codex stays after its turn has ended.
func newTurn(a *attempt, cancel context.CancelCauseFunc) *turn {
	t := &turn{builder: codex.NewTurn()}
	t.decoder = codex.NewDecoder(func(e codex.Event) {
		t.builder.Handle(e)
		if t.builder.Settled() && t.settled == nil {
			t.settled = time.AfterFunc(settleTimeout, func() { cancel(settle{}) })
		}
		activity, usage := t.builder.Activity(), t.builder.Turn().Usage
		a.post(func(p *task.TaskProgress) { p.Activity, p.Usage = activity, usage })
	})
	return t
}

// Write takes the next piece of the transcript.
func (t *turn) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.decoder.Write(p)
}

func (t *turn) commandRunning() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.builder.CommandRunning()
}

// finish says what the whole transcript said.
func (t *turn) finish() task.Turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	_ = t.decoder.Close() // what was cut off is a warning of the turn
	return t.builder.Turn()
}

func (t *turn) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.settled != nil {
		t.settled.Stop()
	}
}

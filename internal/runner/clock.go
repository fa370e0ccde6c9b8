package runner

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// stop is the cause with which a task's context is cancelled.
type stop struct{ task.Stop }

func (s *stop) Error() string {
	if s.Detail == "" {
		return string(s.Kind)
	}
	return string(s.Kind) + ": " + s.Detail
}

// settle is the cause when Codex has said that its turn is over and does not
// exit: the container ends, and what the turn said counts.
type settle struct{}

func (settle) Error() string { return "Codex did not exit after its turn" }

// settleTimeout is how long Codex may take to exit after its turn has ended.
// It needs milliseconds, but a busy engine was seen to tell of an exit more than
// ten seconds late; openai/codex#20919 and others saw Codex itself hang.
const settleTimeout = 30 * time.Second

// idleClock ends a task that shows no sign of life.
type idleClock struct {
	last  atomic.Int64 // UnixNano of the newest sign of life
	limit time.Duration
	// busy says that silence is expected: a command prints nothing to us while it runs.
	busy func() bool
}

func (c *idleClock) alive() { c.last.Store(time.Now().UnixNano()) }

// watch returns when ctx ends, or after it has called expired.
func (c *idleClock) watch(ctx context.Context, expired func()) {
	c.alive()
	for {
		if c.busy() {
			c.alive()
		}
		left := c.limit - time.Since(time.Unix(0, c.last.Load()))
		if left <= 0 {
			expired()
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(left):
		}
	}
}

package runner

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// outputCap bounds what one task may print, on both streams together.
type outputCap struct {
	left atomic.Int64
	full func()
}

// newOutputCap cancels with errOutputLimit when more than limit bytes come.
func newOutputCap(limit int64, cancel context.CancelCauseFunc) *outputCap {
	c := &outputCap{full: func() { cancel(errOutputLimit) }}
	c.left.Store(limit)
	return c
}

// guarded passes writes on until the cap is reached; then it calls full, and
// fails, which ends the container.
func (c *outputCap) guarded(w io.Writer) io.Writer { return cappedWriter{c, w} }

type cappedWriter struct {
	cap *outputCap
	w   io.Writer
}

func (c cappedWriter) Write(p []byte) (int, error) {
	if c.cap.left.Add(-int64(len(p))) < 0 {
		c.cap.full()
		return 0, errOutputLimit
	}
	return c.w.Write(p)
}

var errOutputLimit = &stop{task.Stop{Kind: task.FailOutputLimit}}

// tailSize is how many characters of each of Codex's streams a result shows.
const tailSize = 500

// tail remembers the last size characters of a stream.
type tail struct {
	size int
	mu   sync.Mutex
	buf  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	keep := t.size * utf8.UTFMax
	t.buf = append(t.buf, p[max(0, len(p)-keep):]...)
	t.buf = t.buf[max(0, len(t.buf)-keep):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := []rune(text(t.buf))
	return string(r[max(0, len(r)-t.size):])
}

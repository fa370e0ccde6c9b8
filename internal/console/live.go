package console

import (
	"io"
	"sync"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// frameTime is how long a frame stands: about eight a second.
const frameTime = 125 * time.Millisecond

// Live shows a run while it lives: on a terminal as a region of one line a task
// that is drawn over and over, elsewhere as lines that say what changed. It
// reads no input and handles no signals; whoever is interrupted calls Close.
type Live struct {
	painter painter

	mu     sync.Mutex
	latest task.Progress // guarded by mu

	stop    func()
	stopped chan struct{} // closed when the drawing has ended
}

// painter shows one snapshot. Only one goroutine at a time calls it.
type painter interface {
	paint(p task.Progress, now time.Time) []byte
	// last is the final picture; it leaves the terminal as it was found.
	last(p task.Progress, now time.Time) []byte
}

// NewLive starts to show what Update is told on w, until Close. What w answers
// is ignored: a terminal that has gone away must not end a run.
func NewLive(w io.Writer, s Screen) *Live {
	quit := make(chan struct{})
	l := &Live{
		painter: &plain{seen: map[string]said{}},
		stop:    sync.OnceFunc(func() { close(quit) }),
		stopped: make(chan struct{}),
	}
	if s.TTY {
		l.painter = &region{screen: s}
	}
	go func() {
		defer close(l.stopped)
		ticker := time.NewTicker(frameTime)
		defer ticker.Stop()
		for {
			select {
			case now := <-ticker.C:
				write(w, l.painter.paint(l.snapshot(), now))
			case <-quit:
				write(w, l.painter.last(l.snapshot(), time.Now()))
				return
			}
		}
	}()
	return l
}

// Update takes a snapshot and returns at once; the next frame shows it.
func (l *Live) Update(p task.Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.latest = p
}

// Close draws the last snapshot, gives the cursor back and returns when nothing
// more is written. It may be called more than once.
func (l *Live) Close() {
	l.stop()
	<-l.stopped
}

func (l *Live) snapshot() task.Progress {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.latest
}

func write(w io.Writer, frame []byte) {
	if len(frame) > 0 {
		_, _ = w.Write(frame)
	}
}

package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

const (
	// eventPause is how long a task's activity and usage wait after a line about
	// it: a person reads no faster, and Codex can be busy.
	eventPause = 500 * time.Millisecond
	// maxEvents is the number of lines after which only changes of state are
	// written, of which a run has few.
	maxEvents = 20_000
	// maxActivity bounds a line, in bytes.
	maxActivity = 400
)

// EventLog writes how a run's tasks change, for whoever asks where it stands or
// follows it from another process. It is safe for concurrent use. Its lines are
// not synced one by one: a power cut may cost the last of them, and no result.
type EventLog struct {
	stop    func()
	stopped chan struct{} // closed when the flusher has ended
	wake    *time.Timer   // set while something is held back

	mu     sync.Mutex
	file   *os.File
	size   int64 // of the whole lines in file
	n      int64 // lines written
	tasks  map[string]*logged
	order  []string // keys of tasks, as they came
	closed bool
	err    error // the first; a later write may have mended it
}

// logged is what the log says about a task, and what it should say.
type logged struct {
	said, now task.TaskProgress
	at        time.Time // when it was said
}

// urgent says that the task has come to another state.
func (l *logged) urgent() bool { return l.now.State != l.said.State || l.now.Status != l.said.Status }

// Events opens the run's event log. There is one, whoever asks. Its Close ends
// it, and Finish does.
func (r *Run) Events() (*EventLog, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.events != nil {
		return r.events, nil
	}
	f, err := os.OpenFile(r.Path(task.FileEvents), os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the event log of run %s: %w", r.record.RunID, cause(err))
	}
	r.events = newEventLog(f)
	return r.events, nil
}

func newEventLog(f *os.File) *EventLog {
	quit := make(chan struct{})
	l := &EventLog{
		stop: sync.OnceFunc(func() { close(quit) }), stopped: make(chan struct{}),
		wake: time.NewTimer(0), file: f, tasks: map[string]*logged{},
	}
	l.wake.Stop()
	go func() {
		defer close(l.stopped)
		for {
			select {
			case now := <-l.wake.C:
				l.mu.Lock()
				l.write(now, false)
				l.mu.Unlock()
			case <-quit:
				return
			}
		}
	}()
	return l
}

// Post takes a snapshot of the run and writes what it changes: a new state at
// once, the rest at most every half a second for each task, but always in the
// end. A task that was never posted is queued. After Close it does nothing.
func (l *EventLog) Post(p task.Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	for _, t := range p.Tasks {
		known := l.tasks[t.ID]
		if known == nil {
			known = &logged{said: task.TaskProgress{ID: t.ID, State: task.Queued}}
			l.tasks[t.ID] = known
			l.order = append(l.order, t.ID)
		}
		t.StartedAt = t.StartedAt.Round(0).UTC() // as it is read back, so that == is equality
		t.Activity = clip(t.Activity)
		known.now = t
	}
	l.write(time.Now(), false)
}

// Close writes what was held back and closes the file. Its error is the first
// that there was; the log may lack something then, and what it has is good. It
// may be called more than once.
func (l *EventLog) Close() error {
	l.stop()
	<-l.stopped
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return l.err
	}
	l.write(time.Now(), true)
	l.closed = true
	l.wake.Stop()
	l.fail(l.file.Sync())
	l.fail(l.file.Close())
	return l.err
}

// write appends what is due, or with all everything, and sets the timer for the
// rest. The caller holds mu.
func (l *EventLog) write(now time.Time, all bool) {
	var lines bytes.Buffer
	var written []*logged
	var next time.Time
	n := l.n
	for _, id := range l.order {
		t := l.tasks[id]
		if t.now == t.said {
			continue
		}
		if !t.urgent() {
			due := t.at.Add(eventPause)
			if n >= maxEvents {
				continue
			}
			if !all && now.Before(due) {
				if next.IsZero() || due.Before(next) {
					next = due
				}
				continue
			}
		}
		line, err := json.Marshal(task.Event{N: n + 1, Time: now.UTC(), Task: t.now})
		if err != nil {
			l.fail(err)
			continue
		}
		n++
		lines.Write(append(line, '\n'))
		written = append(written, t)
	}
	if !next.IsZero() {
		l.wake.Reset(next.Sub(now))
	}
	if len(written) == 0 || !l.append(lines.Bytes()) {
		return
	}
	l.n = n
	for _, t := range written {
		t.said, t.at = t.now, now
	}
}

// append writes whole lines or none: half a line would make one with the next.
func (l *EventLog) append(lines []byte) bool {
	if _, err := l.file.Write(lines); err != nil {
		l.fail(err)
		l.fail(l.file.Truncate(l.size)) // the disk may have room again by the next time
		return false
	}
	l.size += int64(len(lines))
	return true
}

func (l *EventLog) fail(err error) {
	if err != nil && l.err == nil {
		l.err = errors.Join(errors.New("write the event log"), cause(err))
	}
}

// clip cuts an activity, which is a few words, but Codex's.
func clip(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= maxActivity {
		return s
	}
	end := maxActivity
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

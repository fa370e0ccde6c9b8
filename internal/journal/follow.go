package journal

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// followPause is how often a run of another process is looked at. Polling works
// on every file system, and costs one read of nothing.
const followPause = 200 * time.Millisecond

// maxEventLine bounds a line that is read; EventLog writes far shorter ones.
const maxEventLine = 64 << 10

// Events gives the events after number after, at most limit of them, or with 0
// all, and how many there are by now. The log may be growing, and what it ends
// with may be half a line, which is left out. Events before a line that is no
// event are good, and come with the error.
func (s *Saved) Events(after int64, limit int) (events []task.Event, total int64, err error) {
	if after < 0 || limit < 0 {
		return nil, 0, negative()
	}
	events = []task.Event{}
	log := eventReader{dir: s.Dir}
	defer log.close()
	for {
		line, err := log.next()
		if line == nil || err != nil {
			return events, log.n, err
		}
		if log.n <= after || limit > 0 && len(events) == limit {
			continue
		}
		e, err := log.decode(line)
		if err != nil {
			return events, log.n, err
		}
		events = append(events, e)
	}
}

// Progress is where the tasks stand by the event log, in the order of the plan.
// Tasks without an event are queued.
func (s *Saved) Progress() (task.Progress, error) {
	events, _, err := s.Events(0, 0)
	return s.Record.fold(events), err
}

func (rec Record) fold(events []task.Event) task.Progress {
	p := task.Progress{RunID: rec.RunID, Tasks: make([]task.TaskProgress, 0, len(rec.Plan.Tasks))}
	for _, spec := range rec.Plan.Tasks {
		p.Tasks = append(p.Tasks, task.TaskProgress{ID: spec.ID, State: task.Queued})
	}
	for _, e := range events {
		p.Apply(e)
	}
	return p
}

// Live says whether a process is writing the run, which it does not disturb.
func (s *Saved) Live() (bool, error) { return isLive(s.path) }

// Follow gives each event after number after, as it is written, until the run is
// no longer live, in whatever process that is; then it returns nil. It returns
// the cause of ctx if that ends before. Load the run again for its result.
func (s *Saved) Follow(ctx context.Context, after int64, each func(task.Event)) error {
	log := eventReader{dir: s.Dir}
	defer log.close()
	tick := time.NewTicker(followPause)
	defer tick.Stop()
	for {
		// First whether it lives, then what it wrote: the other way round, its last
		// words could fall in between.
		live, err := s.Live()
		if err != nil {
			return err
		}
		for {
			line, err := log.next()
			if err != nil {
				return err
			}
			if line == nil {
				break
			}
			if log.n <= after {
				continue
			}
			e, err := log.decode(line)
			if err != nil {
				return err
			}
			each(e)
		}
		if !live {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// eventReader reads a log that may be growing, or not be there yet.
type eventReader struct {
	dir  Dir
	file *os.File
	buf  *bufio.Reader
	part []byte // the beginning of a line that is still being written
	n    int64  // lines read
}

// next gives the next whole line, nil if there is none yet. The line is good
// until the next call.
func (r *eventReader) next() ([]byte, error) {
	if r.file == nil {
		f, _, err := r.dir.open(task.FileEvents)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		r.file, r.buf = f, bufio.NewReader(f)
	}
	if len(r.part) > 0 && r.part[len(r.part)-1] == '\n' {
		r.part = r.part[:0]
	}
	for {
		piece, err := r.buf.ReadSlice('\n')
		r.part = append(r.part, piece...)
		switch {
		case len(r.part) > maxEventLine:
			return nil, fmt.Errorf("read the event log: line %d has more than %d bytes", r.n+1, maxEventLine)
		case err == nil:
			r.n++
			return r.part, nil
		case errors.Is(err, io.EOF):
			return nil, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("read the event log: %w", cause(err))
		}
	}
}

func (r *eventReader) decode(line []byte) (task.Event, error) {
	var e task.Event
	if err := json.Unmarshal(line, &e); err != nil {
		return e, fmt.Errorf("read the event log: line %d: %w", r.n, err)
	}
	if e.N != r.n {
		return e, fmt.Errorf("read the event log: line %d says that it is event %d", r.n, e.N)
	}
	return e, nil
}

func (r *eventReader) close() {
	if r.file != nil {
		_ = r.file.Close()
	}
}

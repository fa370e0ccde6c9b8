package mcpserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// errWriterClosed says that nothing will be written any more.
var errWriterClosed = errors.New("the connection to the client is closed")

// writer is the one goroutine that writes to the client. Lines leave in the
// order in which they were handed over.
type writer struct {
	out   io.Writer
	queue chan outgoing
	// broken is closed when no further line will be written.
	broken chan struct{}
	once   sync.Once
	// onError is told of the first write that fails.
	onError func(error)
	// done is closed when run has returned.
	done chan struct{}
}

type outgoing struct {
	line []byte
	// wanted is asked just before the write; false drops the line.
	wanted  func() bool
	written chan struct{}
}

func newWriter(out io.Writer, onError func(error)) *writer {
	return &writer{
		out: out, onError: onError,
		queue:  make(chan outgoing),
		broken: make(chan struct{}),
		done:   make(chan struct{}),
	}
}

// run writes until close is called or a write fails. A client that has gone
// away shows as EPIPE, if the program ignores SIGPIPE.
func (w *writer) run() {
	defer close(w.done)
	for {
		select {
		case <-w.broken:
			return
		case o := <-w.queue:
			if o.wanted == nil || o.wanted() {
				if _, err := w.out.Write(o.line); err != nil {
					w.close()
					w.onError(fmt.Errorf("write to client: %w", err))
					return
				}
			}
			close(o.written)
		}
	}
}

// send writes v as one line and returns when it is written, not wanted, or
// beyond hope: the writer broke, or ctx ended. A line that ctx came too late
// for is still written before any later one.
func (w *writer) send(ctx context.Context, v any, wanted func() bool) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	o := outgoing{line: append(line, '\n'), wanted: wanted, written: make(chan struct{})}
	select {
	case w.queue <- o:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-w.broken:
		return errWriterClosed
	}
	select {
	case <-o.written:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-w.broken:
		return errWriterClosed
	}
}

// close makes every send return. It does not interrupt a write.
func (w *writer) close() {
	w.once.Do(func() { close(w.broken) })
}

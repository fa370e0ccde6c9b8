package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/docker/docker/api/types"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/lifeline"
)

// line is the host's end of a lifeline. PID 1 ends when it does, and takes the
// whole container along: at once when we close it, and also when this process is
// killed, since the kernel then closes it for us. No reaper is that fast.
type line struct {
	lifeline.Writer
	conn types.HijackedResponse
}

func newLine(conn types.HijackedResponse) line { return line{lifeline.Writer{Conn: conn.Conn}, conn} }

// cut ends the container. Its output still comes.
func (l line) cut() { _ = l.conn.CloseWrite() } // it may have broken already

// copyStdin feeds the command. That it does not read to the end is its right;
// that our reader fails is an error.
func (b *box) copyStdin(to line, end context.CancelCauseFunc) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if b.streams.Stdin != nil {
			from := &failedReader{Reader: b.streams.Stdin}
			_, _ = io.Copy(to, from) // a write error: the container is gone
			if from.err != nil {
				end(fmt.Errorf("read stdin for container: %w", from.err))
			}
		}
		_ = to.End() // likewise
	}()
	return done
}

// failedReader remembers that it was the reader who failed.
type failedReader struct {
	io.Reader
	err error
}

func (r *failedReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

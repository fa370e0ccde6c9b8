package sandbox

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/docker/docker/api/types"
)

// lifeline is the container's stdin. PID 1 ends when it does, and takes the
// whole container along: at once when we close it, and also when this process is
// killed, since the kernel then closes it for us. No reaper is that fast.
//
// The command's own stdin goes through it in frames: four bytes of length,
// big-endian, and as many of data; a length of 0 ends the command's stdin.
// cmd/sandbox-init/lifeline.go is the other end.
type lifeline struct{ conn types.HijackedResponse }

// maxFrame is the longest that PID 1 takes.
const maxFrame = 64 << 10

// Write sends p as frames.
func (l lifeline) Write(p []byte) (int, error) {
	sent := 0
	for len(p) > 0 {
		n := min(len(p), maxFrame)
		frame := binary.BigEndian.AppendUint32(make([]byte, 0, 4+n), uint32(n)) //nolint:gosec // at most maxFrame
		if _, err := l.conn.Conn.Write(append(frame, p[:n]...)); err != nil {
			return sent, err
		}
		sent, p = sent+n, p[n:]
	}
	return sent, nil
}

// end ends the command's stdin.
func (l lifeline) end() error {
	_, err := l.conn.Conn.Write(make([]byte, 4))
	return err
}

// cut ends the container. Its output still comes.
func (l lifeline) cut() { _ = l.conn.CloseWrite() } // it may have broken already

// copyStdin feeds the command. That it does not read to the end is its right;
// that our reader fails is an error.
func (b *box) copyStdin(line lifeline, end context.CancelCauseFunc) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if b.streams.Stdin != nil {
			from := &failedReader{Reader: b.streams.Stdin}
			_, _ = io.Copy(line, from) // a write error: the container is gone
			if from.err != nil {
				end(fmt.Errorf("read stdin for container: %w", from.err))
			}
		}
		_ = line.end() // likewise
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

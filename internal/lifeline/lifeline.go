// Package lifeline is what goes along a container's stdin, a stream that the host
// holds open for as long as it wants the container. The kernel closes it when the
// host's process ends, however that ends, and PID 1 then ends the container.
//
// The command's own stdin goes along it in frames: four bytes of length,
// big-endian, and as many of data. A length of 0 ends the command's stdin, and
// not the lifeline.
package lifeline

import (
	"encoding/binary"
	"io"
)

// MaxFrame is the most data in one frame, in bytes.
const MaxFrame = 64 << 10

// Writer is the host's end.
type Writer struct {
	Conn io.Writer
}

// Write sends p to the command's stdin, in as many frames as it takes.
func (w Writer) Write(p []byte) (int, error) {
	sent := 0
	for len(p) > 0 {
		n := min(len(p), MaxFrame)
		frame := binary.BigEndian.AppendUint32(make([]byte, 0, 4+n), uint32(n)) //nolint:gosec // at most MaxFrame
		if _, err := w.Conn.Write(append(frame, p[:n]...)); err != nil {
			return sent, err
		}
		sent, p = sent+n, p[n:]
	}
	return sent, nil
}

// End ends the command's stdin.
func (w Writer) End() error {
	_, err := w.Conn.Write(make([]byte, 4))
	return err
}

// Read hands on what frames hold, closes frames at the end of the command's
// stdin, and returns when the lifeline ends or holds what is no frame.
func Read(r io.Reader, frames chan<- []byte) {
	open := true
	defer func() {
		if open {
			close(frames)
		}
	}()
	for {
		var head [4]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return
		}
		n := binary.BigEndian.Uint32(head[:])
		if !open || n > MaxFrame {
			return
		}
		if n == 0 {
			open = false
			close(frames)
			continue
		}
		data := make([]byte, n)
		if _, err := io.ReadFull(r, data); err != nil {
			return
		}
		frames <- data
	}
}

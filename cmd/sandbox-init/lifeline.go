//go:build unix

package main

import (
	"encoding/binary"
	"io"
	"os"
	"syscall"
)

// Our stdin is the lifeline: a stream that the host holds open for as long as it
// wants the container, and that the kernel closes for it when it dies, however it
// dies. The command's own stdin comes along it in frames: four bytes of length,
// big-endian, and as many of data; a length of 0 ends the command's stdin, not
// the lifeline. internal/sandbox is the other end.
const (
	maxFrame = 64 << 10
	// maxWaiting frames, 16 MiB, wait for a command that does not read. While
	// more than that comes we cannot see the lifeline's end.
	maxWaiting = 256
	// exitKilled is the exit code of what was killed, as the engine tells it.
	exitKilled = 137
)

// follow reads the lifeline and calls die at its end. It gives the file that the
// command must have as its stdin; the caller closes it.
func follow(lifeline io.Reader, die func()) (*os.File, error) {
	var pipe [2]int
	// Not os.Pipe: its ends do not block, which is not for every command.
	if err := syscall.Pipe(pipe[:]); err != nil {
		return nil, err
	}
	syscall.CloseOnExec(pipe[0])
	syscall.CloseOnExec(pipe[1])
	frames := make(chan []byte, maxWaiting)
	go feed(os.NewFile(uintptr(pipe[1]), "stdin of the command"), frames)
	go func() {
		readFrames(lifeline, frames)
		die()
	}()
	return os.NewFile(uintptr(pipe[0]), "stdin of the command"), nil
}

// readFrames hands on the frames of the command's stdin, closes frames at its
// end, and returns when the lifeline ends or holds what is no frame.
func readFrames(lifeline io.Reader, frames chan<- []byte) {
	open := true
	defer func() {
		if open {
			close(frames)
		}
	}()
	for {
		var head [4]byte
		if _, err := io.ReadFull(lifeline, head[:]); err != nil {
			return
		}
		n := binary.BigEndian.Uint32(head[:])
		if !open || n > maxFrame {
			return
		}
		if n == 0 {
			open = false
			close(frames)
			continue
		}
		data := make([]byte, n)
		if _, err := io.ReadFull(lifeline, data); err != nil {
			return
		}
		frames <- data
	}
}

// feed writes what comes, and goes on taking it when nobody reads any more.
func feed(w io.WriteCloser, frames <-chan []byte) {
	var err error
	for data := range frames {
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			_ = w.Close()
		}
	}
	_ = w.Close() // it may be closed already
}

//go:build unix

package main

import (
	"io"
	"os"
	"syscall"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/lifeline"
)

const (
	// maxWaiting frames, 16 MiB, wait for a command that does not read. While
	// more than that comes we cannot see the lifeline's end.
	maxWaiting = 256
	// exitKilled is the exit code of what was killed, as the engine tells it.
	exitKilled = 137
)

// follow reads the lifeline, which is our stdin, and calls die at its end. It
// gives the file that the command must have as its stdin; the caller closes it.
func follow(line io.Reader, die func()) (*os.File, error) {
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
		lifeline.Read(line, frames)
		die()
	}()
	return os.NewFile(uintptr(pipe[0]), "stdin of the command"), nil
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

// Command codex-mcp-runner is an MCP server that hands coding tasks to Codex,
// each in its own git worktree inside its own throwaway Docker container. The
// same can be had in a terminal. exit.go has the exit codes.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

func main() {
	// A client that dies closes our stdout. Its EOF and the write error are how
	// we learn it; the signal would kill us before the containers are gone. It is
	// caught and not ignored, since git would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	err := newRoot(leaveOnSecondInterrupt).ExecuteContext(ctx)
	code := exitCode(ctx, err)
	stop()
	complain(os.Stderr, err)
	os.Exit(code)
}

// leaveOnSecondInterrupt ends the program at the second Ctrl-C, whatever it is
// waiting for. What that leaves behind goes at the next start. It is for commands
// that a person watches: a client that is quick to signal twice must not keep its
// server from cleaning up.
func leaveOnSecondInterrupt() {
	interrupts := make(chan os.Signal, 2)
	signal.Notify(interrupts, os.Interrupt)
	go func() {
		<-interrupts
		<-interrupts
		if term.IsTerminal(int(os.Stderr.Fd())) {
			fmt.Fprint(os.Stderr, "\x1b[?25h") // the live view may have hidden the cursor
		}
		os.Exit(exitSignaled)
	}()
}

// Command codex-mcp-runner is an MCP server that hands coding tasks to Codex,
// each in its own git worktree inside its own throwaway Docker container.
//
// Exit codes: 0 done; 1 something of ours or of the machine's broke; 2 bad
// usage, or something that the caller can mend; 130 ended by a signal.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// The exit codes, decided in exitCode alone.
const (
	exitOK       = 0
	exitFault    = 1
	exitRefused  = 2
	exitSignaled = 130
)

func main() {
	// A client that dies closes our stdout. Its EOF and the write error are how
	// we learn it; the signal would kill us before the containers are gone. It is
	// caught and not ignored, since git would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	err := newRoot().ExecuteContext(ctx)
	code := exitCode(ctx, err)
	stop()
	report(os.Stderr, err)
	os.Exit(code)
}

// usageError is bad flags or arguments.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func exitCode(ctx context.Context, err error) int {
	var usage usageError
	switch {
	case ctx.Err() != nil:
		return exitSignaled
	case err == nil:
		return exitOK
	case errors.As(err, &usage), len(task.Refusals(err)) > 0:
		return exitRefused
	default:
		return exitFault
	}
}

// report tells a person what went wrong, one line for each thing to mend.
func report(w io.Writer, err error) {
	if err == nil {
		return
	}
	refusals := task.Refusals(err)
	if len(refusals) == 0 {
		fmt.Fprintf(w, "codex-mcp-runner: %v\n", err)
	}
	for _, r := range refusals {
		fmt.Fprintf(w, "codex-mcp-runner: %v\n", r)
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// The exit codes, decided in exitCode alone.
const (
	exitOK       = 0
	exitFault    = 1
	exitRefused  = 2
	exitNo       = 3
	exitSignaled = 130
)

// exitTable is what the help says of them.
const exitTable = `Exit codes:
  0    all went well; for "run", every task is a success
  1    something of ours or of the machine's broke, or a check found it wrong
  2    bad usage, or something that you can mend: the message says how
  3    all worked and the answer is no: a task is no success, a patch does not
       fit, or --fail-on-remarks found remarks
  130  a signal ended it (Ctrl-C)`

// usageError is bad flags or arguments.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// answerError is no fault: what was asked for was done, and the answer is no. Its
// text says so in a few words; the output has the rest.
type answerError struct{ error }

func (e answerError) Unwrap() error { return e.error }

func sayNo(format string, args ...any) error { return answerError{fmt.Errorf(format, args...)} }

func exitCode(ctx context.Context, err error) int {
	var (
		usage usageError
		no    answerError
	)
	switch {
	case ctx.Err() != nil:
		return exitSignaled
	case err == nil:
		return exitOK
	case errors.As(err, &usage), len(task.Refusals(err)) > 0:
		return exitRefused
	case errors.As(err, &no):
		return exitNo
	case readerLeft(err):
		return exitOK
	default:
		return exitFault
	}
}

// readerLeft says that nobody reads our output any more, as in "runs diff | head":
// who left has what was wanted.
func readerLeft(err error) bool {
	var p *fs.PathError
	return errors.As(err, &p) && p.Path == os.Stdout.Name() && errors.Is(p.Err, syscall.EPIPE)
}

// complain tells a person what went wrong, one line for each thing to mend. What
// is wrong with a flag is said once, though it is so of each task.
func complain(w io.Writer, err error) {
	told := map[string]bool{}
	for _, line := range complaints(err) {
		if !told[line] {
			told[line] = true
			fmt.Fprintf(w, "codex-mcp-runner: %s\n", line)
		}
	}
}

func complaints(err error) (lines []string) {
	if err == nil || readerLeft(err) {
		return nil
	}
	if all := joined(err); len(all) > 0 { // a refusal must not hide what else there is
		for _, one := range all {
			lines = append(lines, complaints(one)...)
		}
		return lines
	}
	refusals := task.Refusals(err)
	if len(refusals) == 0 {
		return []string{err.Error()}
	}
	for _, r := range refusals {
		lines = append(lines, inTerminal(r))
	}
	return lines
}

// joined gives the parts of what errors.Join made; an error that says more than
// its parts do is left whole.
func joined(err error) []error {
	j, ok := err.(interface{ Unwrap() []error }) // one that is wrapped is a part of a sentence
	if !ok {
		return nil
	}
	parts := j.Unwrap()
	if whole := errors.Join(parts...); whole == nil || whole.Error() != err.Error() {
		return nil
	}
	return parts
}

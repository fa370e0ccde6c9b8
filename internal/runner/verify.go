package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// verifyTail is how many characters of a verify command's output a result shows.
const verifyTail = 2000

// verifier runs a task's verify commands, one after the other. What they print
// counts together.
type verifier struct {
	*attempt
	log   io.Writer
	limit *outputCap
}

// verify runs the verify commands, each on a clean checkout of the attempt's
// commit, until one fails, and puts into the evidence what they said. Its error
// is a fault of ours or a cancel.
func (a *attempt) verify(ctx context.Context) (err error) {
	const name = task.FileVerify
	log, err := a.record.Append(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()

	timed, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timeout := time.AfterFunc(a.spec.Timeout, func() { cancel(&stop{task.Stop{Kind: task.FailTimeout}}) })
	defer timeout.Stop()
	v := verifier{a, log, newOutputCap(a.spec.MaxOutputBytes, cancel)}
	for _, command := range a.spec.VerifyCommands {
		said, err := v.check(ctx, timed, command)
		if err != nil {
			return fmt.Errorf("verify task %s: %w", a.spec.ID, err)
		}
		said.LogPath = a.record.Path(name)
		a.ev.Verification = append(a.ev.Verification, said)
		if !said.Passed {
			break
		}
	}
	return nil
}

// check runs one command on a checkout of its own: what it runs came with the
// patch, and must not change what the next command sees. timed ends with the time
// that all commands have together.
func (v *verifier) check(ctx, timed context.Context, command string) (task.Verification, error) {
	v.post(func(p *task.TaskProgress) { p.State, p.Activity = task.Checking, "making a clean checkout" })
	ws, err := v.checkout(ctx)
	if err != nil {
		return task.Verification{}, fmt.Errorf("make a clean checkout: %w", err)
	}
	defer func() {
		if err := remove(ctx, ws, false); err != nil {
			v.left(ws, err)
		}
	}()
	return v.run(timed, ws.Tree(), command)
}

func (a *attempt) checkout(ctx context.Context) (Workspace, error) {
	ctx, cancel := context.WithTimeout(ctx, gitTimeout)
	defer cancel()
	return a.store.Create(ctx, a.name+"-verify", a.commit, a.dir+"-verify")
}

// run runs one command. What it prints is redacted on the way; both streams go
// through a redactor of their own, so that one cannot cut a secret of the other.
func (v *verifier) run(ctx context.Context, tree task.Tree, command string) (task.Verification, error) {
	shown := v.Redact.Text(command)
	v.post(func(p *task.TaskProgress) { p.Activity = "verify: " + brief(shown) })
	if _, err := fmt.Fprintf(v.log, "$ %s\n", shown); err != nil {
		return task.Verification{}, err
	}
	last := tail{size: verifyTail}
	both := &lockedWriter{w: io.MultiWriter(v.log, &last)}
	stdout, stderr := v.Redact.Writer(both), v.Redact.Writer(both)
	begun := time.Now()
	exit, err := v.Sandbox.Run(ctx, verifyContainer(v.spec, tree, command), task.Streams{
		Stdout: v.limit.guarded(stdout), Stderr: v.limit.guarded(stderr),
	})
	took := time.Since(begun)
	err = errors.Join(err, stdout.Close(), stderr.Close())
	end := "\n"
	if err != nil {
		switch s := stopped(ctx); s.Kind {
		case task.FailTimeout:
			end += fmt.Sprintf("[stopped: the verify commands may take %v]\n", v.spec.Timeout)
		case task.FailOutputLimit:
			end += fmt.Sprintf("[stopped: the verify commands may print %d bytes]\n", v.spec.MaxOutputBytes)
		default:
			return task.Verification{}, err
		}
		exit.Code = -1
	}
	if exit.OOMKilled {
		end += "[the memory limit killed a process]\n"
	}
	if _, err := io.WriteString(both, end); err != nil {
		return task.Verification{}, err
	}
	return task.Verification{
		Command: command, Passed: exit.Code == 0, ExitCode: exit.Code,
		DurationMS: took.Milliseconds(), OutputTail: strings.TrimSpace(last.String()),
	}, nil
}

// lockedWriter lets two streams write to one place.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// brief is a command on one line, short enough for a line of progress.
func brief(command string) string {
	const most = 80
	r := []rune(strings.Join(strings.Fields(text([]byte(command))), " "))
	if len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return string(r)
}

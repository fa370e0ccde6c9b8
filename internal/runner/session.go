package runner

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/codex"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// codex runs Codex in its container, follows it, and ends it with cancel when it
// must. It returns when the container is gone.
func (a *attempt) codex(ctx context.Context, cancel context.CancelCauseFunc, ws Workspace) (err error) {
	a.post(func(p *task.TaskProgress) { p.Activity = "starting the container" })
	container, err := codexContainer(a.spec, ws.Tree())
	if err != nil {
		return err
	}
	files, closeFiles, err := openAll(a.record, task.FileTranscript, task.FileStderr, task.FileGateway, task.FileGuard)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeFiles()) }()

	turn := newTurn(a, cancel)
	defer turn.close()
	clock := idleClock{limit: a.spec.IdleTimeout, busy: turn.commandRunning}
	guardLog := a.Redact.Writer(files[3])
	guard := newGuard(a, guardLog)
	session := a.Model(ModelOptions{
		Spec: a.spec, Log: files[2], Alive: clock.alive, Guard: guard.answer,
		Stop: func(s task.Stop) { cancel(&stop{s}) },
	})

	limit := newOutputCap(a.spec.MaxOutputBytes, cancel)
	stdoutTail, stderrTail := tail{size: tailSize}, tail{size: tailSize}
	stdout := a.Redact.Writer(io.MultiWriter(files[0], &stdoutTail, turn))
	stderr := a.Redact.Writer(io.MultiWriter(files[1], &stderrTail))

	var idle sync.WaitGroup
	watched, stopWatching := context.WithCancel(ctx)
	idle.Go(func() { clock.watch(watched, func() { cancel(&stop{task.Stop{Kind: task.FailIdle}}) }) })
	a.ev.Exit, err = a.Sandbox.Run(ctx, container, task.Streams{
		Stdin:  strings.NewReader(codex.Prompt(a.spec)),
		Stdout: aliveWriter{limit.guarded(stdout), clock.alive},
		Stderr: aliveWriter{limit.guarded(stderr), clock.alive},
		Tunnel: func(l net.Listener) {
			a.post(func(p *task.TaskProgress) { p.State, p.Activity = task.Running, "waiting for the model" })
			session.Serve(l)
		},
	})
	stopWatching()
	idle.Wait()
	err = errors.Join(err, stdout.Close(), stderr.Close(), guardLog.Close())

	a.ev.Turn = turn.finish()
	a.ev.Gateway = session.Report()
	a.ev.Refused = guard.findings()
	a.ev.Unasked = guard.unasked(a.ev.Turn.Commands)
	a.out = output{
		stdout: a.record.Path(task.FileTranscript), stderr: a.record.Path(task.FileStderr),
		stdoutTail: stdoutTail.String(), stderrTail: stderrTail.String(),
	}
	if err != nil && errors.Is(context.Cause(ctx), settle{}) { // the turn has ended, well or not: it is what counts
		a.Log.Info("end Codex after its turn", "run", a.spec.RunID, "task", a.spec.ID, "err", err)
		a.ev.Exit.Code = -1
		a.aside = append(a.aside, task.Finding{
			Rule: "codex-hung", Severity: task.SeverityWarning,
			Detail: "Codex finished its turn but did not exit; its container was ended.",
		})
		err = nil
	}
	return err
}

// aliveWriter takes every write for a sign of life.
type aliveWriter struct {
	io.Writer
	alive func()
}

func (w aliveWriter) Write(p []byte) (int, error) {
	w.alive()
	return w.Writer.Write(p)
}

// openAll opens files of the journal; closing closes them all.
func openAll(record Record, names ...string) (files []io.WriteCloser, closing func() error, err error) {
	closing = func() error {
		var errs []error
		for _, f := range files {
			errs = append(errs, f.Close())
		}
		return errors.Join(errs...)
	}
	for _, name := range names {
		f, err := record.Append(name)
		if err != nil {
			return nil, nil, errors.Join(err, closing())
		}
		files = append(files, f)
	}
	return files, closing, nil
}

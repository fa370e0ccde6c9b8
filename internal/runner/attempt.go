package runner

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/codex"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// attempt is one task on its way through worktree, container and checks.
type attempt struct {
	Options
	spec   task.Spec
	repo   Repository
	commit string
	name   string // of the worktree
	dir    string // of everything that belongs to it
	post   func(change func(*task.TaskProgress))

	started time.Time
}

// What Codex leaves must be collected also when its time is up.
const collectTimeout = 2 * time.Minute

// run does the task and never fails: what goes wrong is in the result.
func (a *attempt) run(ctx context.Context, journal RunRecord) task.Result {
	a.started = time.Now()
	a.post(func(p *task.TaskProgress) {
		p.State, p.StartedAt, p.Activity = task.Preparing, a.started, "making a worktree"
	})
	result, err := a.try(ctx, journal)
	if err != nil {
		a.Log.Error("run task", "run", a.spec.RunID, "task", a.spec.ID, "err", err)
		result = broken(a.spec, result, err)
	}
	result.DurationMS = time.Since(a.started).Milliseconds()
	return result
}

func (a *attempt) try(ctx context.Context, journal RunRecord) (result task.Result, err error) {
	record, err := journal.Task(a.spec.ID)
	if err != nil {
		return task.Result{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	limit := time.AfterFunc(a.spec.Timeout, func() { cancel(&stop{task.Stop{Kind: task.FailTimeout}}) })
	defer limit.Stop()

	ev := task.Evidence{Spec: a.spec}
	var out output
	workspace, err := a.repo.Create(ctx, a.name, a.commit, a.dir)
	if err == nil {
		defer func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
			defer cancel()
			keep := a.spec.KeepWorktree == "always" || a.spec.KeepWorktree == "failed" && result.Status != task.Success
			err = errors.Join(err, workspace.Remove(ctx, keep))
		}()
		ev, out, err = a.inSandbox(ctx, cancel, workspace, record)
	}
	limit.Stop()
	ev.Stopped = stopped(ctx)
	if err != nil {
		if ev.Stopped.Kind == "" {
			return task.Result{}, err
		}
		// What a stopped part says of its end is of no interest beside why it was stopped.
		a.Log.Info("stop task", "run", a.spec.RunID, "task", a.spec.ID, "why", context.Cause(ctx), "err", err)
	}
	if workspace == nil { // stopped before there was one
		return a.result(ev, out, record, "")
	}

	a.post(func(p *task.TaskProgress) { p.State, p.Activity = task.Checking, "collecting changes" })
	if ev.Stopped.Kind != task.FailCancelled { // nobody waits for a cancelled task
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), collectTimeout)
		defer cancel()
		if ev.Changes, err = workspace.Collect(ctx, a.spec); err != nil {
			return task.Result{}, err
		}
	}
	return a.result(ev, out, record, workspace.Tree().Dir)
}

// inSandbox runs Codex. The evidence it returns has everything but the changes.
func (a *attempt) inSandbox(ctx context.Context, cancel context.CancelCauseFunc, ws Workspace, record Record) (ev task.Evidence, out output, err error) {
	ev.Spec = a.spec
	a.post(func(p *task.TaskProgress) { p.Activity = "starting the container" })
	container, err := codexContainer(a.spec, ws.Tree())
	if err != nil {
		return ev, out, err
	}
	files, closeFiles, err := openAll(record, "transcript.jsonl", "stderr.log", "gateway.jsonl", "guard.jsonl")
	if err != nil {
		return ev, out, err
	}
	defer func() { err = errors.Join(err, closeFiles()) }()

	turn := newTurn(a, cancel)
	defer turn.close()
	clock := idleClock{limit: a.spec.IdleTimeout, busy: turn.commandRunning}
	guardLog := a.Redact.Writer(files[3])
	guard := guard{spec: a.spec, rules: a.Rules, redact: a.Redact, log: guardLog}
	session := a.Model(ModelOptions{
		Spec: a.spec, Log: files[2], Alive: clock.alive, Guard: guard.answer,
		Stop: func(s task.Stop) { cancel(&stop{s}) },
	})

	var limit outputCap
	limit.left.Store(a.spec.MaxOutputBytes)
	limit.full = func() { cancel(errOutputLimit) }
	var stdoutTail, stderrTail tail
	stdout := a.Redact.Writer(io.MultiWriter(files[0], &stdoutTail, turn))
	stderr := a.Redact.Writer(io.MultiWriter(files[1], &stderrTail))

	var idle sync.WaitGroup
	watched, stopWatching := context.WithCancel(ctx)
	idle.Go(func() { clock.watch(watched, func() { cancel(&stop{task.Stop{Kind: task.FailIdle}}) }) })
	ev.Exit, err = a.Sandbox.Run(ctx, container, task.Streams{
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

	ev.Turn = turn.finish()
	ev.Gateway = session.Report()
	ev.Refused = guard.findings()
	out = output{
		stdout: record.Path("transcript.jsonl"), stderr: record.Path("stderr.log"),
		stdoutTail: stdoutTail.String(), stderrTail: stderrTail.String(),
	}
	if errors.Is(context.Cause(ctx), settle{}) && ev.Turn.Completed {
		ev.Exit.Code = -1
		ev.Refused = append(ev.Refused, task.Finding{
			Rule: "codex-hung", Severity: task.SeverityWarning,
			Detail: "Codex finished its turn but did not exit; its container was ended.",
		})
		err = nil
	}
	return ev, out, err
}

// stopped says why ctx was ended, by us or by the caller.
func stopped(ctx context.Context) task.Stop {
	cause := context.Cause(ctx)
	var s *stop
	switch {
	case cause == nil, errors.Is(cause, settle{}):
		return task.Stop{}
	case errors.As(cause, &s):
		return s.Stop
	default:
		return task.Stop{Kind: task.FailCancelled, Detail: cause.Error()}
	}
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

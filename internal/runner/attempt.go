package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// attempt is one try at a task, on its way through worktree, container and
// checks. It is used once.
type attempt struct {
	Options
	spec  task.Spec
	store Store
	start string // the commit it starts from
	name  string // of the worktree
	dir   string // of everything that belongs to it
	post  func(change func(*task.TaskProgress))

	record  Record
	started time.Time
	ev      task.Evidence
	out     output
	aside   []task.Finding // of ours, which go with the collector's
	commit  string         // start with the patch
	result  task.Result
	kept    bool // in the journal, with an attestation
}

// gitTimeout bounds each thing that git does for a task beyond the task's own
// time: what Codex leaves must be collected also when that is up.
const gitTimeout = 2 * time.Minute

// run does the attempt and never fails: what goes wrong is in o's result.
func (a *attempt) run(ctx context.Context, open func() (Record, error), o *outcome) {
	a.started = o.started
	a.ev.Spec = a.spec
	record, err := open()
	if err == nil { // else it may be a record of nothing, and not nil
		a.record = record
		err = a.try(ctx)
	}
	if err != nil {
		a.Log.Error("run task", "run", a.spec.RunID, "task", a.spec.ID, "err", err)
		a.result = broken(a.spec, a.result, err)
	}
	o.ended = time.Now()
	a.result.DurationMS = o.ended.Sub(o.started).Milliseconds()
	o.result, o.record, o.attested = a.result, a.record, a.kept
	o.commit, o.patchBytes = a.commit, len(a.ev.Changes.Patch)
}

func (a *attempt) try(ctx context.Context) error {
	ws, err := a.work(ctx)
	if err != nil {
		return errors.Join(err, a.clear(ctx, ws, task.Failed))
	}
	if left := lookAt(ctx); ws != nil && left.Err() == nil {
		if err := a.gather(left, ws); err != nil && !a.cancelled(ctx, err) {
			return a.lost(ctx, ws, err)
		}
	}
	verdict := a.Judge(a.ev)
	good := verdict.Status == task.Success
	err = a.commitPatch(ctx, good)
	if err == nil && good && len(a.spec.VerifyCommands) > 0 {
		err = a.verify(ctx)
	}
	if err != nil && !a.cancelled(ctx, err) {
		return a.lost(ctx, ws, err)
	}
	if good && (len(a.ev.Verification) > 0 || a.ev.Stopped.Kind != "") {
		verdict = a.Judge(a.ev)
	}
	return a.conclude(ctx, ws, verdict)
}

// work makes the worktree and lets Codex work in it, both within the task's
// time. The evidence then has everything but the changes. The worktree is nil if
// the time ended before there was one.
func (a *attempt) work(ctx context.Context) (ws Workspace, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	limit := time.AfterFunc(a.spec.Timeout, func() { cancel(&stop{task.Stop{Kind: task.FailTimeout}}) })
	defer limit.Stop()

	ws, err = a.store.Create(ctx, a.name, a.start, a.dir)
	if err != nil {
		ws = nil
	} else {
		err = a.codex(ctx, cancel, ws)
	}
	a.ev.Stopped = stopped(ctx)
	if err != nil && a.ev.Stopped.Kind != "" {
		// What a stopped part says of its end is of no interest beside why it was stopped.
		a.Log.Info("stop task", "run", a.spec.RunID, "task", a.spec.ID, "why", context.Cause(ctx), "err", err)
		err = nil
	}
	return ws, err
}

// lookAt is the context in which a task is looked at that has ended with ctx. If
// somebody asked for the end, it goes on; else nobody waits any more.
func lookAt(ctx context.Context) context.Context {
	var asked *task.CancelRequest
	if errors.As(context.Cause(ctx), &asked) {
		return context.WithoutCancel(ctx)
	}
	return ctx
}

// gather takes what Codex left: the changes, and the session file if it is wanted.
func (a *attempt) gather(ctx context.Context, ws Workspace) (err error) {
	a.post(func(p *task.TaskProgress) { p.State, p.Activity = task.Checking, "collecting changes" })
	ctx, cancel := context.WithTimeout(ctx, gitTimeout)
	defer cancel()
	if a.ev.Changes, err = ws.Collect(ctx, a.spec); err != nil {
		return err
	}
	a.keepRollout(ctx, ws)
	a.ev.Changes.Findings = append(a.ev.Changes.Findings[:len(a.ev.Changes.Findings):len(a.ev.Changes.Findings)], a.aside...)
	return nil
}

// commitPatch finds the commit that the attempt made. A patch that broke a rule
// may be one that the store does not take, such as a submodule's; only one that
// is good must have a commit.
func (a *attempt) commitPatch(ctx context.Context, good bool) error {
	ctx, cancel := context.WithTimeout(ctx, gitTimeout)
	defer cancel()
	switch {
	case len(a.ev.Changes.Patch) == 0:
		a.commit = a.start
	case a.ev.Changes.Applicable:
		commit, err := a.store.Commit(ctx, a.start, a.ev.Changes.Patch, CommitMessage(a.spec.ID))
		switch {
		case err == nil:
			a.commit = commit
		case good:
			return fmt.Errorf("commit the patch of task %s: %w", a.spec.ID, err)
		default:
			a.Log.Info("leave a patch without a commit", "run", a.spec.RunID, "task", a.spec.ID, "err", err)
		}
	}
	return nil
}

// cancelled reports whether err is only that the task was cancelled, and then
// says so in the evidence.
func (a *attempt) cancelled(ctx context.Context, err error) bool {
	s := stopped(ctx)
	if s.Kind == "" {
		return false
	}
	a.Log.Info("stop task", "run", a.spec.RunID, "task", a.spec.ID, "why", context.Cause(ctx), "err", err)
	a.ev.Stopped = s
	return true
}

// lost keeps what there is of a task that our machinery could not finish: if
// there is a patch, it is attested as that of a task that failed.
func (a *attempt) lost(ctx context.Context, ws Workspace, err error) error {
	if len(a.ev.Changes.Patch) == 0 {
		return errors.Join(err, a.clear(ctx, ws, task.Failed))
	}
	a.ev.Stopped = task.Stop{Kind: task.FailInternal, Detail: err.Error()}
	return errors.Join(err, a.conclude(ctx, ws, a.Judge(a.ev)))
}

// conclude takes the worktree away and keeps the verdict. A worktree that stays is
// no fault of the patch: the result says how to remove it.
func (a *attempt) conclude(ctx context.Context, ws Workspace, v task.Verdict) error {
	if err := a.clear(ctx, ws, v.Status); err != nil {
		a.left(ws, err)
		v = a.Judge(a.ev)
	}
	return a.keep(v, ws)
}

// clear takes the worktree of a task with that status away, or leaves it to the
// user if the configuration says so. ws may be nil.
func (a *attempt) clear(ctx context.Context, ws Workspace, status task.Status) error {
	if ws == nil {
		return nil
	}
	return remove(ctx, ws, a.spec.KeepWorktree == "always" || a.spec.KeepWorktree == "failed" && status != task.Success)
}

// left reports a worktree that could not be removed.
func (a *attempt) left(ws Workspace, err error) {
	a.Log.Warn("remove worktree", "run", a.spec.RunID, "task", a.spec.ID, "err", err)
	a.ev.Changes.Findings = append(a.ev.Changes.Findings, task.Finding{
		Rule: "worktree-left", Severity: task.SeverityWarning,
		Detail: fmt.Sprintf("Worktree cleanup failed: %v", err), Evidence: ws.Tree().Dir,
	})
}

// remove takes a worktree away, whatever became of ctx.
func remove(ctx context.Context, ws Workspace, keep bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	return ws.Remove(ctx, keep)
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

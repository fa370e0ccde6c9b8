package runner

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// taskRun is one task of a run, with all its attempts.
type taskRun struct {
	*run
	index    int
	spec     task.Spec
	attempts int
	// start finds, once, what all attempts start from.
	start func() (start, error)

	// What follows is the schedule's.
	begun, running    int // attempts
	outcomes          []outcome
	concluding, ended bool
	end               ending
}

// start is what a task starts from: a commit, or why there is none.
type start struct {
	commit    string
	conflicts []string // paths in which the dependencies' patches do not merge
}

// outcome is what came of one attempt.
type outcome struct {
	number     int
	result     task.Result
	record     Record // nil if there was none
	attested   bool
	patchBytes int
	// commit has the patch; it is where the attempt started if there is none, and
	// empty if the patch does not apply.
	commit         string
	started, ended time.Time
}

// ending is what came of a task.
type ending struct {
	result task.Result
	// commit is the chosen outcome's, and changed says that it has a patch.
	commit  string
	changed bool
}

func newTaskRun(life context.Context, r *run, index int, spec task.Spec) *taskRun {
	t := &taskRun{run: r, index: index, spec: spec, attempts: max(1, spec.Attempts)}
	t.start = sync.OnceValues(func() (start, error) { return t.findStart(life) })
	return t
}

func (t *taskRun) dependsOn() (all []*taskRun) {
	for _, i := range t.deps[t.index] {
		all = append(all, t.all[i])
	}
	return all
}

func (t *taskRun) succeeded() bool { return t.ended && t.end.result.Status == task.Success }

// ready says that an attempt could start now.
func (t *taskRun) ready() bool {
	if t.ended || t.concluding || t.begun == t.attempts {
		return false
	}
	return !slices.ContainsFunc(t.dependsOn(), func(d *taskRun) bool { return !d.succeeded() })
}

// findStart merges what the task depends on.
func (t *taskRun) findStart(ctx context.Context) (start, error) {
	var commits []string
	for _, d := range t.dependsOn() {
		if !slices.Contains(commits, d.end.commit) {
			commits = append(commits, d.end.commit)
		}
	}
	switch len(commits) {
	case 0:
		return start{commit: t.base}, nil
	case 1:
		return start{commit: commits[0]}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, gitTimeout)
	defer cancel()
	commit, conflicts, err := t.store.Merge(ctx, commits, DependencyMessage(t.spec.ID))
	if err != nil {
		return start{}, fmt.Errorf("merge what task %s depends on: %w", t.spec.ID, err)
	}
	return start{commit, conflicts}, nil
}

// attempt does the task once. If there is nothing to start from, it does nothing:
// conclude says so.
func (t *taskRun) attempt(ctx context.Context, n int) outcome {
	a := attempt{
		Options: t.Options, spec: t.spec, store: t.store,
		name: t.spec.RunID + "-" + t.spec.ID,
		dir:  t.work.attempt(t.spec.ID, n),
		post: func(change func(*task.TaskProgress)) { t.board.change(t.index, n, change) },
	}
	record := func() (Record, error) { return t.record.Task(t.spec.ID) }
	if t.attempts > 1 {
		a.name += fmt.Sprintf("-%d", n)
		record = func() (Record, error) { return t.record.Attempt(t.spec.ID, n) }
	}
	o := outcome{number: n, started: time.Now()}
	a.post(func(p *task.TaskProgress) {
		p.State, p.StartedAt, p.Activity = task.Preparing, o.started, "making a worktree"
	})
	from, err := t.start()
	if err != nil || from.commit == "" {
		return o
	}
	a.start = from.commit
	a.run(ctx, record, &o)
	if t.attempts > 1 {
		a.post(func(p *task.TaskProgress) { p.State, p.Usage = task.Done, o.result.Usage })
	}
	return o
}

// conclude makes the task's result of its attempts. ctx is the task's.
func (t *taskRun) conclude(ctx context.Context) ending {
	from, err := t.start()
	switch {
	case err != nil && ctx.Err() != nil:
		return ending{result: notStarted(ctx, t.spec)}
	case err != nil:
		t.Log.Error("start task", "run", t.spec.RunID, "task", t.spec.ID, "err", err)
		return ending{result: broken(t.spec, task.Result{}, err)}
	case from.commit == "":
		return ending{result: conflicting(t.spec, from.conflicts)}
	case t.attempts == 1:
		return t.outcomes[0].ending()
	}
	return t.choose(ctx.Err() != nil)
}

func (o outcome) ending() ending {
	return ending{result: o.result, commit: o.commit, changed: o.patchBytes > 0 && o.commit != ""}
}

// notStarted is the result of a task whose life ended before it began.
func notStarted(life context.Context, spec task.Spec) task.Result {
	return skipped(spec, fmt.Sprintf("Not started: %v.", context.Cause(life)))
}

// conflicting is the result of a task whose dependencies do not go together.
func conflicting(spec task.Spec, paths []string) task.Result {
	r := skipped(spec, fmt.Sprintf("Not started: the patches of %s do not merge. Let one of these tasks depend on another, or let the tasks change different files.",
		join(spec.DependsOn)))
	r.Findings = append(r.Findings, task.Finding{
		Rule: "dependencies-conflict", Severity: task.SeverityError,
		Detail:   fmt.Sprintf("The patches of %s change the same places of %d files.", join(spec.DependsOn), len(paths)),
		Evidence: text([]byte(strings.Join(paths, ", "))),
	})
	return r
}

// join lists names as a sentence does.
func join(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// Package runner turns a Plan into results: which tasks run at once, what each
// starts from, in which order things are made, and in which they are taken away
// again.
//
// It meets git, Docker, the model API and the journal through the interfaces in
// parts.go, which carry task values only. That is what lets all of its rules be
// tested without any of the four.
package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/codex"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Runner runs plans. It is safe for concurrent use.
type Runner struct{ o Options }

// New returns a Runner of the given parts.
func New(o Options) *Runner { return &Runner{o: o} }

// Job is one plan in one repository.
type Job struct {
	Plan task.Plan
	Repo Repository
	// Notes are what the caller has to say to whoever reads the result.
	Notes []string
	// Attach is given, before the run begins, a way to cancel each task; once for
	// each, in the order of the plan. May be nil.
	Attach func(taskID string, cancel context.CancelCauseFunc)
	// Begin opens the run in the journal.
	Begin func(baseCommit string) (RunRecord, error)
	// WorkDir is where the run's store and worktrees go: see layout. It is the
	// caller's to remove; what is left in it are worktrees that were to be kept.
	WorkDir string
	// Progress gets a snapshot after each change, one at a time. It must not block.
	Progress func(task.Progress)
}

// How long taking things away may last, whatever happened before.
const cleanupTimeout = 60 * time.Second

// Run does the whole plan. Its error is a refusal, with nothing started, or a
// fault of our own machinery that concerns the whole run; a task that fails is
// a Result. If ctx ends, running tasks are stopped, waiting ones skipped, and
// the result says so.
func (r *Runner) Run(ctx context.Context, job Job) (task.RunResult, error) {
	started := time.Now()
	plan := job.Plan
	deps, order, err := resolve(plan.Tasks)
	if err != nil {
		return task.RunResult{}, err
	}
	commit, err := job.Repo.Resolve(ctx, plan.BaseRef)
	if err := errors.Join(err, r.ready(ctx, plan)); err != nil {
		return task.RunResult{}, err
	}
	result := task.RunResult{
		RunID:      plan.RunID,
		BaseCommit: commit,
		Results:    make([]task.Result, len(plan.Tasks)),
		Notes:      slices.Concat([]string{}, job.Notes, r.notes(ctx, job)),
		Findings:   []task.Finding{},
		Status:     task.RunDone,
	}
	if plan.DryRun {
		for i, spec := range plan.Tasks {
			result.Results[i] = skipped(spec, "Dry run: nothing was started. "+describe(spec))
		}
		result.TotalDurationMS = time.Since(started).Milliseconds()
		return result, nil
	}

	changed, unwatched := job.Repo.Watch(ctx)
	lives, end := attach(ctx, job)
	defer end()
	record, err := job.Begin(commit)
	if err != nil {
		return task.RunResult{}, err
	}
	result.JournalPath = record.Path("")
	run := &run{Options: r.o, job: job, base: commit, record: record, deps: deps, order: order, work: layout(job.WorkDir)}
	defer run.clear()
	run.tasks(ctx, lives, result.Results)

	findings, err := watched(ctx, changed, unwatched)
	if err != nil {
		r.o.Log.Warn("compare the repository", "run", plan.RunID, "err", err)
		result.Notes = append(result.Notes, fmt.Sprintf("Whether the repository stayed as it was is not known: %v.", err))
	}
	result.Findings = append(result.Findings, findings...)
	if ctx.Err() == nil {
		combination, notes := run.combine(ctx)
		result.Combination, result.Notes = combination, append(result.Notes, notes...)
	}
	result.TotalDurationMS = time.Since(started).Milliseconds()
	run.report(&result)
	if err := record.Finish(result); err != nil {
		return result, fmt.Errorf("keep the result of run %s: %w", plan.RunID, err)
	}
	return result, nil
}

// attach makes the contexts in which the tasks live, and hands out the means to
// end each. end ends them all.
func attach(ctx context.Context, job Job) (lives []context.Context, end func()) {
	var cancels []context.CancelCauseFunc
	for _, spec := range job.Plan.Tasks {
		life, cancel := context.WithCancelCause(ctx)
		lives, cancels = append(lives, life), append(cancels, cancel)
		if job.Attach != nil {
			job.Attach(spec.ID, cancel)
		}
	}
	return lives, func() {
		for _, cancel := range cancels {
			cancel(nil)
		}
	}
}

// watched says what has changed of what no task can change. before is why there
// is nothing to compare with, if that is so.
func watched(ctx context.Context, changed func(context.Context) ([]task.Finding, error), before error) ([]task.Finding, error) {
	if before != nil {
		return nil, before
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	return changed(ctx)
}

// report writes the run's report and says where it is.
func (r *run) report(result *task.RunResult) {
	if r.Report == nil {
		return
	}
	const name = task.FileReport
	result.ReportPath = r.record.Path(name)
	html, err := r.Report(*result)
	if err == nil {
		err = r.record.Write(name, html)
	}
	if err != nil {
		r.Log.Warn("write the report", "run", result.RunID, "err", err)
		result.ReportPath = ""
		result.Notes = append(result.Notes, fmt.Sprintf("There is no report.html: %v.", err))
	}
}

// ready asks every part that a run will need, so that a caller hears of all
// that is missing at once, and before anything is made.
func (r *Runner) ready(ctx context.Context, plan task.Plan) error {
	errs := []error{r.o.Ready(ctx, plan)}
	type ground struct{ image, runtime string }
	asked := map[ground]bool{}
	for _, spec := range plan.Tasks {
		if g := (ground{spec.Image, spec.Runtime}); !asked[g] {
			asked[g] = true
			errs = append(errs, r.o.Sandbox.Check(ctx, spec.Image, spec.Runtime))
		}
	}
	return errors.Join(errs...)
}

// notes says what the caller might not expect about the base and the models.
func (r *Runner) notes(ctx context.Context, job Job) []string {
	notes := []string{}
	const shown = 5
	paths, total, err := job.Repo.Dirty(ctx, shown)
	switch {
	case err != nil:
		r.o.Log.Warn("look for uncommitted changes", "err", err)
	case total > 0:
		notes = append(notes, dirtyNote(paths, total))
	}
	told := map[string]bool{}
	for _, spec := range job.Plan.Tasks {
		if !told[spec.Model] && !codex.Known(spec.Model) {
			told[spec.Model] = true
			notes = append(notes, fmt.Sprintf("Codex %s does not know the model %s and can do less with it; set codex_model to one that it knows: %s.",
				codex.Version, spec.Model, strings.Join(codex.KnownModels(), ", ")))
		}
	}
	return notes
}

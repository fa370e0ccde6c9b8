// Package runner turns a Plan into results: how many tasks run at once, in
// which order things are made, and in which they are taken away again.
//
// It meets git, Docker, the model API and the disk through the interfaces
// below, which carry task values only. That is what lets all of its rules be
// tested without any of the four.
package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/codex"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Repository is where tasks start from. It is safe for concurrent use.
type Repository interface {
	// Resolve gives the commit that ref names, or a *task.Refusal.
	Resolve(ctx context.Context, ref string) (commit string, err error)
	// Dirty lists up to limit paths in which the user's checkout differs from
	// HEAD, and how many there are.
	Dirty(ctx context.Context, limit int) (paths []string, total int, err error)
	// Create makes a worktree of commit, with all that belongs to it below dir.
	// After an error nothing is left.
	Create(ctx context.Context, name, commit, dir string) (Workspace, error)
}

// Workspace is the worktree of one task.
type Workspace interface {
	Tree() task.Tree
	// Collect says what the task changed. The worktree is hostile by then.
	Collect(ctx context.Context, spec task.Spec) (task.Changes, error)
	// Remove leaves nothing, or with keep only the worktree itself. Idempotent.
	Remove(ctx context.Context, keep bool) error
}

// Sandbox runs commands in throwaway containers. It is safe for concurrent use.
type Sandbox interface {
	// Check refuses (with a *task.Refusal) if Run could not work for image and runtime.
	Check(ctx context.Context, image, runtime string) error
	// Run blocks until the container is gone, whatever happens. When ctx ends it
	// kills the container and returns the context's cause. A command that fails
	// is an Exit, not an error.
	Run(ctx context.Context, c task.Container, s task.Streams) (task.Exit, error)
}

// ModelSession is one task's way to the model API.
type ModelSession interface {
	// Serve answers the sandbox's connections until the listener is closed.
	Serve(l net.Listener)
	// Report says what was seen; valid after Serve has returned.
	Report() task.GatewayReport
}

// ModelOptions are what a ModelSession needs to know and whom it tells.
type ModelOptions struct {
	Spec task.Spec
	// Log gets one line per request.
	Log io.Writer
	// Alive is called whenever bytes move.
	Alive func()
	// Stop is called at most once, when the task must end.
	Stop func(task.Stop)
	// Guard answers Codex's question whether it may do what it is about to do.
	Guard func(ctx context.Context, hook []byte) (answer []byte, err error)
}

// Record is a directory of the journal.
type Record interface {
	Path(name string) string
	Append(name string) (io.WriteCloser, error)
	Write(name string, content []byte) error
}

// RunRecord is the journal's directory of a run.
type RunRecord interface {
	Record
	Task(id string) (Record, error)
	// Finish makes the result durable.
	Finish(result task.RunResult) error
}

// Redactor hides secrets.
type Redactor interface {
	// Writer passes on what it is given, redacted; Close flushes it.
	Writer(w io.Writer) io.WriteCloser
	Text(s string) string
}

// Rules decide what Codex may do; internal/policy has them.
type Rules struct {
	// Path says whether path matches one of the patterns.
	Path func(patterns []string, path string) bool
	// Command says whether a task may run a shell script, and if not, why.
	Command func(spec task.Spec, script string) (ok bool, reason string)
}

// Options are the parts that a Runner drives. All are required.
type Options struct {
	Sandbox Sandbox
	// Ready refuses if the model API could not be used, for lack of a login say.
	Ready func(ctx context.Context, plan task.Plan) error
	Model func(ModelOptions) ModelSession
	Judge func(task.Evidence) task.Verdict
	// Attest signs what came of a task that started from commit: the journal's
	// attestation.json.
	Attest func(ev task.Evidence, v task.Verdict, commit string, patch []byte, started time.Time) ([]byte, error)
	Rules  Rules
	Redact Redactor
	Log    *slog.Logger
}

// Runner runs plans. It is safe for concurrent use.
type Runner struct{ o Options }

// New returns a Runner of the given parts.
func New(o Options) *Runner { return &Runner{o: o} }

// Job is one plan in one repository.
type Job struct {
	Plan task.Plan
	Repo Repository
	// Begin opens the run in the journal.
	Begin func(baseCommit string) (RunRecord, error)
	// WorkDir is where the run's worktrees go. It is the caller's to remove.
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
	commit, err := job.Repo.Resolve(ctx, job.Plan.BaseRef)
	if err := errors.Join(err, r.ready(ctx, job.Plan)); err != nil {
		return task.RunResult{}, err
	}
	result := task.RunResult{
		RunID:      job.Plan.RunID,
		BaseCommit: commit,
		Results:    make([]task.Result, len(job.Plan.Tasks)),
		Notes:      r.notes(ctx, job),
	}
	if job.Plan.DryRun {
		for i, spec := range job.Plan.Tasks {
			result.Results[i] = skipped(spec, "Dry run: nothing was started. "+describe(spec))
		}
		result.TotalDurationMS = time.Since(started).Milliseconds()
		return result, nil
	}

	record, err := job.Begin(commit)
	if err != nil {
		return task.RunResult{}, err
	}
	result.JournalPath = record.Path("")
	r.runTasks(ctx, job, commit, record, result.Results)
	result.TotalDurationMS = time.Since(started).Milliseconds()
	if err := record.Finish(result); err != nil {
		return result, fmt.Errorf("keep the result of run %s: %w", job.Plan.RunID, err)
	}
	return result, nil
}

// runTasks starts the tasks in the order given, as slots become free.
func (r *Runner) runTasks(ctx context.Context, job Job, commit string, record RunRecord, results []task.Result) {
	board := newBoard(job.Plan, job.Progress)
	slots := make(chan struct{}, job.Plan.Concurrency)
	var wg sync.WaitGroup
	for i, spec := range job.Plan.Tasks {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			results[i] = skipped(spec, fmt.Sprintf("Not started: %v.", context.Cause(ctx)))
			board.done(i, results[i])
			continue
		}
		wg.Go(func() {
			defer func() { <-slots }()
			a := attempt{
				Options: r.o, spec: spec, repo: job.Repo, commit: commit,
				name: job.Plan.RunID + "-" + spec.ID,
				dir:  filepath.Join(job.WorkDir, spec.ID),
				post: func(change func(*task.TaskProgress)) { board.change(i, change) },
			}
			results[i] = a.run(ctx, record)
			board.done(i, results[i])
		})
	}
	wg.Wait()
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

package runner

import (
	"context"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Repository is where tasks start from. It is safe for concurrent use.
type Repository interface {
	// Resolve gives the commit that ref names, or a *task.Refusal.
	Resolve(ctx context.Context, ref string) (commit string, err error)
	// Dirty lists up to limit paths in which the user's checkout differs from
	// HEAD, and how many there are.
	Dirty(ctx context.Context, limit int) (paths []string, total int, err error)
	// Watch remembers what no task can change: refs, HEAD, index, configuration,
	// hooks. changed says what has changed since.
	Watch(ctx context.Context) (changed func(context.Context) ([]task.Finding, error), err error)
	// OpenStore makes the run's own object store at dir, which is the caller's to remove.
	OpenStore(ctx context.Context, dir string) (Store, error)
}

// Store holds what the tasks of a run made, as commits that the repository
// itself never sees. It is safe for concurrent use.
type Store interface {
	// Commit puts a patch on top of start, a commit of the repository or of the
	// store. The patch must apply to it.
	Commit(ctx context.Context, start string, patch []byte, message string) (commit string, err error)
	// Merge joins commits, one after the other. If they do not merge, commit is
	// empty and conflicts names the paths, sorted.
	Merge(ctx context.Context, commits []string, message string) (commit string, conflicts []string, err error)
	// Create makes a worktree of a commit, with all that belongs to it below dir.
	// After an error nothing is left.
	Create(ctx context.Context, name, commit, dir string) (Workspace, error)
}

// Workspace is the worktree of one task.
type Workspace interface {
	Tree() task.Tree
	// Collect says what the task changed. The worktree is hostile by then.
	Collect(ctx context.Context, spec task.Spec) (task.Changes, error)
	// Rollout is Codex's session file, if its container kept one; nil otherwise.
	// It is as hostile as the worktree, and at most limit bytes are taken.
	Rollout(ctx context.Context, limit int64) ([]byte, error)
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
	// Task is the directory of a task.
	Task(id string) (Record, error)
	// Attempt is the directory of a task's nth attempt, n from 1, below the task's.
	Attempt(id string, n int) (Record, error)
	// Adopt puts all files of a task's nth attempt into the task's directory too.
	Adopt(id string, n int) error
	// Finish makes the result durable.
	Finish(result task.RunResult) error
}

// Redactor hides secrets.
type Redactor interface {
	// Writer passes on what it is given, redacted; Close flushes it.
	Writer(w io.Writer) io.WriteCloser
	Text(s string) string
	// Clean is Text for a whole patch; complete is false if it was too much to be
	// searched to the end.
	Clean(s string) (clean string, complete bool)
}

// Rules decide what Codex may do; internal/policy has them.
type Rules struct {
	// Path says whether path matches one of the patterns.
	Path func(patterns []string, path string) bool
	// Command says whether a task may run a shell script, and if not, why.
	Command func(spec task.Spec, script string) (ok bool, reason string)
}

// Options are the parts that a Runner drives. All are required but Report.
type Options struct {
	Sandbox Sandbox
	// Ready refuses if the model API could not be used, for lack of a login say.
	Ready func(ctx context.Context, plan task.Plan) error
	Model func(ModelOptions) ModelSession
	Judge func(task.Evidence) task.Verdict
	// Attest signs what came of a task that started from commit: the journal's
	// attestation.json. For a task with dependencies the commit has their patches,
	// and is one of the run's store.
	Attest func(ev task.Evidence, v task.Verdict, commit string, patch []byte, started time.Time) ([]byte, error)
	Rules  Rules
	Redact Redactor
	// Report makes the run's report.html of its result. May be nil.
	Report func(task.RunResult) ([]byte, error)
	Log    *slog.Logger
}

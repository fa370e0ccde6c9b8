// Package journal is the directory that keeps runs: transcripts, patches and
// results outlive the client, the server and a crash.
//
// One process writes a run, and holds a lock on it as long as it lives. Files
// are 0600 and appear whole: written beside, synced, renamed.
package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Journal keeps the runs of one repository.
type Journal struct{ dir string }

// Root is where this user's state lies: $XDG_STATE_HOME/codex-mcp-runner, or
// that below ~/.local/state.
func Root(getenv func(string) string) (string, error) {
	state := getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) { // the XDG specification says to ignore relative ones
		home := getenv("HOME")
		if !filepath.IsAbs(home) {
			return "", &task.Refusal{
				What: "There is no place to keep runs: neither XDG_STATE_HOME nor HOME is an absolute path.",
				Mend: "Set HOME or XDG_STATE_HOME in the server's environment.",
			}
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "codex-mcp-runner"), nil
}

// Home is where a repository's runs and worktrees live, below Root: its base
// name and a hash of its path. repo, the repository's root, must be absolute
// and free of symlinks.
func Home(getenv func(string) string, repo string) (string, error) {
	root, err := Root(getenv)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(repo))
	return filepath.Join(root, filepath.Base(repo)+"-"+hex.EncodeToString(sum[:6])), nil
}

// Open opens the journal under home, which it creates if need be.
func Open(home string) (*Journal, error) {
	dir := filepath.Join(home, "runs")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, &task.Refusal{
			What: fmt.Sprintf("The journal cannot be created: %v.", err),
			Mend: "Make the directory writable, or point XDG_STATE_HOME at one that is.",
			Err:  err,
		}
	}
	return &Journal{dir: dir}, nil
}

// Record is run.json: what was asked, what it became, and where it stands.
type Record struct {
	RunID      string    `json:"run_id"`
	State      string    `json:"state"` // one of the State constants
	BaseCommit string    `json:"base_commit"`
	CreatedAt  time.Time `json:"created_at"`
	Plan       task.Plan `json:"plan"`
	// WorkDir is the directory under which the run's worktrees are.
	WorkDir string `json:"work_dir"`
}

// The states of a run.
const (
	StateRunning = "running"
	StateDone    = "done"
	// StateLost is a run whose process died before it was done.
	StateLost = "lost"
)

// Begin makes the directory of a new run and locks it. It refuses a run id
// that the journal has already. The caller ends the Run with Finish.
func (j *Journal) Begin(plan task.Plan, baseCommit, workDir string, now time.Time) (*Run, error) {
	dir := filepath.Join(j.dir, plan.RunID)
	if err := os.Mkdir(dir, 0o700); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil, &task.Refusal{
				Where: "run_id",
				What:  fmt.Sprintf("The journal has a run %q already.", plan.RunID),
				Mend:  "Choose another run_id, or leave it out to have one made up.",
				Err:   err,
			}
		}
		return nil, fmt.Errorf("create journal of run %s: %w", plan.RunID, err)
	}
	lock := flock.New(filepath.Join(dir, lockName), flock.SetPermissions(0o600))
	if ok, err := lock.TryLock(); err != nil || !ok {
		return nil, errors.Join(fmt.Errorf("lock journal of run %s (taken: %t): %w", plan.RunID, !ok, err), os.RemoveAll(dir))
	}
	r := &Run{Dir: Dir{path: dir}, lock: lock, record: Record{
		RunID: plan.RunID, State: StateRunning, BaseCommit: baseCommit,
		CreatedAt: now.UTC(), Plan: plan, WorkDir: workDir,
	}}
	if err := r.save(); err != nil {
		return nil, errors.Join(err, lock.Unlock(), os.RemoveAll(dir))
	}
	return r, nil
}

const lockName = "lock"

// Run is a run that this process writes.
type Run struct {
	Dir
	lock   *flock.Flock
	record Record
}

// Task makes the directory of one task.
func (r *Run) Task(id string) (Dir, error) {
	dir := filepath.Join(r.path, "tasks", id)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Dir{}, fmt.Errorf("create journal of task %s: %w", id, err)
	}
	return Dir{path: dir}, nil
}

// Finish stores the result, marks the run done and unlocks it. When it returns
// without an error, the result is on disk.
func (r *Run) Finish(result task.RunResult) error {
	b, err := json.MarshalIndent(result, "", "  ")
	if err == nil {
		err = r.Write("result.json", append(b, '\n'))
	}
	if err == nil {
		r.record.State = StateDone
		err = r.save()
	}
	return errors.Join(err, r.lock.Unlock())
}

func (r *Run) save() error {
	b, err := json.MarshalIndent(r.record, "", "  ")
	if err != nil {
		return fmt.Errorf("encode run %s: %w", r.record.RunID, err)
	}
	return r.Write("run.json", append(b, '\n'))
}

// entries lists the run directories.
func (j *Journal) entries() ([]string, error) {
	all, err := os.ReadDir(j.dir)
	if err != nil {
		return nil, fmt.Errorf("list journal: %w", err)
	}
	var dirs []string
	for _, e := range all {
		if e.IsDir() {
			dirs = append(dirs, filepath.Join(j.dir, e.Name()))
		}
	}
	return dirs, nil
}

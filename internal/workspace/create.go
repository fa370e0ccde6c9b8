package workspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// CreateOptions say what a workspace is made from.
type CreateOptions struct {
	// Name is the worktree's, {run_id}-{task_id}: letters, digits, '.', '_', '-'.
	Name string
	// Commit is what Resolve returned.
	Commit string
	// Dir is absolute, and absent or empty. Everything of the workspace lies below it.
	Dir string
	// UID and GID will own the worktree and the private git directory.
	UID, GID int
}

// Workspace is one task's worktree. Its methods must not be called at the same time.
type Workspace struct {
	repo     *Repository
	layout   layout
	adminDir string // .git/worktrees/<name> in the user's repository
	gitFile  []byte // the worktree's .git, as git wrote it
	commit   string
	baseTree string
	objects  []string // what the container gets to see
	uid, gid int

	conversion [][3]string
	drivers    map[string]map[string]string
	// snapshot is every file of the fresh worktree. What no longer looks the
	// same has been touched: a change time cannot be set.
	snapshot map[string]stat
	// gitlinks are the submodules of the base; sparse says that the base has
	// files that the user's sparse checkout leaves out.
	gitlinks map[string]bool
	sparse   bool
}

// Create makes a worktree at a commit, locked so that nobody prunes it, with
// the files as the user's own checkout would have them, and the private git
// directory for its container. Hooks do not run. It may be called from many
// goroutines and processes at once. After an error nothing stays behind.
func (r *Repository) Create(ctx context.Context, o CreateOptions) (_ *Workspace, err error) {
	if !isObjectID(o.Commit) {
		return nil, fmt.Errorf("create workspace: %q is no commit", o.Commit)
	}
	stores, err := objectStores(filepath.Join(r.commonDir, "objects"))
	if err != nil {
		return nil, fmt.Errorf("create workspace: %w", err)
	}
	if o.UID != os.Geteuid() {
		if err := refuseUnreadable(stores, o.UID, o.GID); err != nil {
			return nil, err
		}
	}
	l, err := makeLayout(o.Dir, o.Name)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err == nil {
			return
		}
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, RemoveStale(cleanup, r.commonDir, l.dir))
	}()

	w := &Workspace{repo: r, layout: l, commit: o.Commit, objects: stores, uid: o.UID, gid: o.GID}
	var s settings
	steps := []struct {
		what string
		do   func() error
	}{
		{"register worktree", func() error { return w.register(ctx) }},
		{"check out files", func() error { return w.checkOut(ctx) }},
		{"read settings", func() (err error) { s, err = r.readSettings(ctx); return err }},
		{"prepare collecting", func() error { return w.prepareCollecting(ctx, s) }},
		{"record the fresh state", func() error { return w.record(ctx) }},
		{"make private git directory", func() error { return w.makePrivate(ctx, s) }},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			return nil, fmt.Errorf("create workspace %s: %s: %w", o.Name, step.what, err)
		}
	}
	return w, nil
}

// Tree is what the sandbox mounts.
func (w *Workspace) Tree() task.Tree {
	return task.Tree{
		Dir:     w.layout.tree(),
		GitDir:  w.layout.private(),
		GitFile: w.layout.gitFile(),
		Objects: w.objects,
		UID:     w.uid,
		GID:     w.gid,
	}
}

// quiet are the settings under which git works on the user's repository:
// nothing of the user's runs but the filters of a checkout, and the index that
// comes out is one that any git can read from any place.
var quiet = []string{
	"-c", "core.hooksPath=" + os.DevNull,
	"-c", "core.fsmonitor=false",
	"-c", "core.untrackedCache=false",
	"-c", "core.splitIndex=false",
	"-c", "core.ignoreStat=false",
	"-c", "feature.manyFiles=false",
	"-c", "index.version=2",
	"-c", "index.sparse=false",
	"-c", "index.skipHash=false",
	"-c", "submodule.recurse=false",
	// It would put an extension into the user's configuration.
	"-c", "worktree.useRelativePaths=false",
	"-c", "gc.auto=0",
	"-c", "maintenance.auto=false",
}

// register lets git make an empty worktree. Only this part needs the lock.
func (w *Workspace) register(ctx context.Context) error {
	unlock, err := lockRepository(ctx, w.repo.commonDir)
	if err != nil {
		return err
	}
	defer unlock()
	args := append(quiet[:len(quiet):len(quiet)],
		"worktree", "add", "--no-checkout", "--detach", "--lock", "--reason", lockReason(w.layout.dir),
		"--", w.layout.tree(), w.commit)
	if _, err := w.repo.git.run(ctx, call{dir: w.repo.root, args: args}); err != nil {
		return err
	}

	// git may have changed the name: "a..b" and names that are taken.
	if w.gitFile, err = os.ReadFile(filepath.Join(w.layout.tree(), ".git")); err != nil {
		return err
	}
	path, ok := strings.CutPrefix(strings.TrimSuffix(string(w.gitFile), "\n"), "gitdir: ")
	if !ok {
		return fmt.Errorf("git wrote %q into .git", w.gitFile)
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(w.layout.tree(), path)
	}
	if w.adminDir, err = filepath.EvalSymlinks(path); err != nil {
		return err
	}
	if filepath.Dir(w.adminDir) != worktreesDir(w.repo.commonDir) {
		return fmt.Errorf("git registered the worktree at %s", w.adminDir)
	}
	return nil
}

func (w *Workspace) checkOut(ctx context.Context) error {
	args := append(quiet[:len(quiet):len(quiet)], "reset", "--hard", "--quiet", "--no-recurse-submodules")
	_, err := w.repo.git.run(ctx, call{dir: w.layout.tree(), args: args})
	return err
}

// record hands the worktree to its owner and remembers what every file looks like.
func (w *Workspace) record(ctx context.Context) error {
	tree := w.layout.tree()
	w.snapshot = map[string]stat{}
	chown := w.uid != os.Geteuid() || w.gid != os.Getegid()
	return filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if chown {
			if err := os.Lchown(path, w.uid, w.gid); err != nil {
				return err
			}
		}
		name, err := filepath.Rel(tree, path)
		if err != nil || d.IsDir() || name == ".git" {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		w.snapshot[name] = statOf(info)
		return nil
	})
}

func worktreesDir(commonDir string) string { return filepath.Join(commonDir, "worktrees") }

// lockReason is what git records about our worktree; RemoveStale finds by it
// what was not finished.
func lockReason(dir string) string { return "in use by codex-mcp-runner at " + dir }

// lockRepository keeps other goroutines and servers out of .git/worktrees. It
// locks the directory itself, so that no lock file appears in it.
func lockRepository(ctx context.Context, commonDir string) (unlock func(), err error) {
	lock := flock.New(commonDir, flock.SetFlag(os.O_RDONLY))
	ctx, cancel := context.WithTimeoutCause(ctx, 2*time.Minute, errors.New("another process keeps it locked"))
	defer cancel()
	if _, err := lock.TryLockContext(ctx, 10*time.Millisecond); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, fmt.Errorf("lock %s: %w", commonDir, err)
	}
	return func() { _ = lock.Close() }, nil
}

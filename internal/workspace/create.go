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
	// Commit is a commit of the repository or of the store.
	Commit string
	// Dir is absolute, and absent or empty. Everything of the workspace lies below it.
	Dir string
	// UID and GID will own the worktree, the private git directory and the
	// directory for session files.
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
	// registered is the commit that the user's repository knows the worktree by.
	// It differs from commit if that one is the store's.
	registered string
	objects    []string // what the container gets to see: the repository's stores, then our own
	uid, gid   int

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
//
// The user's repository never hears of a commit of the store: a worktree whose
// HEAD or index names an object that is not there breaks git fsck and git gc.
// It is registered at the repository's commit below, and git takes the rest for
// local changes.
func (s *Store) Create(ctx context.Context, o CreateOptions) (_ *Workspace, err error) {
	info, err := s.look(ctx, o.Commit)
	if err != nil {
		return nil, fmt.Errorf("create workspace: %w", err)
	}
	stores, err := objectStores(filepath.Join(s.repo.commonDir, "objects"))
	if err != nil {
		return nil, fmt.Errorf("create workspace: %w", err)
	}
	if err := refuseForeign(stores); err != nil {
		return nil, err
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
		err = errors.Join(err, RemoveStale(cleanup, s.repo.commonDir, l.dir))
	}()

	w := &Workspace{
		repo: s.repo, layout: l, commit: o.Commit, baseTree: info.tree, registered: info.base,
		objects: stores, uid: o.UID, gid: o.GID,
	}
	var conf settings
	steps := []struct {
		what string
		do   func() error
	}{
		{"pack the store's objects", func() error { return w.takeObjects(ctx, s) }},
		{"register worktree", func() error { return w.register(ctx) }},
		{"read settings", func() (err error) { conf, err = s.repo.readSettings(ctx); return err }},
		{"check out files", func() error { return w.checkOut(ctx, s, conf) }},
		{"prepare collecting", func() error { return w.prepareCollecting(ctx, conf) }},
		{"filter files", func() error { return w.smudgeChanged(ctx, s) }},
		{"record the fresh state", func() error { return w.record(ctx) }},
		{"make private git directory", func() error { return w.makePrivate(ctx, conf) }},
		{"give away session directory", func() error { return os.Lchown(l.sessions(), o.UID, o.GID) }},
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
		Dir:      w.layout.tree(),
		GitDir:   w.layout.private(),
		GitFile:  w.layout.gitFile(),
		Objects:  w.objects,
		Sessions: w.layout.sessions(),
		UID:      w.uid,
		GID:      w.gid,
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
		"--", w.layout.tree(), w.registered)
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

// takeObjects gives the workspace a copy of what it needs of the store. The
// store itself is never mounted: it has the patches of all tasks.
func (w *Workspace) takeObjects(ctx context.Context, s *Store) error {
	if w.commit == w.registered {
		return nil
	}
	w.objects = append(w.objects, w.layout.objects())
	return s.packFor(ctx, w.layout.objects(), w.commit, w.registered)
}

// index is the one that goes with the fresh worktree.
func (w *Workspace) index() string {
	if w.commit == w.registered {
		return filepath.Join(w.adminDir, "index")
	}
	return filepath.Join(w.layout.collect(), "fresh-index")
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

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

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// PublishCheckout moves the commits of a Stacked into the user's repository,
// and the user's branch, or detached HEAD, and files on to the last of them.
// Files that the commits do not touch stay as they are, dirty or not. No hook
// runs, and submodules stay as they are; filters run as they do for git checkout.
//
// It returns a *task.Refusal if HEAD is no longer where Stack found it, if git
// is in the middle of something, if the branch is checked out elsewhere too, if
// a file would be lost, or if git cannot write the files. After any error the
// checkout is as it was; after a crash, RecoverCheckout makes it so. What somebody
// else has written into the files meanwhile is put aside, and the error says where.
//
// Why not git merge --ff-only: if a filter fails or a directory cannot be
// written, it leaves half of the files behind. Here git read-tree writes the
// files with an index of ours, as merge would, after all of them have been put
// by, and the user's own index and branch follow when all is well.
func (s *Store) PublishCheckout(ctx context.Context, st Stacked) error {
	return s.publishCheckout(ctx, st, false)
}

// CheckCheckout returns the *task.Refusal that PublishCheckout would return, and
// leaves everything as it is.
func (s *Store) CheckCheckout(ctx context.Context, st Stacked) error {
	return s.publishCheckout(ctx, st, true)
}

func (s *Store) publishCheckout(ctx context.Context, st Stacked, dryRun bool) error {
	if st.Conflicts() {
		return fmt.Errorf("publish to checkout: %w", errConflicts)
	}
	unlock, err := lockRepository(ctx, s.repo.commonDir)
	if err != nil {
		return fmt.Errorf("publish to checkout: %w", err)
	}
	defer unlock()
	gitDir, err := s.repo.gitDir(ctx)
	if err != nil {
		return fmt.Errorf("publish to checkout: %w", err)
	}
	if _, err := s.repo.recoverCheckout(ctx, gitDir); err != nil {
		return fmt.Errorf("publish to checkout: %w", err)
	}
	c := &checkout{repo: s.repo, st: st, gitDir: gitDir, dryRun: dryRun}
	if err := c.publish(ctx, s); err != nil {
		return fmt.Errorf("publish to checkout: %w", err)
	}
	return nil
}

// checkout is one move of the user's checkout to another commit.
type checkout struct {
	repo   *Repository
	st     Stacked
	gitDir string
	dryRun bool     // look for what would be refused, and stop there
	root   *os.Root // of the user's checkout
	// changes are the paths that differ between the two commits.
	changes []rawChange
}

// publish does it, between locking the index and unlocking it.
func (c *checkout) publish(ctx context.Context, s *Store) (err error) {
	if err := c.refuseMoved(ctx); err != nil {
		return err
	}
	if c.st.Tip == c.st.Onto {
		return nil
	}
	if c.changes, err = s.changes(ctx, c.st.Onto, c.st.Tip); err != nil {
		return err
	}
	if c.root, err = os.OpenRoot(c.repo.root); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.root.Close()) }()
	if err := lockIndex(c.gitDir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlockIndex(c.gitDir)) }()
	// The index is ours now, so HEAD does not move by any command that knows of it.
	if err := errors.Join(c.refuseMoved(ctx), c.refuseBusy(ctx)); err != nil {
		return err
	}
	if err := os.Mkdir(c.dir(), 0o700); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(c.dir())) }()
	if err := c.copyIndex(ctx); err != nil {
		return err
	}
	if err := c.refuseLoss(ctx); err != nil {
		return err
	}
	if c.dryRun {
		return c.tryOut(ctx, s.objects())
	}
	if err := s.export(ctx, c.st); err != nil {
		return err
	}
	return c.move(ctx)
}

// dir holds all that is needed until the move is done, or undone.
func (c *checkout) dir() string   { return moveDir(c.gitDir) }
func (c *checkout) index() string { return filepath.Join(c.dir(), "index") }

func moveDir(gitDir string) string { return filepath.Join(gitDir, "codex-mcp-runner") }

// git runs git in the checkout with our copy of its index.
func (c *checkout) git(ctx context.Context, args ...string) (output, error) {
	return c.repo.git.run(ctx, call{
		dir: c.repo.root, env: []string{"GIT_INDEX_FILE=" + c.index()},
		args: append(quiet[:len(quiet):len(quiet)], args...),
	})
}

// move changes files, branch and index, in this order; if it fails, all of them
// are what they were.
func (c *checkout) move(ctx context.Context) error {
	u, err := save(c.root, c.dir(), c.st, c.changes)
	if err != nil {
		return fmt.Errorf("put files by: %w", err)
	}
	branchMoved := false
	err = func() error {
		if _, err := c.git(ctx, "read-tree", "-m", "-u", "--no-recurse-submodules", c.st.Onto, c.st.Tip); err != nil {
			return c.cannotWrite(err)
		}
		if err := c.refuseLeftovers(); err != nil {
			return err
		}
		if _, err := c.git(ctx, "update-ref", "-m", "codex-mcp-runner: apply", "HEAD", c.st.Tip, c.st.Onto); err != nil {
			return err
		}
		branchMoved = true
		return installIndex(c.gitDir)
	}()
	if err == nil {
		return nil
	}
	cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if branchMoved {
		_, back := c.git(cleanup, "update-ref", "-m", "codex-mcp-runner: undo", "HEAD", c.st.Onto, c.st.Tip)
		err = errors.Join(err, back)
	}
	rescued, undoErr := c.repo.undo(cleanup, c.root, c.gitDir, u)
	if len(rescued) > 0 {
		err = errors.Join(err, &task.Refusal{
			What: fmt.Sprintf("Files of the checkout changed meanwhile; they are as before, and what was in them is in %s.", nameSome(rescued)),
			Mend: "Take from there what you miss, then remove it.",
		})
	}
	if undoErr != nil {
		return errors.Join(err, fmt.Errorf("put files back; git checkout %s -- . does it by hand: %w", c.st.Onto, undoErr))
	}
	return err
}

// tryOut asks git whether it would move the files, for it may know reasons of
// its own: a changed file that it was told not to look at, for one. Nothing
// moves, and the commits stay in the store.
func (c *checkout) tryOut(ctx context.Context, objects string) error {
	_, err := c.repo.git.run(ctx, call{
		dir:  c.repo.root,
		env:  []string{"GIT_INDEX_FILE=" + c.index(), "GIT_ALTERNATE_OBJECT_DIRECTORIES=" + quotePath(objects)},
		args: append(quiet[:len(quiet):len(quiet)], "read-tree", "-n", "-m", "-u", "--no-recurse-submodules", c.st.Onto, c.st.Tip),
	})
	if err != nil {
		return c.cannotWrite(err)
	}
	return nil
}

// copyIndex makes a copy of the user's index, with what git knows about files
// brought up to date.
func (c *checkout) copyIndex(ctx context.Context) error {
	index, err := os.ReadFile(filepath.Join(c.gitDir, "index"))
	if errors.Is(err, fs.ErrNotExist) {
		// All files were taken out, and never put in again.
		_, err = c.git(ctx, "read-tree", "--empty")
		return err
	}
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.index(), index, 0o600); err != nil {
		return err
	}
	// Status 1 says that some files have changed.
	if _, err := c.git(ctx, "update-index", "-q", "--refresh"); err != nil && exitCode(err) != 1 {
		return err
	}
	return nil
}

// installIndex puts our index into the place of the user's.
func installIndex(gitDir string) error {
	ours, theirs := filepath.Join(moveDir(gitDir), "index"), filepath.Join(gitDir, "index")
	if info, err := os.Stat(theirs); err == nil {
		if err := os.Chmod(ours, info.Mode().Perm()); err != nil {
			return err
		}
	}
	return os.Rename(ours, theirs)
}

// indexLock is what we write into index.lock, so that a crash can be told from
// a git command that is at work.
const indexLock = "codex-mcp-runner\n"

func indexLockPath(gitDir string) string { return filepath.Join(gitDir, "index.lock") }

// lockIndex keeps every git command that would change the index away, as such a
// command keeps others away.
func lockIndex(gitDir string) error {
	f, err := os.OpenFile(indexLockPath(gitDir), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return &task.Refusal{
			What: fmt.Sprintf("Another git command is at work in the checkout, or was killed: there is %s.", show(indexLockPath(gitDir))),
			Mend: "Wait for it, or remove that file if no git is running; or apply to a branch.",
			Err:  err,
		}
	}
	if err != nil {
		return fmt.Errorf("lock index: %w", err)
	}
	_, err = f.WriteString(indexLock)
	return errors.Join(err, f.Close())
}

func unlockIndex(gitDir string) error { return os.Remove(indexLockPath(gitDir)) }

// cannotWrite makes what git complains about into something to tell the user.
func (c *checkout) cannotWrite(err error) error {
	if exitCode(err) <= 0 { // it was killed, say
		return err
	}
	return &task.Refusal{
		What: "git cannot write the files, and the checkout is as it was: " + complaint(err),
		Mend: "See to what git complains about, or apply to a branch.",
		Err:  err,
	}
}

// refuseLeftovers looks for files that should be gone: git only warns if it
// cannot remove one.
func (c *checkout) refuseLeftovers() error {
	added := map[string]bool{}
	for _, ch := range c.changes {
		if ch.NewMode != 0 {
			added[strings.ToLower(ch.Path)] = true
		}
	}
	for _, ch := range c.changes {
		if ch.NewMode != 0 || added[strings.ToLower(ch.Path)] {
			continue
		}
		if info, err := c.root.Lstat(ch.Path); err == nil && !info.IsDir() {
			return &task.Refusal{
				What: fmt.Sprintf("git cannot remove %s, and the checkout is as it was.", show(ch.Path)),
				Mend: "Make its directory writable, or apply to a branch.",
			}
		}
	}
	return nil
}

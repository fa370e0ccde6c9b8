package workspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Remove removes the workspace and its registration. It may be called again,
// and does nothing then. With keepTree the worktree stays for a person to look
// at, registered and locked, with its .git as git wrote it; what was the
// container's and ours goes. A later Remove or RemoveStale takes the rest.
//
// The error of a removal that did not work names the commands to run by hand.
func (w *Workspace) Remove(ctx context.Context, keepTree bool) error {
	if !keepTree {
		return RemoveStale(ctx, w.repo.commonDir, w.layout.dir)
	}
	if _, err := os.Lstat(w.layout.tree()); err != nil {
		return fmt.Errorf("keep worktree: %w", err)
	}
	for _, dir := range []string{
		w.layout.private(), w.layout.gitFile(), w.layout.collect(), w.layout.objects(), w.layout.sessions(),
	} {
		if err := removeDir(dir); err != nil {
			return byHand(err, w.layout.dir, "")
		}
	}
	if err := w.restoreGitFile(); err != nil {
		return err
	}
	// git does not trust a worktree that belongs to somebody else.
	for _, path := range []string{w.layout.tree(), filepath.Join(w.layout.tree(), ".git")} {
		if err := os.Lchown(path, os.Geteuid(), os.Getegid()); err != nil {
			return fmt.Errorf("keep worktree: %w", err)
		}
	}
	return nil
}

// restoreGitFile makes the worktree's .git what it was. A person who runs git
// in there must not run it with what a task has put in its place.
func (w *Workspace) restoreGitFile() error {
	path := filepath.Join(w.layout.tree(), ".git")
	info, err := os.Lstat(path)
	if err == nil && info.Mode().IsRegular() && info.Size() == int64(len(w.gitFile)) {
		if now, err := os.ReadFile(path); err == nil && string(now) == string(w.gitFile) {
			return nil
		}
	}
	if err := removeDir(path); err != nil {
		return byHand(err, path, "")
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("restore .git of worktree: %w", err)
	}
	_, err = f.Write(w.gitFile)
	return errors.Join(err, f.Close())
}

// RemoveStale removes what a dead server left of a Workspace that was created
// with this Dir: the directory, and its registration in the repository with
// this common directory. Neither needs to exist any more. It never touches
// another worktree, and no directory that Create has not made.
func RemoveStale(ctx context.Context, commonDir, dir string) error {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	_, err := os.Lstat(filepath.Join(dir, markerName))
	if errors.Is(err, fs.ErrNotExist) {
		// Empty means that Create got no further; anything else is not ours.
		if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove workspace %s: it does not look like one of ours: %w", dir, err)
		}
	} else if err != nil {
		return fmt.Errorf("remove workspace: %w", err)
	}

	unlock, err := lockRepository(ctx, commonDir)
	if errors.Is(err, fs.ErrNotExist) {
		return removeMarked(dir, "") // the repository is gone, and its records with it
	}
	if err != nil {
		return err
	}
	defer unlock()
	admin, err := findAdmin(commonDir, dir)
	if err != nil {
		return err
	}
	if err := removeMarked(dir, admin); err != nil {
		return err
	}
	if admin != "" {
		if err := removeDir(admin); err != nil {
			return byHand(err, admin, "")
		}
		// As git itself does; it fails if there are other worktrees, as it should.
		_ = os.Remove(worktreesDir(commonDir))
	}
	return nil
}

// findAdmin finds the registration of the worktree below dir; "" if there is none.
func findAdmin(commonDir, dir string) (string, error) {
	entries, err := os.ReadDir(worktreesDir(commonDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("look for worktree: %w", err)
	}
	for _, e := range entries {
		if admin := filepath.Join(worktreesDir(commonDir), e.Name()); registeredFor(admin) == dir {
			return admin, nil
		}
	}
	return "", nil
}

// registeredFor is the Dir of the workspace that a registration may belong to;
// empty if it can be none of ours.
func registeredFor(admin string) string {
	gitFile, err := readIfPresent(filepath.Join(admin, "gitdir"))
	if err != nil {
		return ""
	}
	if gitFile != nil {
		path := strings.TrimSuffix(string(gitFile), "\n")
		if filepath.Base(path) != ".git" {
			return ""
		}
		return filepath.Dir(filepath.Dir(path)) // both clean it
	}
	// git writes the reason before it writes where the worktree is.
	reason, err := readIfPresent(filepath.Join(admin, "locked"))
	dir, ours := strings.CutPrefix(strings.TrimSuffix(string(reason), "\n"), lockReason(""))
	if err != nil || !ours || filepath.Clean(dir) != dir { // "work/run/../.." is not below work/run
		return ""
	}
	return dir
}

// removeMarked removes a workspace's directory, its marker last: a removal that
// was interrupted can be taken up again.
func removeMarked(dir, admin string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return byHand(err, dir, admin)
	}
	for _, e := range entries {
		if e.Name() == markerName {
			continue
		}
		if err := removeDir(filepath.Join(dir, e.Name())); err != nil {
			return byHand(err, dir, admin)
		}
	}
	if err := removeDir(dir); err != nil {
		return byHand(err, dir, admin)
	}
	return nil
}

func byHand(err error, dir, admin string) error {
	commands := "rm -rf -- " + shellQuote(dir)
	if admin != "" {
		commands += " " + shellQuote(admin)
	}
	return fmt.Errorf("remove workspace: %w; to do it by hand, run: %s", err, commands)
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

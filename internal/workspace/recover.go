package workspace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// RecoverCheckout undoes, or finishes, what a PublishCheckout that was killed
// has left. It does nothing if there is none, or one is at work. Files that are
// neither as they were nor as git would have written them are not lost: rescued
// names where they are now.
func (r *Repository) RecoverCheckout(ctx context.Context) (rescued []string, err error) {
	gitDir, err := r.gitDir(ctx)
	if err != nil {
		return nil, fmt.Errorf("recover checkout: %w", err)
	}
	unlock, err := lockRepository(ctx, r.commonDir)
	if err != nil {
		return nil, fmt.Errorf("recover checkout: %w", err)
	}
	defer unlock()
	return r.recoverCheckout(ctx, gitDir)
}

// recoverCheckout is RecoverCheckout under the lock of the repository, which
// says that whoever began is gone.
func (r *Repository) recoverCheckout(ctx context.Context, gitDir string) (rescued []string, err error) {
	dir := moveDir(gitDir)
	lock, err := readIfPresent(indexLockPath(gitDir))
	if err != nil {
		return nil, fmt.Errorf("recover checkout: %w", err)
	}
	ours := string(lock) == indexLock
	content, err := readIfPresent(undoPath(dir))
	if err != nil {
		return nil, fmt.Errorf("recover checkout: %w", err)
	}
	// Without our lock the user has taken the matter into their own hands.
	if ours && content != nil {
		var u undoLog
		if err := json.Unmarshal(content, &u); err != nil {
			return nil, fmt.Errorf("recover checkout: read %s: %w", undoPath(dir), err)
		}
		if rescued, err = r.undoOrFinish(ctx, gitDir, u); err != nil {
			return rescued, fmt.Errorf("recover checkout: %w", err)
		}
	}
	err = os.RemoveAll(dir)
	if ours {
		err = errors.Join(err, unlockIndex(gitDir))
	}
	return rescued, err
}

func (r *Repository) undoOrFinish(ctx context.Context, gitDir string, u undoLog) (rescued []string, err error) {
	_, commit, err := r.head(ctx)
	if err != nil {
		return nil, err
	}
	dir := moveDir(gitDir)
	if commit == u.Tip {
		// Files and branch were done; the index may be in its place already.
		if _, err := os.Lstat(filepath.Join(dir, "index")); isGone(err) {
			return nil, nil
		}
		return nil, installIndex(gitDir)
	}
	if commit != u.Onto {
		return nil, nil // somebody has moved on; what we put by is in the old commit
	}
	root, err := os.OpenRoot(r.root)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	return r.undo(ctx, root, gitDir, u)
}

// undo makes all files what they were before a move. What neither was there before
// nor is as git would have written it, somebody else has written meanwhile, or
// git in part: rescued names where that is now.
func (r *Repository) undo(ctx context.Context, root *os.Root, gitDir string, u undoLog) (rescued []string, err error) {
	err = u.undo(root, moveDir(gitDir), func(f savedFile) error {
		if r.isObject(ctx, root, f) {
			return nil
		}
		to, err := rescue(root, gitDir, string(f.Path))
		if err == nil {
			rescued = append(rescued, to)
		}
		return err
	})
	return rescued, err
}

// rescue copies a file to where no move looks; of a symlink, the target.
func rescue(root *os.Root, gitDir, name string) (string, error) {
	dir := filepath.Join(gitDir, "codex-mcp-runner-rescued")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	own, err := os.MkdirTemp(dir, "file-*")
	if err != nil {
		return "", err
	}
	to := filepath.Join(own, filepath.Base(name))
	if target, err := root.Readlink(name); err == nil {
		return to, os.WriteFile(to, []byte(target), 0o600)
	}
	return to, copyOut(root, name, to)
}

// isObject says whether git would store a file as the object that the move was
// to bring: then git wrote it.
func (r *Repository) isObject(ctx context.Context, root *os.Root, f savedFile) bool {
	name := string(f.Path)
	var content io.Reader
	args := []string{"hash-object", "--stdin"}
	info, err := root.Lstat(name)
	switch {
	case err != nil:
		return false
	case info.Mode().Type() == fs.ModeSymlink:
		target, err := root.Readlink(name)
		if err != nil {
			return false
		}
		content = strings.NewReader(target)
	case info.Mode().IsRegular():
		file, err := root.Open(name)
		if err != nil {
			return false
		}
		defer file.Close()
		content, args = file, append(args, "--path="+name)
	default:
		return false
	}
	out, err := r.git.run(ctx, call{dir: r.root, args: append(quiet[:len(quiet):len(quiet)], args...), stdin: content})
	return err == nil && strings.TrimSpace(string(out.stdout)) == f.NewOID
}

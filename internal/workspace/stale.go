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

// RemoveStaleBelow removes a directory under which a dead server had workspaces
// and stores, with the registrations of these workspaces in the repository with
// this common directory. It never touches another worktree.
func RemoveStaleBelow(ctx context.Context, commonDir, dir string) error {
	real, err := filepath.EvalSymlinks(dir)
	if errors.Is(err, fs.ErrNotExist) {
		real = dir // the registrations may be there still
	} else if err != nil {
		return fmt.Errorf("remove workspaces: %w", err)
	}
	made, err := markedBelow(real)
	if err != nil {
		return fmt.Errorf("look for workspaces: %w", err)
	}
	registered, err := registeredBelow(commonDir, real)
	if err != nil {
		return err
	}
	var errs []error
	seen := map[string]bool{}
	for _, workspace := range append(made, registered...) {
		if !seen[workspace] {
			seen[workspace] = true
			errs = append(errs, RemoveStale(ctx, commonDir, workspace))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err // what says how to remove it by hand must stay
	}
	if err := removeDir(real); err != nil {
		return byHand(err, real, "")
	}
	return nil
}

// markedBelow finds the directories that Create has made. It does not look into
// them: what lies there is hostile.
func markedBelow(dir string) (found []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !d.IsDir() {
			return err
		}
		if _, err := os.Lstat(filepath.Join(path, markerName)); err != nil {
			return nil
		}
		found = append(found, path)
		return fs.SkipDir
	})
	return found, err
}

// registeredBelow finds the directories of workspaces below dir of which the
// repository knows, also those of a Create that was interrupted.
func registeredBelow(commonDir, dir string) (found []string, err error) {
	entries, err := os.ReadDir(worktreesDir(commonDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for worktrees: %w", err)
	}
	for _, e := range entries {
		workspace := registeredFor(filepath.Join(worktreesDir(commonDir), e.Name()))
		if strings.HasPrefix(workspace, dir+string(filepath.Separator)) {
			found = append(found, workspace)
		}
	}
	return found, nil
}

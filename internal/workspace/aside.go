package workspace

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
)

// move is a file that was set aside, with both names as below the workspace's directory.
type move struct{ from, to string }

// setAside moves a file out of git's way.
func (k *walk) setAside(name string) error {
	m := move{
		from: path.Join(k.w.layout.name, name),
		to:   path.Join(filepath.ToSlash(k.w.layout.asideName()), strconv.Itoa(len(k.moved))),
	}
	err := k.dir.Rename(m.from, m.to)
	if errors.Is(err, fs.ErrPermission) {
		// The directory above and, if it is one, the thing itself must be writable.
		_ = k.dir.Chmod(path.Dir(m.from), 0o700)
		if info, lerr := k.dir.Lstat(m.from); lerr == nil && info.IsDir() {
			_ = k.dir.Chmod(m.from, 0o700)
		}
		err = k.dir.Rename(m.from, m.to)
	}
	if err != nil {
		return fmt.Errorf("set %s aside: %w", show(name), err)
	}
	k.moved = append(k.moved, m)
	return nil
}

// close puts back what was set aside, so that a kept worktree is as the task left it.
func (k *walk) close() error {
	var errs []error
	for _, m := range k.moved {
		if err := k.dir.Rename(m.to, m.from); err != nil {
			errs = append(errs, fmt.Errorf("put %s back: %w", show(m.from), err))
		}
	}
	return errors.Join(append(errs, k.root.Close(), k.dir.Close())...)
}

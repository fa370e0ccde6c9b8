package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
)

// Adopt makes attempt n the task's own: each file of its directory appears in
// the task's as well, whole and at once, replacing one of the same name. The
// attempt keeps what it has, so an interrupted Adopt has lost nothing and can be
// done again.
//
// Both names may lead to one file: Write replaces it under one of them, but
// neither may be appended to from then on.
func (r *Run) Adopt(id string, n int) error {
	to, err := r.taskDir(id)
	if err != nil {
		return err
	}
	from := Dir{path: to.Path(filepath.Join("attempts", strconv.Itoa(n)))}
	entries, err := os.ReadDir(from.path)
	if err != nil {
		return fmt.Errorf("adopt attempt %d of task %s: %w", n, id, cause(err))
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || isTemp(e.Name()) {
			continue
		}
		if err := to.adopt(from.Path(e.Name()), e.Name(), os.Link); err != nil {
			return fmt.Errorf("adopt %s of attempt %d of task %s: %w", e.Name(), n, id, err)
		}
	}
	return syncDir(to.path)
}

// adopt gives a file a second name in d, or where there are no hard links, a copy.
func (d Dir) adopt(file, name string, link func(oldname, newname string) error) (err error) {
	// rename(2) of one name of a file onto another of its names does nothing and
	// leaves both.
	if same, err := sameFile(file, d.Path(name)); err != nil || same {
		return err
	}
	beside := d.Path(fmt.Sprintf(".%s.%d", name, rand.Uint64()))
	defer func() {
		if err != nil {
			_ = os.Remove(beside)
		}
	}()
	if link(file, beside) != nil {
		if err := copyFile(file, beside); err != nil {
			return err
		}
	}
	return os.Rename(beside, d.Path(name))
}

func sameFile(a, b string) (bool, error) {
	ia, err := os.Lstat(a)
	if err != nil {
		return false, err
	}
	ib, err := os.Lstat(b)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(ia, ib), err
}

func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, syncedFile{dst}.Close())
}

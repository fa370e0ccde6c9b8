package workspace

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// undoLog says how files were before a move. It lies on disk before the first
// of them changes.
type undoLog struct {
	Onto, Tip string
	Files     []savedFile
	// Dirs are the directories above the files, parents first.
	Dirs []savedDir
}

// savedFile is a file, symlink or empty directory. Its content is in the file
// of its number. Names are bytes, which JSON's strings are not.
type savedFile struct {
	Path []byte
	// Absent: there was nothing.
	Absent   bool        `json:",omitempty"`
	Mode     fs.FileMode `json:",omitempty"`
	Target   []byte      `json:",omitempty"`
	MTime    time.Time   `json:",omitzero"`
	UID, GID int
	// NewOID is the file's object in the commit that is moved to; zeros if it has none.
	NewOID string
}

type savedDir struct {
	Path   []byte
	Absent bool        `json:",omitempty"`
	Mode   fs.FileMode `json:",omitempty"`
}

func undoPath(dir string) string                { return filepath.Join(dir, "undo.json") }
func contentPath(dir string, number int) string { return filepath.Join(dir, strconv.Itoa(number)) }

// isGone says whether an error means that there is nothing of that name, also
// because a file is where its directory was.
func isGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// save puts by everything that a move may change.
func save(root *os.Root, dir string, st Stacked, changes []rawChange) (undoLog, error) {
	u := undoLog{Onto: st.Onto, Tip: st.Tip}
	dirs := map[string]bool{}
	for i, ch := range changes {
		f := savedFile{Path: []byte(ch.Path), NewOID: ch.newOID}
		info, err := root.Lstat(ch.Path)
		switch {
		case isGone(err):
			f.Absent = true
		case err != nil:
			return u, err
		default:
			f.Mode, f.MTime = info.Mode(), info.ModTime()
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				f.UID, f.GID = int(st.Uid), int(st.Gid)
			}
		}
		switch {
		case f.Absent, f.Mode.IsDir():
		case f.Mode.Type() == fs.ModeSymlink:
			target, err := root.Readlink(ch.Path)
			if err != nil {
				return u, err
			}
			f.Target = []byte(target)
		case f.Mode.IsRegular():
			if err := copyOut(root, ch.Path, contentPath(dir, i)); err != nil {
				return u, err
			}
		default:
			return u, fmt.Errorf("%s is no file", show(ch.Path))
		}
		u.Files = append(u.Files, f)
		for d := range parents(ch.Path) {
			dirs[d] = true
		}
	}
	for name := range dirs {
		d := savedDir{Path: []byte(name)}
		info, err := root.Lstat(name)
		switch {
		case isGone(err), err == nil && !info.IsDir():
			d.Absent = true
		case err != nil:
			return u, err
		default:
			d.Mode = info.Mode().Perm()
		}
		u.Dirs = append(u.Dirs, d)
	}
	slices.SortFunc(u.Dirs, func(a, b savedDir) int { return bytes.Compare(a.Path, b.Path) })
	content, err := json.Marshal(u)
	if err != nil {
		return u, err
	}
	// By a rename: half a log would be worse than none.
	part := undoPath(dir) + ".part"
	return u, errors.Join(os.WriteFile(part, content, 0o600), os.Rename(part, undoPath(dir)))
}

func copyOut(root *os.Root, name, to string) (err error) {
	in, err := root.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// undo makes all files what they were. What is to go, since it is not as it was,
// is shown to rescue before. undo goes on after an error.
func (u undoLog) undo(root *os.Root, dir string, rescue func(savedFile) error) error {
	var errs []error
	var changed []int
	for i, f := range slices.Backward(u.Files) {
		same, err := f.same(root, contentPath(dir, i))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if same {
			continue
		}
		changed = append(changed, i)
		name := string(f.Path)
		info, err := root.Lstat(name)
		if err != nil || info.IsDir() {
			continue // the directory goes with those that were not there, if it is one of them
		}
		if err := rescue(f); err != nil {
			errs = append(errs, err)
			continue
		}
		if err := root.Remove(name); err != nil && !isGone(err) {
			errs = append(errs, err)
		}
	}
	for _, d := range slices.Backward(u.Dirs) {
		if info, err := root.Lstat(string(d.Path)); d.Absent && err == nil && info.IsDir() {
			_ = root.Remove(string(d.Path)) // unless somebody else has put something there
		}
	}
	for _, d := range u.Dirs {
		if d.Absent {
			continue
		}
		if err := root.Mkdir(string(d.Path), 0o700); err == nil {
			errs = append(errs, root.Chmod(string(d.Path), d.Mode))
		} else if !errors.Is(err, fs.ErrExist) {
			errs = append(errs, err)
		}
	}
	for _, i := range slices.Backward(changed) {
		errs = append(errs, u.Files[i].restore(root, contentPath(dir, i)))
	}
	return errors.Join(errs...)
}

// same says whether a file is as it was.
func (f savedFile) same(root *os.Root, saved string) (bool, error) {
	info, err := root.Lstat(string(f.Path))
	switch {
	case isGone(err):
		return f.Absent, nil
	case err != nil:
		return false, err
	case f.Absent || info.Mode() != f.Mode:
		return false, nil
	case f.Mode.Type() == fs.ModeSymlink:
		target, err := root.Readlink(string(f.Path))
		return target == string(f.Target), err
	case !f.Mode.IsRegular():
		return true, nil
	}
	was, err := os.ReadFile(saved)
	if err != nil || int64(len(was)) != info.Size() {
		return false, err
	}
	now, err := root.ReadFile(string(f.Path))
	return bytes.Equal(was, now), err
}

// restore makes a file anew; there is nothing where it goes.
func (f savedFile) restore(root *os.Root, saved string) (err error) {
	name := string(f.Path)
	switch {
	case f.Absent:
		return nil
	case f.Mode.IsDir():
		if err := root.Mkdir(name, f.Mode.Perm()); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	case f.Mode.Type() == fs.ModeSymlink:
		if err := root.Symlink(string(f.Target), name); err != nil {
			return err
		}
	default:
		if err := f.copyIn(root, saved); err != nil {
			return err
		}
	}
	if os.Geteuid() == 0 {
		return root.Lchown(name, f.UID, f.GID)
	}
	return nil
}

func (f savedFile) copyIn(root *os.Root, saved string) (err error) {
	in, err := os.Open(saved)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := root.OpenFile(string(f.Path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(f.Mode.Perm()), out.Close(), root.Chtimes(string(f.Path), f.MTime, f.MTime))
}

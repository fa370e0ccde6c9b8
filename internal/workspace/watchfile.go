package workspace

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// watched is how a file was.
type watched struct {
	// digest is of mode and content; it alone says whether the file has changed.
	digest string
	// look tells whether to read it again. It is zero if the file was so young
	// that a later change might have gone into the same tick of the clock.
	look stat
}

const (
	// maxHooks bounds the files of a hooks directory that are looked at.
	maxHooks = 1000
	// settled is the age from which on a change time is trusted.
	settled = 2 * time.Second
)

// lookAt adds a file, or every file below a directory, under its path relative
// to dir. One that is not there adds nothing. What looks as before is not read.
func lookAt(files map[string]watched, dir, path string, before map[string]watched) error {
	// The user may have linked the hooks of several repositories together.
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return filepath.WalkDir(real, func(file string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			return nil // what we cannot read, git cannot run for us
		}
		if err != nil || d.IsDir() {
			return err
		}
		if len(files) >= maxHooks {
			return filepath.SkipAll
		}
		below, err := filepath.Rel(real, file)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, filepath.Join(path, below))
		if err != nil {
			return err
		}
		w, err := watchFile(file, before[name])
		if err == nil {
			files[name] = w
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

func watchFile(path string, before watched) (watched, error) {
	info, err := os.Stat(path)
	if err != nil {
		return watched{}, err
	}
	now := statOf(info)
	if before.look == now {
		return before, nil
	}
	w := watched{digest: info.Mode().String()}
	if time.Since(time.Unix(0, now.ctime)) > settled {
		w.look = now
	}
	if !info.Mode().IsRegular() {
		return w, nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrPermission) {
		w.digest += fmt.Sprintf(" unreadable, %d bytes at %d", now.size, now.mtime)
		return w, nil
	}
	if err != nil {
		return watched{}, err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return watched{}, err
	}
	w.digest += fmt.Sprintf(" %x", sum.Sum(nil))
	return w, nil
}

// digests are what a person would call the state of files.
func digests(files map[string]watched) map[string]string {
	all := make(map[string]string, len(files))
	for name, w := range files {
		all[name] = w.digest
	}
	return all
}

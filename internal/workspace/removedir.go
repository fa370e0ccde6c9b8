package workspace

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// deepest and longest are how far down removeDir follows directories in one go:
// os.RemoveAll holds a file descriptor for each level, and a path has at most 4,096
// bytes.
const (
	deepest = 100
	longest = 3072
)

// removeDir is os.RemoveAll, which never follows a symlink, for trees that may
// hold directories without write permission and be of any depth.
func removeDir(dir string) error {
	if _, err := os.Lstat(dir); err != nil {
		return os.RemoveAll(dir) // nothing, or its own words for what is wrong
	}
	// Errors on the way are RemoveAll's to tell.
	for tops := []string{dir}; len(tops) > 0; {
		top := tops[len(tops)-1]
		tops = append(tops[:len(tops)-1], flatten(dir, top)...)
	}
	return os.RemoveAll(dir)
}

// flatten makes the directories below top writable and moves those that lie too
// deep up into dir. It gives where they are now.
func flatten(dir, top string) (moved []string) {
	level := strings.Count(top, string(filepath.Separator))
	// WalkDir reads a directory after its function has seen it.
	_ = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil && info.Mode().Perm()&0o700 != 0o700 {
			_ = os.Chmod(path, 0o700)
		}
		if strings.Count(path, string(filepath.Separator))-level < deepest && len(path) < longest {
			return nil
		}
		up, err := os.MkdirTemp(dir, "deep")
		if err != nil {
			return nil
		}
		up = filepath.Join(up, "x")
		if err := os.Rename(path, up); err != nil {
			return nil
		}
		moved = append(moved, up)
		return filepath.SkipDir
	})
	return moved
}

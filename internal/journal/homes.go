package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// HomeInfo is what there is of one repository below Root.
type HomeInfo struct {
	// Path is the home, absolute if root was.
	Path string `json:"path"`
	// Repository is the git directory that the repository's checkouts share; empty
	// if it is not known.
	Repository string `json:"repository"`
	// Checkout is the root of the one that the journal was last opened for, which
	// may be gone; empty if it is not known.
	Checkout string `json:"checkout"`
	// Gone is true if the repository is known and is not there any more. It may
	// be on a disk that is not mounted now.
	Gone  bool  `json:"gone"`
	Runs  int   `json:"runs"`
	Bytes int64 `json:"bytes"`
}

var homePattern = regexp.MustCompile(`-[0-9a-f]{12}$`)

// Homes lists the homes of all repositories below root, by name. Root also holds
// things that are of no repository; they are not listed.
func Homes(root string) ([]HomeInfo, error) {
	names, err := dirNames(root)
	if err != nil {
		return nil, unusable("read", err)
	}
	var errs []error
	homes := []HomeInfo{}
	for _, name := range names {
		if !homePattern.MatchString(name) {
			continue
		}
		home := HomeInfo{Path: filepath.Join(root, name)}
		runs, err := At(home.Path).entries()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
		home.Runs = len(runs)
		noted := func(file string) string {
			b, err := Dir{path: home.Path}.Read(file)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
			return strings.TrimSuffix(string(b), "\n")
		}
		// The home's name has the hash of the path: a file that says something else is wrong.
		if repo := noted(repositoryFile); homeName(repo) == name {
			home.Repository, home.Checkout = repo, noted(checkoutFile)
			_, err := os.Lstat(repo)
			home.Gone = errors.Is(err, fs.ErrNotExist)
		}
		home.Bytes = size(home.Path)
		homes = append(homes, home)
	}
	return homes, errors.Join(errs...)
}

// RemoveHome removes all that there is of a repository, seen or not. It refuses
// while one of its runs lives. What git knows about worktrees below it, the
// repository itself has.
func RemoveHome(path string) error {
	dirs, err := At(path).entries()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, dir := range dirs {
		live, err := isLive(dir)
		if err != nil {
			return err
		}
		if live {
			return &task.Refusal{
				What: fmt.Sprintf("The run %q is still being written.", filepath.Base(dir)),
				Mend: "Wait until it is done, or cancel it.",
			}
		}
	}
	entries, err := os.ReadDir(path)
	errs := []error{cause(err)}
	for _, e := range entries {
		if e.Name() != repositoryFile { // it goes last, so that what is left after a crash is known
			errs = append(errs, cause(os.RemoveAll(filepath.Join(path, e.Name()))))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove %s: %w", filepath.Base(path), err)
	}
	return os.RemoveAll(path)
}

// size is the size of all files below a directory, or of one file. A file of
// several names, as an adopted one is, counts once. What cannot be looked at
// counts nothing.
func size(path string) (total int64) {
	type file struct{ dev, ino uint64 }
	counted := map[file]bool{}
	_ = filepath.WalkDir(path, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return nil
		}
		info, err := e.Info()
		if err != nil {
			return nil
		}
		if s, ok := info.Sys().(*syscall.Stat_t); ok && s.Nlink > 1 {
			id := file{uint64(s.Dev), s.Ino} // Dev is an int32 on macOS
			if counted[id] {
				return nil
			}
			counted[id] = true
		}
		total += info.Size()
		return nil
	})
	return total
}

package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// ItemKind says what an Item is.
type ItemKind string

// The kinds of garbage.
const (
	// ItemRun is a run that the journal need not keep.
	ItemRun ItemKind = "run"
	// ItemWork is a run's directory of worktrees that no run uses.
	ItemWork ItemKind = "work"
	// ItemTemp is what an interrupted write or removal left.
	ItemTemp ItemKind = "temp"
)

// Item is one thing that could go.
type Item struct {
	Kind ItemKind `json:"kind"`
	// Path is absolute.
	Path string `json:"path"`
	// RunID is the run that it belongs to; empty if that cannot be told.
	RunID string `json:"run_id,omitempty"`
	// CreatedAt is that of a run; zero for others.
	CreatedAt time.Time `json:"created_at,omitzero"`
	// Bytes is the size of its files.
	Bytes int64 `json:"bytes"`
}

// Garbage lists what could go: the runs that Prune would remove, oldest first,
// the work directories that no run uses, and what was left of interrupted writes
// and removals. It changes nothing, and Remove of the list removes exactly that.
//
// A work directory goes with its run: that of a run which is done holds
// worktrees that somebody wanted to keep.
func (j *Journal) Garbage(keep int) ([]Item, error) {
	if _, err := j.entries(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err // nothing else could be read either
	}
	// A run is in the journal before it has a work directory: what is listed here
	// without a run has none.
	work, err := dirNames(filepath.Join(j.home, "work"))
	errs := []error{err}
	items, err := j.excess(keep)
	errs = append(errs, err)
	going := map[string]bool{}
	for _, item := range items {
		going[item.RunID] = true
	}
	for _, id := range work {
		if going[id] || j.abandoned(id) {
			items = append(items, Item{Kind: ItemWork, Path: filepath.Join(j.home, "work", id), RunID: id})
		}
	}
	temps, err := j.leftovers(going)
	errs = append(errs, err)
	items = append(items, temps...)
	for i := range items {
		items[i].Bytes = size(items[i].Path)
	}
	return items, errors.Join(errs...)
}

// abandoned says that no run uses its work directory: it is gone, or ended
// before it was done.
func (j *Journal) abandoned(id string) bool {
	dir := filepath.Join(j.dir, id)
	if live, err := isLive(dir); err != nil || live {
		return false
	}
	rec, err := recordOf(dir)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	return rec.State != task.RunDone
}

// leftovers lists temporary files in runs that nobody writes, and directories
// that were being removed.
func (j *Journal) leftovers(going map[string]bool) ([]Item, error) {
	var items []Item
	all, err := os.ReadDir(j.home)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	errs := []error{cause(err)}
	for _, e := range all {
		left := (e.IsDir() || e.Type().IsRegular()) && isTemp(e.Name()) && old(e)
		if left || e.IsDir() && strings.HasPrefix(e.Name(), removing) {
			items = append(items, Item{Kind: ItemTemp, Path: filepath.Join(j.home, e.Name())})
		}
	}
	dirs, err := j.entries()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		errs = append(errs, err)
	}
	for _, dir := range dirs {
		id := filepath.Base(dir)
		live, err := isLive(dir)
		errs = append(errs, err)
		if err != nil || live || going[id] {
			continue
		}
		errs = append(errs, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() && isTemp(e.Name()) {
				items = append(items, Item{Kind: ItemTemp, Path: path, RunID: id})
			}
			return cause(err)
		}))
	}
	return items, errors.Join(errs...)
}

// old says that nobody is still writing a file for which there is no lock.
func old(e fs.DirEntry) bool {
	info, err := e.Info()
	return err == nil && time.Since(info.ModTime()) > time.Hour
}

// tempName is what Dir.Write and Adopt write beside a file, and what a command
// calls a directory in a home that is for itself alone.
var tempName = regexp.MustCompile(`^\..+\.[0-9]+$`)

func isTemp(name string) bool { return tempName.MatchString(name) }

// removing is what the name of a directory begins with while it is removed.
const removing = ".removing."

// Remove removes what Garbage listed, in that order, and says what has gone. A
// run that has come to life since, or was made anew under its old name, stays,
// and so does its work directory; that is no error. removeWork takes away a work
// directory with what git knows about it; nil means os.RemoveAll.
func (j *Journal) Remove(items []Item, removeWork func(dir string) error) (removed []Item, err error) {
	if removeWork == nil {
		removeWork = os.RemoveAll
	}
	var errs []error
	for _, item := range items {
		var gone bool
		var err error
		switch item.Kind {
		case ItemRun:
			gone, err = j.removeRun(item)
		case ItemWork:
			if j.abandoned(item.RunID) {
				gone, err = true, removeWork(item.Path)
			}
		case ItemTemp:
			if item.RunID == "" {
				gone, err = true, os.RemoveAll(item.Path)
			} else {
				gone, err = j.removeTemp(item)
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("remove %s %q: %w", item.Kind, filepath.Base(item.Path), cause(err)))
		} else if gone {
			removed = append(removed, item)
		}
	}
	return removed, errors.Join(errs...)
}

// removeRun takes the run out of the journal at once and as a whole; that its
// files go may take longer, and may be interrupted.
func (j *Journal) removeRun(item Item) (gone bool, err error) {
	dead, unlock, err := takeOver(item.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil || !dead {
		return false, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if !createdAt(item.Path).Equal(item.CreatedAt) {
		return false, nil
	}
	away, err := os.MkdirTemp(j.home, removing+"*")
	if err != nil {
		return false, err
	}
	if err := os.Rename(item.Path, filepath.Join(away, item.RunID)); err != nil {
		return false, errors.Join(err, os.Remove(away))
	}
	return true, errors.Join(syncDir(j.dir), os.RemoveAll(away))
}

// removeTemp holds the run's lock: a file of a live writer is no leftover.
func (j *Journal) removeTemp(item Item) (gone bool, err error) {
	dead, unlock, err := takeOver(filepath.Join(j.dir, item.RunID))
	if err != nil || !dead {
		return false, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	return true, os.Remove(item.Path)
}

// dirNames lists the directories in a directory, which need not exist.
func dirNames(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list %q: %w", filepath.Base(dir), cause(err))
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// A run is seen once what came of it has been handed to somebody. Only the
// program knows when that is, and says so with MarkSeen; the journal guesses
// nothing from who read which file.
//
// The newest keep runs stay. Older ones go, oldest first, if they were seen. One
// that was not, since its client had gone away, stays if it has a patch: work is
// not thrown away unread. Without one it stays until there are twice as many runs.
// A run that a process is writing counts, and never goes.

// seenName is an empty file in the directory of a run that somebody has seen.
const seenName = "seen"

// MarkSeen says that the result of a run, or what there is of a lost one, has
// been handed to somebody. It may be said more than once. A run that is still
// being written is not marked: there is more to come.
func (j *Journal) MarkSeen(runID string) error {
	dir, err := j.find(runID)
	if err != nil {
		return err
	}
	if live, err := isLive(dir); err != nil || live {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, seenName), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("mark run %q as seen: %w", runID, cause(err))
	}
	return f.Close()
}

// Prune removes runs until at most keep are left, those aside that are live or
// that nobody has seen. Their work directories stay: Garbage finds them.
func (j *Journal) Prune(keep int) error {
	runs, err := j.excess(keep)
	if err != nil {
		return err
	}
	_, err = j.Remove(runs, nil)
	return err
}

// excess lists the runs that are to go, oldest first.
func (j *Journal) excess(keep int) ([]Item, error) {
	dirs, err := j.entries()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	runs := make([]Item, 0, len(dirs))
	for _, dir := range dirs {
		runs = append(runs, Item{Kind: ItemRun, Path: dir, RunID: filepath.Base(dir), CreatedAt: createdAt(dir)})
	}
	slices.SortFunc(runs, func(a, b Item) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.Path, b.Path))
	})
	keep = max(keep, 0)
	var errs []error
	var items []Item
	for i, run := range runs[:max(0, len(runs)-keep)] {
		live, err := isLive(run.Path)
		errs = append(errs, err)
		_, unseen := os.Lstat(filepath.Join(run.Path, seenName))
		if err == nil && !live && (unseen == nil || i < len(runs)-2*keep && !hasPatch(run.Path)) {
			items = append(items, run)
		}
	}
	return items, errors.Join(errs...)
}

// hasPatch says whether a task of the run has made something.
func hasPatch(dir string) bool {
	found, err := fs.Glob(os.DirFS(dir), "tasks/*/"+task.FilePatch)
	return err != nil || len(found) > 0
}

// createdAt falls back on the directory's own time for a run that died before
// its record was written.
func createdAt(dir string) time.Time {
	if rec, err := recordOf(dir); err == nil {
		return rec.CreatedAt
	}
	if fi, err := os.Lstat(dir); err == nil {
		return fi.ModTime()
	}
	return time.Time{}
}

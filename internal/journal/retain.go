package journal

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"
)

// Prune removes the oldest runs until at most keep are left. Runs that a
// process is writing count, but are never removed.
func (j *Journal) Prune(keep int) error {
	dirs, err := j.entries()
	if err != nil {
		return err
	}
	type aged struct {
		dir string
		at  time.Time
	}
	runs := make([]aged, 0, len(dirs))
	for _, dir := range dirs {
		runs = append(runs, aged{dir, createdAt(dir)})
	}
	slices.SortFunc(runs, func(a, b aged) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.dir, b.dir)) })
	var errs []error
	for _, run := range runs[:max(0, len(runs)-keep)] {
		dead, unlock, err := takeOver(run.dir)
		if err != nil || !dead {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, os.RemoveAll(run.dir), unlock())
	}
	return errors.Join(errs...)
}

// Recover finds runs whose process died before they were done. For each, clean
// is called with its work directory, while the run is locked; if that succeeds
// the run is marked lost, and what it had stays.
func (j *Journal) Recover(clean func(Record) error) (lost []Record, err error) {
	dirs, err := j.entries()
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, dir := range dirs {
		rec, err := readRecord(dir)
		if errors.Is(err, fs.ErrNotExist) || (err == nil && rec.State != StateRunning) {
			continue
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		dead, unlock, err := takeOver(dir)
		if err != nil || !dead {
			errs = append(errs, err)
			continue
		}
		if err := clean(rec); err != nil {
			errs = append(errs, fmt.Errorf("clean up after lost run %s: %w", rec.RunID, err), unlock())
			continue
		}
		rec.State = StateLost
		run := Run{Dir: Dir{path: dir}, record: rec}
		errs = append(errs, run.save(), unlock())
		lost = append(lost, rec)
	}
	return lost, errors.Join(errs...)
}

// takeOver says whether nobody writes the run any more, and if so holds its
// lock until unlock is called. The kernel drops the lock of a process that
// dies, however it dies; a process id could have been given to another.
func takeOver(dir string) (dead bool, unlock func() error, err error) {
	lock := flock.New(filepath.Join(dir, lockName), flock.SetPermissions(0o600))
	ok, err := lock.TryLock()
	if err != nil {
		return false, nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	if !ok {
		return false, nil, nil
	}
	return true, lock.Unlock, nil
}

func readRecord(dir string) (Record, error) {
	var rec Record
	b, err := os.ReadFile(filepath.Join(dir, "run.json"))
	if err != nil {
		return rec, fmt.Errorf("read run: %w", err)
	}
	if err := json.Unmarshal(b, &rec); err != nil {
		return rec, fmt.Errorf("read %s: %w", filepath.Join(dir, "run.json"), err)
	}
	return rec, nil
}

// createdAt falls back on the directory's own time for a run that died before
// its record was written.
func createdAt(dir string) time.Time {
	if rec, err := readRecord(dir); err == nil {
		return rec.CreatedAt
	}
	if fi, err := os.Stat(dir); err == nil {
		return fi.ModTime()
	}
	return time.Time{}
}

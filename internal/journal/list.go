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

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// List gives the runs, the newest first. Runs whose record cannot be read are
// left out and are in the error; the others are good all the same.
func (j *Journal) List() ([]Record, error) {
	dirs, err := j.entries()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var records []Record
	var errs []error
	for _, dir := range dirs {
		rec, err := recordOf(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist): // just begun, or just pruned
		case err != nil:
			errs = append(errs, err)
		default:
			records = append(records, rec)
		}
	}
	slices.SortFunc(records, func(a, b Record) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.RunID, a.RunID))
	})
	return records, errors.Join(errs...)
}

// Summaries gives a line about each run, the newest first, and reads no patch
// for it. Runs that cannot be read are left out and are in the error; one of which
// only the event log is broken is there, and in the error too.
func (j *Journal) Summaries() ([]task.RunSummary, error) {
	// First which runs live, then their records: a run that ends in between would
	// otherwise look lost.
	live := map[string]bool{}
	dirs, err := j.entries()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var errs []error
	for _, dir := range dirs {
		alive, err := isLive(dir)
		live[filepath.Base(dir)] = alive || err != nil // not known: then not called dead
	}
	records, err := j.List()
	errs = append(errs, err)
	summaries := make([]task.RunSummary, 0, len(records))
	for _, rec := range records {
		alive, known := live[rec.RunID]
		saved := Saved{
			Dir: Dir{path: filepath.Join(j.dir, rec.RunID)}, Record: rec,
			Status: Status(rec, alive || !known), // begun a moment ago
		}
		summary, err := saved.summary()
		errs = append(errs, err)
		summaries = append(summaries, summary)
	}
	return summaries, errors.Join(errs...)
}

func (s *Saved) summary() (task.RunSummary, error) {
	rec := s.Record
	summary := task.RunSummary{
		RunID: rec.RunID, Status: s.Status, CreatedAt: rec.CreatedAt,
		Tasks: len(rec.Plan.Tasks), Done: rec.Done, Succeeded: rec.Succeeded,
		TaskIDs: make([]string, 0, len(rec.Plan.Tasks)), BaseCommit: rec.BaseCommit, JournalPath: s.Path(""),
	}
	for _, spec := range rec.Plan.Tasks {
		summary.TaskIDs = append(summary.TaskIDs, spec.ID)
	}
	if s.Status == task.RunDone {
		return summary, nil
	}
	progress, err := s.Progress()
	if err != nil {
		err = fmt.Errorf("read run %q: %w", rec.RunID, err)
	}
	summary.Done = progress.DoneCount()
	for _, t := range progress.Tasks {
		if t.Status == task.Success {
			summary.Succeeded++
		}
	}
	return summary, err
}

// Status is where a run stands, going by its record and by whether a process
// writes it. live must have been found out first: a run is marked done before it
// is unlocked.
func Status(rec Record, live bool) task.RunStatus {
	switch {
	case rec.State == task.RunDone:
		return task.RunDone
	case rec.State == task.RunRunning && live:
		return task.RunRunning
	}
	return task.RunLost
}

// entries lists the run directories. It refuses a directory that cannot be read;
// one that is not there is fs.ErrNotExist.
func (j *Journal) entries() ([]string, error) {
	all, err := os.ReadDir(j.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list journal: %w", err)
	}
	if err != nil {
		return nil, unusable("read", fmt.Errorf("%q: %w", j.dir, cause(err)))
	}
	var dirs []string
	for _, e := range all {
		if e.IsDir() {
			dirs = append(dirs, filepath.Join(j.dir, e.Name()))
		}
	}
	return dirs, nil
}

// recordOf insists that the record is the directory's own: a run that was
// copied under another name is none.
func recordOf(dir string) (Record, error) {
	var rec Record
	b, err := Dir{path: dir}.Read(task.FileRecord)
	if err != nil {
		return rec, fmt.Errorf("read run %q: %w", filepath.Base(dir), err)
	}
	if err := json.Unmarshal(b, &rec); err != nil {
		return rec, fmt.Errorf("read run %q: %w", filepath.Base(dir), err)
	}
	if rec.RunID != filepath.Base(dir) {
		return rec, fmt.Errorf("read run %q: its record is that of run %q", filepath.Base(dir), rec.RunID)
	}
	return rec, nil
}

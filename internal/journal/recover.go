package journal

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

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
		rec, err := recoverRun(dir, clean)
		errs = append(errs, err)
		if rec != nil {
			lost = append(lost, *rec)
		}
	}
	return lost, errors.Join(errs...)
}

func recoverRun(dir string, clean func(Record) error) (lost *Record, err error) {
	if rec, err := recordOf(dir); errors.Is(err, fs.ErrNotExist) || (err == nil && rec.State != task.RunRunning) {
		return nil, nil
	}
	dead, unlock, err := takeOver(dir)
	if err != nil || !dead {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	rec, err := recordOf(dir) // as it is now that nobody writes it
	if err != nil || rec.State != task.RunRunning {
		return nil, err
	}
	if err := clean(rec); err != nil {
		return nil, fmt.Errorf("clean up after lost run %s: %w", rec.RunID, err)
	}
	rec.State = task.RunLost
	return &rec, rec.save(Dir{path: dir})
}

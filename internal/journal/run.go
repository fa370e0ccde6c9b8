package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Run is a run that this process writes. It is safe for concurrent use, Finish
// aside.
type Run struct {
	Dir
	lock   *flock.Flock
	record Record

	mu     sync.Mutex
	events *EventLog // nil until Events; guarded by mu
}

// Begin makes the directory of a new run and locks it. It refuses a run id
// that the journal has already. The caller ends the Run with Finish.
func (j *Journal) Begin(plan task.Plan, baseCommit string, now time.Time) (*Run, error) {
	if !isName(plan.RunID) {
		return nil, fmt.Errorf("create journal of run %q: that is no run id", plan.RunID)
	}
	dir := filepath.Join(j.dir, plan.RunID)
	if err := os.Mkdir(dir, 0o700); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil, taken(plan.RunID)
		}
		return nil, fmt.Errorf("create journal of run %s: %w", plan.RunID, err)
	}
	lock := newLock(dir)
	if ok, err := tryLock(lock); err != nil || !ok {
		return nil, errors.Join(fmt.Errorf("lock journal of run %s (taken: %t): %w", plan.RunID, !ok, err), os.RemoveAll(dir))
	}
	r := &Run{Dir: Dir{path: dir}, lock: lock, record: Record{
		RunID: plan.RunID, State: task.RunRunning, BaseCommit: baseCommit,
		CreatedAt: now.UTC(), Plan: plan,
	}}
	if err := r.record.save(r.Dir); err != nil {
		return nil, errors.Join(err, lock.Unlock(), os.RemoveAll(dir))
	}
	return r, nil
}

// CheckNew refuses what Begin would refuse as an id that the journal has already.
func (j *Journal) CheckNew(runID string) error {
	if _, err := os.Lstat(filepath.Join(j.dir, runID)); err == nil && isName(runID) {
		return taken(runID)
	}
	return nil
}

func taken(runID string) *task.Refusal {
	return &task.Refusal{
		Where: "run_id", What: fmt.Sprintf("The journal has a run %q already.", runID),
		Mend: "Choose another run_id, or leave it out to have one made up.", Err: fs.ErrExist,
	}
}

// Task makes the directory of one task.
func (r *Run) Task(id string) (Dir, error) { return r.taskDir(id) }

// Attempt makes the directory of one of several attempts at a task; n counts
// from 1. Adopt makes one of them the task's own.
func (r *Run) Attempt(id string, n int) (Dir, error) {
	if n < 1 {
		return Dir{}, fmt.Errorf("create journal of task %s: there is no attempt %d", id, n)
	}
	return r.taskDir(id, "attempts", strconv.Itoa(n))
}

func (r *Run) taskDir(id string, below ...string) (Dir, error) {
	if !isName(id) {
		return Dir{}, fmt.Errorf("create journal of task %q: that is no task id", id)
	}
	dir := filepath.Join(append([]string{r.path, "tasks", id}, below...)...)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Dir{}, fmt.Errorf("create journal of task %s: %w", id, err)
	}
	return Dir{path: dir}, nil
}

// Finish ends the event log, stores the result, marks the run done and unlocks
// it. When it returns without an error, the result is on disk. Whatever else
// belongs to the run, such as report.html, must have been written before.
func (r *Run) Finish(result task.RunResult) error {
	r.mu.Lock()
	events := r.events
	r.mu.Unlock()
	if events != nil {
		_ = events.Close() // it only says how the run came here; its own Close tells whoever asks
	}
	b, err := json.MarshalIndent(result, "", "  ")
	if err == nil {
		err = r.Write(task.FileResult, append(b, '\n'))
	}
	if err == nil {
		r.record.State = task.RunDone
		r.record.Done, r.record.Succeeded = len(result.Results), 0
		for _, t := range result.Results {
			if t.Status == task.Success {
				r.record.Succeeded++
			}
		}
		err = r.record.save(r.Dir)
	}
	return errors.Join(err, r.lock.Unlock())
}

func (rec Record) save(d Dir) error {
	b, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		return fmt.Errorf("encode run %s: %w", rec.RunID, err)
	}
	return d.Write(task.FileRecord, append(b, '\n'))
}

// isName says whether an id names something directly in a directory.
func isName(id string) bool {
	return filepath.IsLocal(id) && id == filepath.Base(id) && id != "."
}

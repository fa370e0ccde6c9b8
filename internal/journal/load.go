package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Saved is a run as the journal has it. It may still be written by its owner.
type Saved struct {
	Dir
	Record Record
	// Status is where the run stood when it was loaded.
	Status task.RunStatus
	// Result is nil until the run is done. Partial is what there is before.
	Result *task.RunResult
}

// Load reads a run; the newest if id is empty. It refuses an id that the
// journal does not have, and names those that it has.
func (j *Journal) Load(id string) (*Saved, error) {
	if id == "" {
		records, err := j.List()
		if len(records) == 0 && err != nil {
			return nil, err
		}
		if len(records) == 0 {
			return nil, unknown("", nil)
		}
		id = records[0].RunID
	}
	dir, err := j.find(id)
	if err != nil {
		return nil, err
	}
	live, err := isLive(dir) // before the record, see Status
	if err != nil {
		return nil, err
	}
	rec, err := recordOf(dir)
	if err != nil {
		return nil, err
	}
	saved := &Saved{Dir: Dir{path: dir}, Record: rec, Status: Status(rec, live)}
	b, err := saved.Read(task.FileResult)
	if errors.Is(err, fs.ErrNotExist) {
		return saved, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &saved.Result); err != nil {
		return nil, fmt.Errorf("read the result of run %q: %w", id, err)
	}
	if saved.Result != nil {
		saved.Result.Review, err = saved.review()
	}
	return saved, err
}

// find gives the directory of a run, which it looks up among the names that
// there are: an id may be "..".
func (j *Journal) find(id string) (string, error) {
	dirs, err := j.entries()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if i := slices.IndexFunc(dirs, func(dir string) bool { return filepath.Base(dir) == id }); i >= 0 {
		return dirs[i], nil
	}
	records, _ := j.List() // what cannot be read is no help
	return "", unknown(id, records)
}

// unknown names the newest of the runs that there are.
func unknown(id string, records []Record) *task.Refusal {
	if len(records) == 0 {
		return &task.Refusal{
			Where: "run_id", What: "The journal has no runs of this repository.",
			Mend: "Run a task first, or name the repository with --repo.",
		}
	}
	const named = 10
	var names []string
	for _, r := range records[:min(named, len(records))] {
		names = append(names, fmt.Sprintf("%q", r.RunID))
	}
	if more := len(records) - named; more > 0 {
		names = append(names, fmt.Sprintf("and %d older ones", more))
	}
	return &task.Refusal{
		Where: "run_id", What: fmt.Sprintf("The journal has no run %q of this repository.", id),
		Mend: "It has " + strings.Join(names, ", ") + ".",
	}
}

// Tasks names the tasks that have a directory, in order.
func (s *Saved) Tasks() ([]string, error) {
	entries, err := os.ReadDir(s.Path("tasks"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list the tasks of run %q: %w", s.Record.RunID, cause(err))
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}

// Task is the directory of one task, which need not exist.
func (s *Saved) Task(id string) (Dir, error) {
	if !isName(id) {
		return Dir{}, fmt.Errorf("find task %q in the journal: that is no task id", id)
	}
	return Dir{path: s.Path(filepath.Join("tasks", id))}, nil
}

package journal

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// maxRead bounds a file that is read back. The largest is a result: ten patches
// of 64 MiB, each as text.
const maxRead = 1 << 30

// At is the journal under home for a reader: unlike Open it makes nothing, and
// a home without runs has none to list.
func At(home string) *Journal { return &Journal{dir: filepath.Join(home, "runs")} }

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

// Saved is a run as the journal has it. It may still be written by its owner.
type Saved struct {
	Dir
	Record Record
	// Result is nil until the run is done.
	Result *task.RunResult
}

// Load reads a run; the newest if id is empty. It refuses an id that the
// journal does not have, and names those that it has.
func (j *Journal) Load(id string) (*Saved, error) {
	if id == "" {
		records, err := j.List()
		if len(records) == 0 {
			return nil, errors.Join(unknown("", nil), err)
		}
		id = records[0].RunID
	}
	// The id is looked up among the names that there are: it may be "..".
	dirs, err := j.entries()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	i := slices.IndexFunc(dirs, func(dir string) bool { return filepath.Base(dir) == id })
	if i < 0 {
		records, _ := j.List() // what cannot be read is no help
		return nil, unknown(id, records)
	}
	rec, err := recordOf(dirs[i])
	if err != nil {
		return nil, err
	}
	saved := &Saved{Dir: Dir{path: dirs[i]}, Record: rec}
	b, err := saved.Read("result.json")
	if errors.Is(err, fs.ErrNotExist) {
		return saved, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &saved.Result); err != nil {
		return nil, fmt.Errorf("read the result of run %q: %w", id, err)
	}
	return saved, nil
}

// recordOf insists that the record is the directory's own: a run that was
// copied under another name is none.
func recordOf(dir string) (Record, error) {
	var rec Record
	b, err := Dir{path: dir}.Read("run.json")
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
	if !filepath.IsLocal(id) || id != filepath.Base(id) || id == "." {
		return Dir{}, fmt.Errorf("find task %q in the journal: that is no task id", id)
	}
	return Dir{path: s.Path(filepath.Join("tasks", id))}, nil
}

// Read gives a whole file. Its error is fs.ErrNotExist, wrapped, if there is
// none. It follows no symbolic link: the journal has none.
func (d Dir) Read(name string) ([]byte, error) {
	info, err := os.Lstat(d.Path(name))
	if err != nil {
		return nil, fmt.Errorf("read %s from the journal: %w", name, cause(err))
	}
	if !info.Mode().IsRegular() { // a pipe would make us wait
		return nil, fmt.Errorf("read %s from the journal: it is no regular file", name)
	}
	f, err := os.Open(d.Path(name))
	if err != nil {
		return nil, fmt.Errorf("read %s from the journal: %w", name, cause(err))
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxRead+1))
	if err != nil {
		return nil, fmt.Errorf("read %s from the journal: %w", name, cause(err))
	}
	if len(b) > maxRead {
		return nil, fmt.Errorf("read %s from the journal: it has more than %d bytes", name, maxRead)
	}
	return b, nil
}

// cause leaves out the path: it holds names that somebody else may have chosen,
// and errors go to a terminal.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

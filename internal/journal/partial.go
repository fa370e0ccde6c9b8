package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Partial is what there is of a run that is not done, running or lost: the
// results of the tasks that have one, in the order of the plan, and where all of
// them stand. What can be read is good also if there is an error.
func (s *Saved) Partial() (task.RunResult, error) {
	events, _, err := s.Events(0, 0)
	errs := []error{err}
	r := task.RunResult{
		RunID: s.Record.RunID, BaseCommit: s.Record.BaseCommit, JournalPath: s.Path(""), Status: s.Status,
		Results: []task.Result{}, Notes: []string{}, Findings: []task.Finding{},
		Progress: s.Record.fold(events).Tasks,
	}
	var until time.Time // of a lost run nobody knows more than when it was last heard of
	if s.Status == task.RunRunning {
		until = time.Now()
	} else if len(events) > 0 {
		until = events[len(events)-1].Time
	}
	r.TotalDurationMS = max(0, until.Sub(s.Record.CreatedAt).Milliseconds())
	for _, spec := range s.Record.Plan.Tasks {
		result, err := s.taskResult(spec.ID)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			errs = append(errs, err)
		default:
			r.Results = append(r.Results, result)
		}
	}
	return r, errors.Join(errs...)
}

func (s *Saved) taskResult(id string) (task.Result, error) {
	// What is not in the file stays empty, and not nil.
	r := task.Result{
		FilesChanged: []string{}, CommandsRun: []task.Command{}, Evidence: []string{},
		Findings: []task.Finding{}, DependsOn: []string{}, Verification: []task.Verification{},
	}
	dir, err := s.Task(id)
	if err != nil {
		return r, err
	}
	b, err := dir.Read(task.FileResult)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("read the result of task %q: %w", id, err)
	}
	if r.TaskID != id {
		return r, fmt.Errorf("read the result of task %q: it is that of task %q", id, r.TaskID)
	}
	return r, nil
}

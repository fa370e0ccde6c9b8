package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

const reviewName = "review.json"

// AddReview keeps what a run found out about a plan. That is known only when the
// run is done, since the report is made of its result; Load gives it as
// Result.Review.
func (j *Journal) AddReview(runID string, report task.ReviewReport) error {
	b, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the review of run %q: %w", runID, err)
	}
	dir, unlock, err := j.ended(runID)
	if err != nil {
		return fmt.Errorf("add a review to run %q: %w", runID, err)
	}
	return errors.Join(dir.Write(reviewName, append(b, '\n')), unlock())
}

// review is nil if the run reviewed no plan.
func (s *Saved) review() (*task.ReviewReport, error) {
	b, err := s.Read(reviewName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var report *task.ReviewReport
	if err := json.Unmarshal(b, &report); err != nil {
		return nil, fmt.Errorf("read the review of run %q: %w", s.Record.RunID, err)
	}
	return report, nil
}

// ended holds the lock of a run that is done, so that it is not removed meanwhile.
func (j *Journal) ended(runID string) (Dir, func() error, error) {
	dir, err := j.find(runID)
	if err != nil {
		return Dir{}, nil, err
	}
	dead, unlock, err := takeOver(dir)
	if err != nil {
		return Dir{}, nil, err
	}
	if !dead {
		return Dir{}, nil, errors.New("it is still being written")
	}
	rec, err := recordOf(dir)
	if err == nil && rec.State != task.RunDone {
		err = fmt.Errorf("it is %s, not done", rec.State)
	}
	if err != nil {
		return Dir{}, nil, errors.Join(err, unlock())
	}
	return Dir{path: dir}, unlock, nil
}

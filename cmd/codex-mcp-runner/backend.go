package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/config"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/live"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// StartTasks does the first half of run_codex_tasks: when it returns, the run has
// begun, or is over. It goes on until it is done, cancelled or stopped.
func (s *service) StartTasks(ctx context.Context, dir string, req task.Request) (string, error) {
	j, err := s.prepare(ctx, dir, func(cfg config.Config) (task.Plan, error) { return compile(req, cfg) })
	if err != nil {
		return "", err
	}
	return s.start(ctx, j, j.run)
}

func (s *service) start(ctx context.Context, j *job, work func(context.Context, *live.Run) (task.RunResult, error)) (string, error) {
	run, err := s.runs.Start(ctx, j.key(j.plan.RunID), j.plan.RunID, work)
	if err != nil {
		return "", err
	}
	return run.ID(), run.Ready(ctx)
}

// Wait gives a run's result when it is done, or where it stands when ctx ends.
// The run may be another process's, or of long ago.
func (s *service) Wait(ctx context.Context, dir, runID string, progress func(task.Progress)) (task.RunResult, error) {
	look := context.WithoutCancel(ctx) // ctx bounds the waiting, not the looking up
	at, err := s.find(look, dir)
	if err != nil {
		return task.RunResult{}, err
	}
	if run := s.runs.Find(at.key(runID)); run != nil {
		result, done, err := run.Wait(ctx, progress)
		if done {
			s.seen(at, runID)
			if result.RunID != "" && result.RunID != runID { // a review's second
				s.seen(at, result.RunID)
			}
			return result, err
		}
		stands, err := s.standing(at, runID)
		if err == nil && stands.Status != task.RunRunning {
			// The journal is ahead of the run: of a review, the first run is over and
			// the second goes on.
			stands.Status, stands.Results, stands.Progress = task.RunRunning, []task.Result{}, result.Progress
		}
		return stands, err
	}
	saved, err := at.journal().Load(runID)
	if err != nil {
		return task.RunResult{}, err
	}
	var broken error
	if saved.Result == nil {
		broken = follow(ctx, saved, progress)
	}
	stands, err := s.standing(at, runID)
	if stands.Status != task.RunRunning { // then there is nothing more to wait for
		broken = nil
	}
	return stands, errors.Join(broken, err)
}

// follow waits for a run of another process, or until ctx ends.
func follow(ctx context.Context, run *journal.Saved, progress func(task.Progress)) error {
	// First how many events there are, then what they say: one that comes in between
	// is told twice, and none is missed.
	_, told, err := run.Events(0, 1)
	if err != nil {
		return err
	}
	now, err := run.Progress()
	if err != nil {
		return err
	}
	show := func() {
		if progress != nil { // whoever gets a snapshot keeps it
			progress(task.Progress{RunID: now.RunID, Tasks: slices.Clone(now.Tasks)})
		}
	}
	show()
	err = run.Follow(ctx, told, func(e task.Event) {
		now.Apply(e)
		show()
	})
	if ctx.Err() != nil {
		return nil // that the caller has no more patience is no error
	}
	return err
}

// standing is what the journal says of a run now.
func (s *service) standing(at place, runID string) (task.RunResult, error) {
	saved, err := at.journal().Load(runID)
	if err != nil {
		return task.RunResult{}, err
	}
	s.seen(at, runID)
	if saved.Result != nil {
		return *saved.Result, nil
	}
	result, err := saved.Partial()
	if err != nil { // what can be read is good all the same
		s.o.Log.Warn("read a run that is not done", "run", runID, "err", err)
		result.Notes = append(result.Notes, fmt.Sprintf("Something that the journal has of this run cannot be read: %v.", err))
	}
	return result, nil
}

// seen says that what came of a run has been handed to somebody, if the journal
// has it: a dry run leaves nothing.
func (s *service) seen(at place, runID string) {
	if err := at.journal().MarkSeen(runID); err != nil && len(task.Refusals(err)) == 0 {
		s.o.Log.Warn("mark a run as seen", "run", runID, "err", err)
	}
}

// Cancel stops a run of this process, or one of its tasks. What has ended stays
// as it is.
func (s *service) Cancel(ctx context.Context, dir, runID, taskID string, cause error) error {
	at, err := s.find(ctx, dir)
	if err != nil {
		return err
	}
	if run := s.runs.Find(at.key(runID)); run != nil {
		return run.Cancel(taskID, cause)
	}
	saved, err := at.journal().Load(runID)
	if err != nil {
		return err
	}
	alive, err := saved.Live()
	if err != nil || !alive {
		return err
	}
	return &task.Refusal{
		Where: "run_id", What: fmt.Sprintf("The run %q belongs to another process of this machine.", runID),
		Mend: "Cancel it where it was started, or end that process; its containers go with it.",
	}
}

// Runs lists the repository's runs, the newest first.
func (s *service) Runs(ctx context.Context, dir string) ([]task.RunSummary, error) {
	at, err := s.find(ctx, dir)
	if err != nil {
		return nil, err
	}
	summaries, err := at.journal().Summaries()
	if len(task.Refusals(err)) > 0 {
		return nil, err
	}
	if err != nil {
		s.o.Log.Warn("read the journal", "err", err)
	}
	return summaries, nil
}

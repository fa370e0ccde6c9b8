package main

import (
	"context"
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
		if result, done, err := run.Wait(ctx, progress); done {
			s.seen(at, runID)
			return result, err
		}
		return s.standing(at, runID)
	}
	saved, err := at.journal().Load(runID)
	if err != nil {
		return task.RunResult{}, err
	}
	if saved.Result == nil {
		if err := follow(ctx, saved, progress); err != nil {
			return task.RunResult{}, err
		}
	}
	return s.standing(at, runID)
}

// follow waits for a run of another process, or until ctx ends.
func follow(ctx context.Context, run *journal.Saved, progress func(task.Progress)) error {
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
	err = run.Follow(ctx, 0, func(e task.Event) {
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
	return saved.Partial()
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
	if err != nil {
		s.o.Log.Warn("read the journal", "err", err)
	}
	return summaries, nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Apply puts the patches of a run's tasks into the user's repository: all of
// them, or none. Patches are read from the journal, and only if their
// attestations verify: what was judged is what is applied.
func (s *service) Apply(ctx context.Context, dir string, req task.ApplyRequest) (result task.ApplyResult, err error) {
	at, err := s.find(ctx, dir)
	if err != nil {
		return result, err
	}
	run, err := at.journal().Load(req.RunID)
	if err != nil {
		return result, err
	}
	outcomes, err := s.outcomes(run)
	if err != nil {
		return result, err
	}
	chosen, err := choose(run, outcomes, req)
	if err != nil {
		return result, err
	}
	if err := s.attested(run, chosen); err != nil {
		return result, err
	}
	result = task.ApplyResult{
		RunID: run.Record.RunID, DryRun: req.DryRun, Target: req.Target, Branch: req.Branch,
		Tasks: []task.AppliedTask{}, Conflicts: []string{}, Notes: []string{},
	}
	onto, err := s.target(ctx, at, run, &result)
	if err != nil {
		return result, err
	}
	result.Start, result.Head = onto, onto

	// gc takes what has such a name, if we do not come to remove it.
	scratch, err := os.MkdirTemp(at.home, ".apply.*")
	if err != nil {
		return result, fmt.Errorf("make room for an apply: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	store, err := at.repo.OpenStore(ctx, filepath.Join(scratch, "store"))
	if err != nil {
		return result, err
	}
	steps, err := rebuild(ctx, store, run, chosen)
	if err != nil {
		return result, err
	}
	stacked, err := store.Stack(ctx, onto, steps)
	if err != nil {
		return result, err
	}
	describeStack(&result, stacked, chosen)
	switch {
	case !result.Applied:
		return result, nil
	case result.Target == task.ApplyCheckout && req.DryRun:
		err = store.CheckCheckout(ctx, stacked)
	case result.Target == task.ApplyCheckout:
		err = store.PublishCheckout(ctx, stacked)
	case !req.DryRun:
		err = store.PublishBranch(ctx, result.Branch, stacked)
	}
	if err != nil {
		result.Applied, result.Head = false, onto
		return result, err
	}
	if !req.DryRun {
		s.seen(at, result.RunID)
	}
	return result, nil
}

// target gives the commit that the patches go onto, and fills in where that is.
func (s *service) target(ctx context.Context, at place, run *journal.Saved, result *task.ApplyResult) (onto string, err error) {
	base := run.Record.BaseCommit
	if _, err := at.repo.Resolve(ctx, base); len(task.Refusals(err)) > 0 {
		return "", &task.Refusal{
			Where: "run_id", What: fmt.Sprintf("The commit %s, from which the run %q started, is not in the repository any more.", base, run.Record.RunID),
			Mend: "Apply the patches by hand; \"codex-mcp-runner runs diff --raw\" gives them.", Err: err,
		}
	} else if err != nil {
		return "", err
	}
	if result.Target != task.ApplyCheckout {
		result.Target = task.ApplyBranch
		if result.Branch == "" {
			result.Branch = "codex/" + run.Record.RunID
		}
		return base, at.repo.CheckNewBranch(ctx, result.Branch)
	}
	if !result.DryRun { // HEAD may be where an apply that was killed has left it
		s.recoverCheckout(ctx, at)
	}
	if onto, err = at.repo.Resolve(ctx, "HEAD"); len(task.Refusals(err)) > 0 {
		return "", &task.Refusal{
			Where: "target", What: "What is checked out has no commit yet, so there is nothing to apply to.",
			Mend: "Check out a branch that has one, or apply to a new branch, which is what happens if no target is named.", Err: err,
		}
	} else if err != nil {
		return "", err
	}
	result.Branch, err = at.repo.CurrentBranch(ctx)
	return onto, err
}

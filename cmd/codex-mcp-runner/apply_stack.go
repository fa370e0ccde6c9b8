package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/runner"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/workspace"
)

// rebuild makes the commits again that the tasks' patches stand for.
func rebuild(ctx context.Context, store *workspace.Store, run *journal.Saved, chosen []chosenTask) ([]workspace.Step, error) {
	commits := map[string]string{}
	var steps []workspace.Step
	for _, c := range chosen {
		start := run.Record.BaseCommit
		if len(c.spec.DependsOn) > 0 {
			var on []string
			for _, dep := range c.spec.DependsOn {
				on = append(on, commits[dep])
			}
			// The message is the runner's to the letter: it is a part of the commit.
			merged, conflicts, err := store.Merge(ctx, on, runner.DependencyMessage(c.spec.ID))
			if err != nil {
				return nil, fmt.Errorf("put together what task %s depends on: %w", c.spec.ID, err)
			}
			if len(conflicts) > 0 {
				return nil, unattested(c.spec.ID, fmt.Sprintf("what it depends on does not merge in %s, and did in the run", strings.Join(conflicts, ", ")))
			}
			start = merged
		}
		// Equal patches give equal commits: this is what Codex and the verify
		// commands saw, or it was not put together of what is attested.
		if c.start != start {
			return nil, unattested(c.spec.ID, fmt.Sprintf("its patch is attested for the commit %s, and what it depends on gives %s", c.start, start))
		}
		commit, err := store.Commit(ctx, start, c.patch, runner.CommitMessage(c.spec.ID))
		if err != nil {
			return nil, fmt.Errorf("put the patch of task %s on its start: %w", c.spec.ID, err)
		}
		commits[c.spec.ID] = commit
		steps = append(steps, workspace.Step{TaskID: c.spec.ID, Start: start, Commit: commit, Message: message(c)})
	}
	return steps, nil
}

// subjectWidth is how long git's own documentation wants a subject to be, with
// some room.
const subjectWidth = 68

// message is a commit's: what was asked for, and the trailers by which the commit
// can be traced to the evidence.
func message(c chosenTask) string {
	asked, _, _ := strings.Cut(strings.TrimSpace(c.spec.Prompt), "\n")
	subject := []rune(strings.Join(strings.Fields(c.spec.ID+": "+asked), " "))
	if len(subject) > subjectWidth {
		subject = append(subject[:subjectWidth-1], '…')
	}
	return fmt.Sprintf("%s\n\nCodex-Run: %s\nCodex-Task: %s\nCodex-Attestation: %s\n",
		string(subject), c.spec.RunID, c.spec.ID, c.attestation)
}

// describeStack tells what putting the patches on each other gave.
func describeStack(result *task.ApplyResult, st workspace.Stacked, chosen []chosenTask) {
	made, patched := false, map[string]bool{}
	for _, c := range chosen {
		patched[c.spec.ID] = len(c.patch) > 0
	}
	for _, step := range st.Steps {
		t := task.AppliedTask{
			TaskID: step.TaskID, Commit: step.Commit, Merged: step.Merged,
			FilesChanged: append([]string{}, step.FilesChanged...), Conflicts: append([]string{}, step.Conflicts...),
		}
		for _, path := range step.Conflicts {
			if !slices.Contains(result.Conflicts, path) {
				result.Conflicts = append(result.Conflicts, path)
			}
		}
		switch {
		case len(step.Conflicts) > 0:
			result.Notes = append(result.Notes, fmt.Sprintf("The patch of task %s does not fit on those before it; nothing was applied.", step.TaskID))
		case !patched[step.TaskID]:
			result.Notes = append(result.Notes, fmt.Sprintf("Task %s changed nothing.", step.TaskID))
		case step.Commit == "":
			result.Notes = append(result.Notes, fmt.Sprintf("All that task %s changed is there already.", step.TaskID))
		default:
			made = true
		}
		result.Tasks = append(result.Tasks, t)
	}
	if result.Applied = made && len(result.Conflicts) == 0; result.Applied {
		result.Head = st.Tip
	}
	switch {
	case len(result.Conflicts) > 0 && result.Target == task.ApplyCheckout:
		result.Notes = append(result.Notes, "Onto a branch they are put at the run's base commit, where only they can conflict with each other; merge it with git.")
	case result.Applied && result.Target == task.ApplyBranch && !result.DryRun:
		result.Notes = append(result.Notes, fmt.Sprintf("To look at it: git log -p %.12s..%s. To take it: git merge %s.", result.Start, result.Branch, result.Branch))
	}
}

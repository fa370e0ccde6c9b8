package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// chosenTask is a task whose patch is to be applied. attested fills in all but
// the spec.
type chosenTask struct {
	spec  task.Spec
	patch []byte
	// attestation is the digest of the file that vouches for the patch.
	attestation string
	// start is the commit that the patch is attested for.
	start string
}

// choose picks the tasks, with all that they depend on, each behind what it
// depends on. It refuses what is no success and was not accepted by name.
func choose(run *journal.Saved, req task.ApplyRequest) ([]chosenTask, error) {
	if run.Result == nil {
		return nil, &task.Refusal{
			Where: "run_id", What: fmt.Sprintf("The run %q is %s and has no result yet.", run.Record.RunID, run.Record.State),
			Mend: "Wait until it is done; of a lost run, apply the patches by hand from its journal.",
		}
	}
	specs, results := map[string]task.Spec{}, map[string]task.Result{}
	ids := taskIDs(run)
	for _, spec := range run.Record.Plan.Tasks {
		specs[spec.ID] = spec
	}
	for _, r := range run.Result.Results {
		results[r.TaskID] = r
	}
	var errs []error
	known := func(where, id string) bool {
		if _, ok := specs[id]; ok {
			return true
		}
		errs = append(errs, task.NoSuchTask(where, run.Record.RunID, id, ids))
		return false
	}
	for i, id := range req.AcceptUnsuccessful {
		known(fmt.Sprintf("accept_unsuccessful[%d]", i), id)
	}
	wanted := req.Tasks
	if len(wanted) == 0 {
		for _, id := range ids {
			if r := results[id]; r.PatchPath != "" && (r.Status == task.Success || slices.Contains(req.AcceptUnsuccessful, id)) {
				wanted = append(wanted, id)
			}
		}
	}
	var order []string
	taken := map[string]bool{}
	var take func(id string)
	take = func(id string) {
		if taken[id] { // a cycle would be somebody else's work: its specs do not verify
			return
		}
		taken[id] = true
		for _, dep := range specs[id].DependsOn {
			take(dep)
		}
		order = append(order, id)
	}
	for i, id := range wanted {
		if known(fmt.Sprintf("tasks[%d]", i), id) {
			take(id)
		}
	}
	var chosen []chosenTask
	for _, id := range order {
		r := results[id]
		if r.Status != task.Success && !slices.Contains(req.AcceptUnsuccessful, id) {
			errs = append(errs, &task.Refusal{
				Where: "tasks", What: fmt.Sprintf("The task %q is %s, no success: %s", id, orUnknown(r.Status), r.NotesForManager),
				Mend: "Leave it out, or name it in accept_unsuccessful after you have read its findings and its patch.",
			})
			continue
		}
		chosen = append(chosen, chosenTask{spec: specs[id]})
	}
	if len(chosen) == 0 && len(errs) == 0 {
		errs = append(errs, &task.Refusal{
			Where: "run_id", What: fmt.Sprintf("The run %q has no patch of a task that is a success.", run.Record.RunID),
			Mend: "Read its results; a patch of another task is applied if accept_unsuccessful names it.",
		})
	}
	return chosen, errors.Join(errs...)
}

func orUnknown(s task.Status) string {
	if s == "" {
		return "of unknown status"
	}
	return string(s)
}

// attested refuses patches that nobody vouches for, and takes over those that are
// good: the very bytes that were verified, not what the files hold by then.
func (s *service) attested(run *journal.Saved, chosen []chosenTask) error {
	checked, err := verifyRun(run, s.o.Getenv)
	if err != nil {
		return err
	}
	var errs []error
	for _, t := range checked.Tasks {
		i := slices.IndexFunc(chosen, func(c chosenTask) bool { return c.spec.ID == t.TaskID })
		if i < 0 {
			continue
		}
		if !t.OK {
			errs = append(errs, unattested(t.TaskID, strings.Join(t.Problems, "; ")))
			continue
		}
		if t.Attested == nil { // it has no patch either
			errs = append(errs, &task.Refusal{
				Where: "tasks", What: fmt.Sprintf("The task %q has no patch (%s).", t.TaskID, t.Note), Mend: "Leave it out.",
			})
			continue
		}
		digest := sha256.Sum256(t.attestation)
		chosen[i].patch, chosen[i].attestation = t.patch, "sha256:"+hex.EncodeToString(digest[:])
		chosen[i].start = t.Attested.Predicate.Start.Digest["gitCommit"]
	}
	return errors.Join(errs...)
}

func unattested(taskID, problem string) *task.Refusal {
	return &task.Refusal{
		Where: "tasks", What: fmt.Sprintf("The attestation of task %q does not verify: %s.", taskID, problem),
		Mend: "Somebody or something has changed the journal since the run: do not use this patch, run the task again.",
	}
}

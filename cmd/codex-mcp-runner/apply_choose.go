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

// outcomes are the results of a run's tasks, by task: of a lost run those that the
// journal has. It refuses a run that goes on.
func (s *service) outcomes(run *journal.Saved) (map[string]task.Result, error) {
	var results []task.Result
	switch {
	case run.Result != nil:
		results = run.Result.Results
	case run.Status == task.RunRunning:
		return nil, &task.Refusal{
			Where: "run_id", What: fmt.Sprintf("The run %q goes on.", run.Record.RunID),
			Mend: "Wait until it is done: call wait_codex_run, or \"codex-mcp-runner watch\".",
		}
	default:
		partial, err := run.Partial()
		if err != nil { // what can be read is good all the same
			s.o.Log.Warn("read a lost run", "run", run.Record.RunID, "err", err)
		}
		results = partial.Results
	}
	outcomes := map[string]task.Result{}
	for _, r := range results {
		outcomes[r.TaskID] = r
	}
	return outcomes, nil
}

// choose picks the tasks, with all that they depend on, each behind what it
// depends on. It refuses what has no result, and what is no success and was not
// accepted by name.
func choose(run *journal.Saved, outcomes map[string]task.Result, req task.ApplyRequest) ([]chosenTask, error) {
	specs := map[string]task.Spec{}
	for _, spec := range run.Record.Plan.Tasks {
		specs[spec.ID] = spec
	}
	ids, err := picked(run, outcomes, req)
	errs := []error{err}
	var chosen []chosenTask
	for _, id := range withDependencies(ids, specs) {
		r, ok := outcomes[id]
		switch {
		case !ok:
			errs = append(errs, noResult("tasks", run, id))
		case r.Status != task.Success && !slices.Contains(req.AcceptUnsuccessful, id):
			errs = append(errs, &task.Refusal{
				Where: "tasks", What: fmt.Sprintf("The task %q is %s, no success: %s", id, orUnknown(r.Status), r.NotesForManager),
				Mend: "Leave it out, or name it in accept_unsuccessful after you have read its findings and its patch.",
			})
		default:
			chosen = append(chosen, chosenTask{spec: specs[id]})
		}
	}
	err = errors.Join(errs...)
	if len(chosen) == 0 && err == nil {
		err = &task.Refusal{
			Where: "run_id", What: fmt.Sprintf("The run %q has no patch of a task that is a success.", run.Record.RunID),
			Mend: "Read its results; a patch of another task is applied if accept_unsuccessful names it.",
		}
	}
	return chosen, err
}

// picked are the tasks that the request is about. It refuses names that the run
// does not have.
func picked(run *journal.Saved, outcomes map[string]task.Result, req task.ApplyRequest) ([]string, error) {
	ids := taskIDs(run)
	var errs []error
	known := func(where string, named []string) (known []string) {
		for i, id := range named {
			if slices.Contains(ids, id) {
				known = append(known, id)
			} else {
				errs = append(errs, task.NoSuchTask(fmt.Sprintf("%s[%d]", where, i), run.Record.RunID, id, ids))
			}
		}
		return known
	}
	accepted := known("accept_unsuccessful", req.AcceptUnsuccessful)
	if len(req.Tasks) > 0 {
		return known("tasks", req.Tasks), errors.Join(errs...)
	}
	var all []string
	for _, id := range ids {
		if r := outcomes[id]; r.PatchPath != "" && (r.Status == task.Success || slices.Contains(accepted, id)) {
			all = append(all, id)
		}
	}
	return all, errors.Join(errs...)
}

// withDependencies adds what the tasks depend on, each in front of what needs it.
func withDependencies(ids []string, specs map[string]task.Spec) []string {
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
	for _, id := range ids {
		take(id)
	}
	return order
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

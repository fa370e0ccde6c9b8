package runner

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// choose makes the best of several attempts the task's result. stopped says that
// the task's life has ended.
func (t *taskRun) choose(stopped bool) ending {
	slices.SortFunc(t.outcomes, func(a, b outcome) int { return cmp.Compare(a.number, b.number) })
	candidates := t.outcomes
	cut := stopped && (len(t.outcomes) < t.attempts || slices.ContainsFunc(t.outcomes, outcome.cancelled))
	if cut { // then it is no success, whatever an attempt was that had ended before
		candidates = slices.DeleteFunc(slices.Clone(candidates), outcome.succeeded)
	}
	e := ending{result: cancelledBetween(t.spec, len(t.outcomes))}
	var best outcome
	if len(candidates) > 0 {
		best = slices.MinFunc(candidates, better)
		e = best.ending()
	}
	t.sum(&e.result, best.number, cut)
	if err := t.adopt(best, &e.result); err != nil {
		t.Log.Error("adopt attempt", "run", t.spec.RunID, "task", t.spec.ID, "attempt", best.number, "err", err)
		return ending{result: broken(t.spec, e.result, err)}
	}
	return e
}

// better orders attempts: success before anything else, then the fewest
// findings, then the smallest patch, then the first.
func better(a, b outcome) int {
	worth := func(o outcome) int {
		if o.succeeded() {
			return 0
		}
		return 1
	}
	return cmp.Or(
		cmp.Compare(worth(a), worth(b)),
		cmp.Compare(weighty(a.result.Findings), weighty(b.result.Findings)),
		cmp.Compare(a.patchBytes, b.patchBytes),
		cmp.Compare(a.number, b.number),
	)
}

func (o outcome) succeeded() bool { return o.result.Status == task.Success }

func (o outcome) cancelled() bool {
	return o.result.Failure != nil && o.result.Failure.Kind == task.FailCancelled
}

// weighty counts the findings that want a look.
func weighty(findings []task.Finding) (n int) {
	for _, f := range findings {
		if f.Severity != task.SeverityInfo {
			n++
		}
	}
	return n
}

// sum puts into the task's result what all attempts have in common.
func (t *taskRun) sum(r *task.Result, chosen int, cut bool) {
	first, last := t.outcomes[0].started, t.outcomes[0].ended
	r.Usage = task.Usage{}
	for _, o := range t.outcomes {
		r.Usage = r.Usage.Plus(o.result.Usage)
		if o.started.Before(first) {
			first = o.started
		}
		if o.ended.After(last) {
			last = o.ended
		}
		at := task.Attempt{
			Number: o.number, Status: o.result.Status, Chosen: o.number == chosen,
			Findings: weighty(o.result.Findings), PatchBytes: o.patchBytes, DurationMS: o.result.DurationMS,
		}
		if o.record != nil {
			at.JournalPath = o.record.Path("")
		}
		if cut && o.succeeded() {
			r.NotesForManager += fmt.Sprintf(" Attempt %d had ended as a success before the task was cancelled; what it made is in %s.", o.number, at.JournalPath)
		}
		r.Attempts = append(r.Attempts, at)
	}
	r.DurationMS = last.Sub(first).Milliseconds()
}

// adopt puts what an attempt left in the journal where a task's is looked for,
// and lets the result name it there.
func (t *taskRun) adopt(o outcome, r *task.Result) error {
	if o.record == nil {
		return nil
	}
	own, err := t.record.Task(t.spec.ID)
	if err != nil {
		return err
	}
	if err := t.record.Adopt(t.spec.ID, o.number); err != nil {
		return err
	}
	for i := range r.Verification {
		move(&r.Verification[i].LogPath, own)
	}
	for _, path := range []*string{&r.Logs.Stdout, &r.Logs.Stderr, &r.PatchPath, &r.RolloutPath} {
		move(path, own)
	}
	if !o.attested { // then there is no result.json to replace
		return nil
	}
	return writeResult(own, *r)
}

// move makes a path the same file's in another directory.
func move(path *string, to Record) {
	if *path != "" {
		*path = to.Path(filepath.Base(*path))
	}
}

// writeResult keeps a result that agrees with the attestation beside it.
func writeResult(record Record, r task.Result) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the result of task %s: %w", r.TaskID, err)
	}
	return record.Write(task.FileResult, append(b, '\n'))
}

// cancelledBetween is the result of a task that was cancelled when some of its
// attempts had ended as a success and none was at work.
func cancelledBetween(spec task.Spec, ended int) task.Result {
	r := empty(spec)
	r.Status = task.Failed
	r.Failure = &task.Failure{
		Kind:    task.FailCancelled,
		Message: fmt.Sprintf("The task was cancelled after %d of %d attempts.", ended, spec.Attempts),
		Hint:    "Run it again if its work is still wanted.",
	}
	r.NotesForManager = r.Failure.Hint
	return r
}

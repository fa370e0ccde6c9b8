package main

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/attest"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// verifyRun checks every task that the journal knows of: those of the plan, and
// any others that have a directory or a result, which should not be there. Its
// error is a journal or a key that cannot be read.
func verifyRun(run *journal.Saved, getenv func(string) string) (runCheck, error) {
	root, err := journal.Root(getenv)
	if err != nil {
		return runCheck{}, err
	}
	key, err := attest.PublicKey(root)
	if err != nil {
		return runCheck{}, err
	}
	check := runCheck{RunID: run.Record.RunID, OK: true, KeyID: attest.KeyID(key), Tasks: []taskCheck{}}
	specs, err := storedSpecs(run)
	if err != nil {
		return check, err
	}
	planned := map[string]bool{}
	for i, spec := range run.Record.Plan.Tasks {
		c := taskChecker{run: run, key: key, spec: specs[i], dependsOn: spec.DependsOn, check: taskCheck{TaskID: spec.ID, Problems: []string{}}}
		if planned[spec.ID] {
			c.wrong("the plan has it twice")
		}
		planned[spec.ID] = true
		check.Tasks = append(check.Tasks, c.verify())
	}
	others, err := run.Tasks()
	if err != nil {
		return check, err
	}
	if run.Result != nil {
		for _, r := range run.Result.Results {
			others = append(others, r.TaskID)
		}
	}
	for _, id := range others {
		if !planned[id] {
			planned[id] = true
			check.Tasks = append(check.Tasks, taskCheck{TaskID: id, Problems: []string{"it is no task of this run's plan"}})
		}
	}
	check.OK = !slices.ContainsFunc(check.Tasks, func(t taskCheck) bool { return !t.OK })
	return check, nil
}

// storedSpecs gives the text of the plan's specs, of which the digest is taken.
func storedSpecs(run *journal.Saved) ([]json.RawMessage, error) {
	b, err := run.Read(task.FileRecord)
	if err != nil {
		return nil, err
	}
	var stored struct {
		Plan struct {
			Tasks []json.RawMessage `json:"tasks"`
		} `json:"plan"`
	}
	if err := json.Unmarshal(b, &stored); err != nil {
		return nil, fmt.Errorf("read the specs of run %q: %w", run.Record.RunID, err)
	}
	if len(stored.Plan.Tasks) != len(run.Record.Plan.Tasks) {
		return nil, fmt.Errorf("read the specs of run %q: run.json changed meanwhile", run.Record.RunID)
	}
	return stored.Plan.Tasks, nil
}

// taskChecker verifies one task.
type taskChecker struct {
	run       *journal.Saved
	key       ed25519.PublicKey
	spec      json.RawMessage
	dependsOn []string
	check     taskCheck
}

func (c *taskChecker) wrong(format string, args ...any) {
	c.check.Problems = append(c.check.Problems, fmt.Sprintf(format, args...))
}

func (c *taskChecker) verify() taskCheck {
	c.files()
	c.check.OK = len(c.check.Problems) == 0
	return c.check
}

// files reads what the journal has of the task, and compares. A task that
// changed nothing has no patch: that is the same as an empty one.
func (c *taskChecker) files() {
	dir, err := c.run.Task(c.check.TaskID)
	if err != nil {
		c.wrong("%v", err)
		return
	}
	attestation, missing := dir.Read(task.FileAttestation)
	if missing != nil && !errors.Is(missing, fs.ErrNotExist) {
		c.wrong("%v", missing)
		return
	}
	patch, err := dir.Read(task.FilePatch)
	noPatch := errors.Is(err, fs.ErrNotExist)
	if err != nil && !noPatch {
		c.wrong("%v", err)
		return
	}
	result, err := dir.Read(task.FileResult)
	noResult := errors.Is(err, fs.ErrNotExist)
	if err != nil && !noResult {
		c.wrong("%v", err)
		return
	}
	if missing != nil {
		c.unattested(noPatch, noResult)
		return
	}
	c.check.patch, c.check.attestation = patch, attestation
	st, err := attest.Verify(attestation, patch, c.key)
	if errors.Is(err, attest.ErrDigestMismatch) && noPatch {
		c.wrong("task.patch is missing")
		return
	}
	if err != nil {
		c.wrong("%v", err)
		return
	}
	c.check.Attested = &st
	c.about(st.Predicate)
	if noResult {
		if c.run.Status == task.RunDone {
			c.wrong("result.json is missing")
		}
		return
	}
	var r task.Result
	if err := json.Unmarshal(result, &r); err != nil {
		c.wrong("result.json cannot be read: %v", err)
		return
	}
	c.agrees(task.FileResult, st.Predicate, r)
	c.agreesWithRun(st.Predicate)
}

// unattested is in order where there is nothing that anybody could use: the
// task was never started, is not done yet, or our own machinery broke.
func (c *taskChecker) unattested(noPatch, noResult bool) {
	r, ok := c.inRun()
	switch {
	case !noPatch:
		c.wrong("there is a patch and no attestation of it")
	case !noResult:
		c.wrong("there is a result and no attestation of it")
	case !ok && c.run.Status != task.RunDone:
		c.check.Note = fmt.Sprintf("no outcome to attest: the run is %s", c.run.Status)
	case !ok:
		c.wrong("the run is done and has no result of it")
	case r.Status == task.Skipped:
		c.check.Note = "no outcome to attest: skipped"
	case cancelled(r): // between two attempts: there was none to take
		c.check.Note = "no outcome to attest: cancelled"
	case internal(r):
		c.check.Note = "no outcome to attest: failed (internal)"
	default:
		c.wrong("the run says %s and there is no attestation", r.Status)
	}
}

// about compares what the statement is about: a genuine attestation may have
// been moved here from another task.
func (c *taskChecker) about(p attest.Predicate) {
	if p.RunID != c.run.Record.RunID || p.TaskID != c.check.TaskID {
		c.wrong("the attestation is of task %s in run %s", p.TaskID, p.RunID)
		return
	}
	if commit := p.Base.Digest["gitCommit"]; commit != c.run.Record.BaseCommit {
		c.wrong("run.json has the base commit %s, attested is %s", c.run.Record.BaseCommit, commit)
	}
	if len(c.dependsOn) == 0 && p.Start.Digest["gitCommit"] != p.Base.Digest["gitCommit"] {
		c.wrong("it depends on no other task, and its patch is attested for another commit than the base")
	}
	if digest, err := attest.SpecDigest(c.spec); err != nil || digest != p.Spec.Digest["sha256"] {
		c.wrong("the spec in run.json is not the one that was attested")
	}
}

// agrees compares a result with the statement.
func (c *taskChecker) agrees(where string, p attest.Predicate, r task.Result) {
	if r.TaskID != c.check.TaskID {
		c.wrong("%s is about task %s", where, r.TaskID)
	}
	if r.Status != p.Status {
		c.wrong("%s says %s, attested is %s", where, r.Status, p.Status)
	}
	kind := task.FailureKind("")
	if r.Failure != nil {
		kind = r.Failure.Kind
	}
	if kind != p.FailureKind {
		c.wrong("%s has the failure %q, attested is %q", where, kind, p.FailureKind)
	}
	if rules := attest.Rules(r.Findings); !slices.Equal(rules, p.Findings) {
		c.wrong("%s has findings of %q, attested are %q", where, rules, p.Findings)
	}
}

// agreesWithRun does so with the run's result. That may be worse than what was
// attested: the worktree is taken away afterwards, and if that breaks, the task
// has failed.
func (c *taskChecker) agreesWithRun(p attest.Predicate) {
	r, ok := c.inRun()
	switch {
	case !ok && c.run.Status == task.RunDone:
		c.wrong("the run's result.json leaves it out")
	case ok && !internal(r):
		c.agrees("the run's result.json", p, r)
	}
}

// inRun is the task's part of the run's result, if it has one.
func (c *taskChecker) inRun() (r task.Result, ok bool) {
	if c.run.Result == nil {
		return r, false
	}
	for _, candidate := range c.run.Result.Results {
		if candidate.TaskID != c.check.TaskID {
			continue
		}
		if ok {
			c.wrong("the run's result.json has it twice")
			break
		}
		r, ok = candidate, true
	}
	return r, ok
}

func cancelled(r task.Result) bool {
	return r.Status == task.Failed && r.Failure != nil && r.Failure.Kind == task.FailCancelled
}

func internal(r task.Result) bool {
	return r.Status == task.Failed && r.Failure != nil && r.Failure.Kind == task.FailInternal
}

package runner

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// output is where a task's output is and how it ended.
type output struct {
	stdout, stderr         string
	stdoutTail, stderrTail string
	rollout                string // empty if there is none
}

// keep makes the result of the evidence and the verdict on it, and puts it into
// the journal with the patch and what attests them. ws may be nil.
func (a *attempt) keep(v task.Verdict, ws Workspace) error {
	ev := a.ev
	a.result = task.Result{
		TaskID:          a.spec.ID,
		Status:          v.Status,
		ExitCode:        ev.Exit.Code,
		FilesChanged:    filesChanged(ev.Changes.Files),
		PatchApplicable: ev.Changes.Applicable,
		ApplyCheckLog:   text([]byte(ev.Changes.ApplyLog)),
		CommandsRun:     append([]task.Command{}, ev.Turn.Commands...),
		Evidence:        append([]string{}, v.Sentences...),
		Logs:            task.Logs{Stdout: a.out.stdout, Stderr: a.out.stderr, Tail: bothTails(a.out)},
		DurationMS:      time.Since(a.started).Milliseconds(),
		Summary:         ev.Turn.Message,
		NotesForManager: v.Notes,
		Failure:         v.Failure,
		Findings:        append([]task.Finding{}, v.Findings...),
		Usage:           usage(ev),
		DependsOn:       append([]string{}, a.spec.DependsOn...),
		Verification:    append([]task.Verification{}, ev.Verification...),
		RolloutPath:     a.out.rollout,
	}
	r := &a.result
	if ws != nil {
		r.WorkspacePath = ws.Tree().Dir
	}
	if ev.Stopped.Kind != "" {
		r.ExitCode = -1
	}
	a.show(r, ev.Changes.Patch, v)
	if len(ev.Changes.Patch) > 0 {
		if err := a.record.Write(task.FilePatch, ev.Changes.Patch); err != nil {
			return err
		}
		r.PatchPath = a.record.Path(task.FilePatch)
	}
	attestation, err := a.Attest(ev, v, a.start, ev.Changes.Patch, a.started)
	if err != nil {
		return fmt.Errorf("attest task %s: %w", a.spec.ID, err)
	}
	if err := a.record.Write(task.FileAttestation, attestation); err != nil {
		return err
	}
	a.kept = true
	return writeResult(a.record, a.result)
}

// show puts the patch into the result without its secrets, unless they cannot be
// taken out: of a login in a binary patch no redactor sees anything, and what is
// larger than it may be takes too long.
func (a *attempt) show(r *task.Result, patch []byte, v task.Verdict) {
	shown := !holdsTheLogin(v.Findings) && (a.spec.MaxPatchBytes <= 0 || int64(len(patch)) <= a.spec.MaxPatchBytes)
	if shown {
		r.Patch, shown = a.Redact.Clean(text(patch))
	}
	if !shown {
		r.Patch, r.Truncated = "", []string{"patch"}
	}
}

// holdsTheLogin says whether the patch has the credential itself: what merely
// looks like a secret is a warning.
func holdsTheLogin(findings []task.Finding) bool {
	return slices.ContainsFunc(findings, func(f task.Finding) bool {
		return f.Rule == "secret-in-patch" && f.Severity == task.SeverityError
	})
}

// usage takes the model's own count where the gateway read one: what a
// transcript says was written by a process in the sandbox.
func usage(ev task.Evidence) task.Usage {
	u := ev.Gateway.Usage
	if u == (task.Usage{}) {
		u = ev.Turn.Usage
	}
	u.ModelRequests = ev.Gateway.Requests
	return u
}

// filesChanged names every path that differs, both sides of a rename.
func filesChanged(changes []task.Change) []string {
	names := make([]string, 0, len(changes))
	for _, c := range changes {
		if c.OldPath != "" {
			names = append(names, text([]byte(c.OldPath)))
		}
		names = append(names, text([]byte(c.Path)))
	}
	return names
}

func bothTails(out output) string {
	var parts []string
	for _, s := range []struct{ name, tail string }{{"stdout", out.stdoutTail}, {"stderr", out.stderrTail}} {
		if t := strings.TrimSpace(s.tail); t != "" {
			parts = append(parts, "["+s.name+"] "+t)
		}
	}
	return strings.Join(parts, "\n")
}

// text makes bytes from a sandbox fit for JSON.
func text(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }

// skipped is the result of a task that was not started.
func skipped(spec task.Spec, why string) task.Result {
	r := empty(spec)
	r.Status = task.Skipped
	r.NotesForManager = why
	return r
}

// broken is the result of a task that our own machinery could not finish.
func broken(spec task.Spec, partial task.Result, err error) task.Result {
	r := partial
	if r.TaskID == "" {
		r = empty(spec)
	}
	r.Status = task.Failed
	r.Failure = &task.Failure{
		Kind:    task.FailInternal,
		Message: err.Error(),
		Hint:    "This is not Codex's fault. Try again; if it stays, run codex-mcp-runner with --log-level debug and report it.",
	}
	if refusals := task.Refusals(err); len(refusals) > 0 {
		r.Failure.Message, r.Failure.Hint = refusals[0].What, refusals[0].Mend
	}
	r.NotesForManager = r.Failure.Message + " " + r.Failure.Hint
	return r
}

func empty(spec task.Spec) task.Result {
	return task.Result{
		TaskID: spec.ID, ExitCode: -1,
		FilesChanged: []string{}, CommandsRun: []task.Command{},
		Evidence: []string{}, Findings: []task.Finding{},
		DependsOn: append([]string{}, spec.DependsOn...), Verification: []task.Verification{},
	}
}

func dirtyNote(paths []string, total int) string {
	names := text([]byte(strings.Join(paths, ", ")))
	if total > len(paths) {
		names += ", ..."
	}
	if total == 1 {
		return fmt.Sprintf("The checkout has 1 uncommitted change that the tasks did not see (%s); commit it first if it matters.", names)
	}
	return fmt.Sprintf("The checkout has %d uncommitted changes that the tasks did not see (%s); commit them first if they matter.", total, names)
}

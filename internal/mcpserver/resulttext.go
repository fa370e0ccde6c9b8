package mcpserver

import (
	"fmt"
	"strings"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// runText tells a run as text: every fact of the structured form.
func runText(r task.RunResult) string {
	var b strings.Builder
	counts := map[task.Status]int{}
	for _, t := range r.Results {
		counts[t.Status]++
	}
	fmt.Fprintf(&b, "Run %s: %s, ", r.RunID, r.Status)
	if len(r.Progress) > 0 {
		done, all := doneCount(r)
		fmt.Fprintf(&b, "%d of %s done", done, count(all, "task"))
	} else {
		b.WriteString(count(len(r.Results), "task"))
	}
	for _, s := range []task.Status{task.Success, task.Failed, task.Timeout, task.Skipped} {
		if counts[s] > 0 {
			fmt.Fprintf(&b, ", %d %s", counts[s], s)
		}
	}
	fmt.Fprintf(&b, " in %s\n", duration(r.TotalDurationMS))
	fact(&b, "next", r.Next)
	fact(&b, "base commit", r.BaseCommit)
	fact(&b, "journal", r.JournalPath)
	fact(&b, "report", r.ReportPath)
	for _, n := range r.Notes {
		fact(&b, "note", n)
	}
	findingsText(&b, r.Findings)
	if r.Combination != nil {
		combinationText(&b, r.Combination)
	}
	for _, t := range r.Progress {
		progressText(&b, r.Status, t)
	}
	if r.Review != nil {
		b.WriteString(reportSummary(*r.Review))
		reportText(&b, *r.Review)
	}
	for i := range r.Results {
		resultText(&b, &r.Results[i])
	}
	return b.String()
}

// doneCount counts the tasks of a run that have ended, and all. Where Progress was
// cut, those that have ended have only their result.
func doneCount(r task.RunResult) (done, all int) {
	standing := map[string]bool{}
	for _, t := range r.Progress {
		standing[t.ID] = true
	}
	done, all = task.Progress{Tasks: r.Progress}.DoneCount(), len(r.Progress)
	for _, t := range r.Results {
		if !standing[t.TaskID] {
			done, all = done+1, all+1
		}
	}
	return done, all
}

// progressText tells where a task stands, or stood when its run was lost.
func progressText(b *strings.Builder, run task.RunStatus, t task.TaskProgress) {
	verb := " is "
	if run == task.RunLost && t.State != task.Done {
		verb = " was "
	}
	text := t.ID + verb + string(t.State)
	if t.Status != "" {
		text += ", " + string(t.Status)
	}
	if t.DurationMS != 0 {
		text += " in " + duration(t.DurationMS)
	}
	if !t.StartedAt.IsZero() {
		text += ", begun " + t.StartedAt.Format(time.RFC3339Nano)
	}
	if t.Usage != (task.Usage{}) {
		text += ", " + usage(t.Usage)
	}
	if t.Activity != "" {
		text += ": " + t.Activity
	}
	fact(b, "task", text)
}

func combinationText(b *strings.Builder, c *task.Combination) {
	if c.Combines {
		fact(b, "combination", "the patches of all tasks that are a success can be applied together")
	} else {
		fact(b, "combination", "the patches of the tasks that are a success cannot all be applied together")
	}
	for _, p := range c.Pairs {
		text := strings.Join(p.Tasks, " and ")
		if p.Combines {
			text += " can be applied together"
		} else {
			text += " cannot be applied together"
		}
		if len(p.SharedFiles) > 0 {
			text += "; both change " + strings.Join(p.SharedFiles, ", ")
		}
		if len(p.Conflicts) > 0 {
			text += "; conflicts in " + strings.Join(p.Conflicts, ", ")
		}
		fact(b, "pair", text)
	}
}

func findingsText(b *strings.Builder, findings []task.Finding) {
	for _, f := range findings {
		text := fmt.Sprintf("%s %s: %s", f.Severity, f.Rule, f.Detail)
		if f.Evidence != "" {
			text += " [" + f.Evidence + "]"
		}
		fact(b, "finding", text)
	}
}

func resultText(b *strings.Builder, r *task.Result) {
	fmt.Fprintf(b, "\n## %s: %s (exit code %d, %s)\n", r.TaskID, r.Status, r.ExitCode, duration(r.DurationMS))
	if f := r.Failure; f != nil {
		fact(b, "failure", string(f.Kind)+": "+f.Message)
		fact(b, "hint", f.Hint)
	}
	findingsText(b, r.Findings)
	fact(b, "for the manager", r.NotesForManager)
	for _, e := range r.Evidence {
		fact(b, "evidence", e)
	}
	for i := range r.Verification {
		verificationText(b, &r.Verification[i])
	}
	for _, c := range r.CommandsRun {
		fact(b, "command", fmt.Sprintf("%s -> exit code %d", c.Cmd, c.ExitCode))
	}
	fact(b, "depends on", strings.Join(r.DependsOn, ", "))
	for _, f := range r.FilesChanged {
		fact(b, "changed", f)
	}
	onto := "the base commit"
	if len(r.DependsOn) > 0 {
		onto = "the base commit with the patches of what it depends on"
	}
	if r.PatchApplicable {
		fact(b, "patch", "applies to "+onto)
	} else {
		fact(b, "patch", "not known to apply to "+onto)
	}
	fact(b, "apply check", r.ApplyCheckLog)
	fact(b, "patch file", r.PatchPath)
	for _, a := range r.Attempts {
		attemptText(b, a)
	}
	fact(b, "stdout", r.Logs.Stdout)
	fact(b, "stderr", r.Logs.Stderr)
	fact(b, "rollout", r.RolloutPath)
	fact(b, "worktree", r.WorkspacePath)
	fact(b, "usage", usage(r.Usage))
	fact(b, "truncated", strings.Join(r.Truncated, ", "))
	fact(b, "Codex says (a claim, not evidence)", r.Summary)
	fact(b, "end of the logs", r.Logs.Tail)
	fact(b, "patch text", r.Patch)
}

func verificationText(b *strings.Builder, v *task.Verification) {
	verdict := "FAILED"
	if v.Passed {
		verdict = "passed"
	}
	fact(b, "verified", fmt.Sprintf("%s -> %s, exit code %d, %s", v.Command, verdict, v.ExitCode, duration(v.DurationMS)))
	fact(b, "verify log", v.LogPath)
	fact(b, "verify output ends", v.OutputTail)
}

func attemptText(b *strings.Builder, a task.Attempt) {
	chosen := ""
	if a.Chosen {
		chosen = " (chosen)"
	}
	fact(b, "attempt", fmt.Sprintf("%d%s: %s, %s, patch of %d bytes, %s, %s", a.Number, chosen, a.Status,
		count(a.Findings, "finding"), a.PatchBytes, duration(a.DurationMS), a.JournalPath))
}

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
	plural := "s"
	if len(r.Results) == 1 {
		plural = ""
	}
	fmt.Fprintf(&b, "Run %s: %d task%s", r.RunID, len(r.Results), plural)
	for _, s := range []task.Status{task.Success, task.Failed, task.Timeout, task.Skipped} {
		if counts[s] > 0 {
			fmt.Fprintf(&b, ", %d %s", counts[s], s)
		}
	}
	fmt.Fprintf(&b, " in %s\nbase commit: %s\njournal: %s\n", duration(r.TotalDurationMS), r.BaseCommit, r.JournalPath)
	for _, n := range r.Notes {
		fact(&b, "note", n)
	}
	for i := range r.Results {
		resultText(&b, &r.Results[i])
	}
	return b.String()
}

func resultText(b *strings.Builder, r *task.Result) {
	fmt.Fprintf(b, "\n## %s: %s (exit code %d, %s)\n", r.TaskID, r.Status, r.ExitCode, duration(r.DurationMS))
	if f := r.Failure; f != nil {
		fact(b, "failure", string(f.Kind)+": "+f.Message)
		fact(b, "hint", f.Hint)
	}
	for _, f := range r.Findings {
		text := fmt.Sprintf("%s %s: %s", f.Severity, f.Rule, f.Detail)
		if f.Evidence != "" {
			text += " [" + f.Evidence + "]"
		}
		fact(b, "finding", text)
	}
	fact(b, "for the manager", r.NotesForManager)
	for _, e := range r.Evidence {
		fact(b, "evidence", e)
	}
	for _, c := range r.CommandsRun {
		fact(b, "command", fmt.Sprintf("%s -> exit code %d", c.Cmd, c.ExitCode))
	}
	for _, f := range r.FilesChanged {
		fact(b, "changed", f)
	}
	if r.PatchApplicable {
		fact(b, "patch", "applies to the base commit")
	} else {
		fact(b, "patch", "not known to apply to the base commit")
	}
	fact(b, "apply check", r.ApplyCheckLog)
	fact(b, "patch file", r.PatchPath)
	fact(b, "stdout", r.Logs.Stdout)
	fact(b, "stderr", r.Logs.Stderr)
	fact(b, "worktree", r.WorkspacePath)
	u := r.Usage
	fmt.Fprintf(b, "usage: %d tokens in (%d cached), %d out (%d reasoning), %d model requests\n",
		u.InputTokens, u.CachedInputTokens, u.OutputTokens, u.ReasoningTokens, u.ModelRequests)
	fact(b, "truncated", strings.Join(r.Truncated, ", "))
	fact(b, "Codex says (a claim, not evidence)", r.Summary)
	fact(b, "end of the logs", r.Logs.Tail)
	fact(b, "patch text", r.Patch)
}

// fact writes what is known behind its name, or below it if it has lines of its
// own. Those are indented: what comes out of a sandbox must not be able to write
// a line that reads as ours, such as another task's success.
func fact(b *strings.Builder, name, text string) {
	switch text = strings.TrimRight(text, "\n"); {
	case text == "":
	case strings.ContainsAny(text, "\n\r\v\f\u0085\u2028\u2029"):
		fmt.Fprintf(b, "%s:\n", name)
		for l := range strings.Lines(lineBreaks.Replace(text)) {
			b.WriteString(" " + l)
		}
		b.WriteByte('\n')
	default:
		fmt.Fprintf(b, "%s: %s\n", name, text)
	}
}

// lineBreaks makes one kind of line break of all that a reader may take for one.
var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\v", "\n", "\f", "\n",
	"\u0085", "\n", "\u2028", "\n", "\u2029", "\n")

// duration says milliseconds as they are and as people read them.
func duration(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	if d < time.Second {
		return fmt.Sprintf("%d ms", ms)
	}
	return fmt.Sprintf("%d ms = %s", ms, d.Truncate(time.Second))
}

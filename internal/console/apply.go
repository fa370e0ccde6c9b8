package console

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Apply writes what became of a run's patches: one sentence, a line for each
// commit, the paths that stand in the way, and what to know or do next.
func Apply(w io.Writer, a task.ApplyResult, s Screen) error {
	var b strings.Builder
	color := text.FgGreen
	if !a.Applied {
		color = text.FgRed
	}
	b.WriteString(s.paint(outcome(a), color) + "\n")
	if len(a.Tasks) > 0 {
		b.WriteString("\n")
		rows := make([]table.Row, 0, len(a.Tasks))
		for _, t := range a.Tasks {
			rows = append(rows, table.Row{
				fit(Visible(t.TaskID), idWidth), short(t.Commit), len(t.FilesChanged), fit(appliedNote(t), noteWidth),
			})
		}
		b.WriteString(grid(s, []column{{name: "task"}, {name: "commit"}, {name: "files", right: true}, {name: "note"}}, rows))
	}
	if len(a.Conflicts) > 0 {
		b.WriteString("\nconflicts\n")
		for _, path := range a.Conflicts {
			b.WriteString("  " + Visible(path) + "\n") // whole: a name that is cut or folded is another name
		}
	}
	if len(a.Notes) > 0 {
		b.WriteString("\n")
	}
	for _, note := range a.Notes {
		paragraph(&b, note, s)
	}
	return flush(w, &b, "result of the apply")
}

// outcome is what happened, in one sentence.
func outcome(a task.ApplyResult) string {
	to := "the checkout"
	switch {
	case a.Target == task.ApplyCheckout && a.Branch == "":
		to += ", which is on no branch"
	case a.Target == task.ApplyCheckout:
		to += " of branch " + Visible(a.Branch)
	default:
		to = "the new branch " + Visible(a.Branch)
	}
	n, run := Count(len(a.Tasks), "task", "tasks"), Visible(a.RunID)
	switch {
	case !a.Applied && a.DryRun:
		return fmt.Sprintf("Dry run: nothing of run %s would be applied to %s.", run, to)
	case !a.Applied:
		return fmt.Sprintf("Nothing of run %s was applied to %s.", run, to)
	case a.DryRun:
		return fmt.Sprintf("Dry run: %s of run %s would be applied to %s, from %s on.", n, run, to, short(a.Start))
	}
	return fmt.Sprintf("Applied %s of run %s to %s: %s..%s.", n, run, to, short(a.Start), short(a.Head))
}

func appliedNote(t task.AppliedTask) string {
	switch {
	case len(t.Conflicts) > 0:
		return "conflicts in " + Visible(few(t.Conflicts))
	case t.Merged:
		return "merged"
	}
	return ""
}

// short is a commit as people write it.
func short(commit string) string { return Visible(fmt.Sprintf("%.12s", commit)) }

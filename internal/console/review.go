package console

import (
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Review writes what was found about a plan, the gravest first. Sections without
// an entry are left out.
func Review(w io.Writer, r task.ReviewResult, s Screen) error {
	var b strings.Builder
	empty := true
	for _, section := range []struct {
		title   string
		entries []string
	}{
		{"Missing tasks", r.Report.MissingTasks},
		{"Dependencies", r.Report.DependencyIssues},
		{"Risks", r.Report.RiskFlags},
		{"Tests", r.Report.TestGaps},
		{"Tasks to split", r.Report.RecommendedTaskSplits},
		{"What can run at once", r.Report.ParallelizationSuggestions},
	} {
		if len(section.entries) == 0 {
			continue
		}
		if !empty {
			b.WriteString("\n")
		}
		empty = false
		b.WriteString(s.paint(section.title, text.Bold) + "\n")
		for _, entry := range section.entries {
			bullet(&b, entry, s)
		}
	}
	switch {
	case r.Status == task.RunRunning:
		b.WriteString("The review is still running.\n")
	case r.Status == task.RunLost:
		b.WriteString("The review was lost: its process died before it was done.\n")
	case empty:
		b.WriteString("Nothing was found that is wrong with the plan.\n")
	}
	if len(r.Notes)+len(r.Truncated) > 0 || r.Next != "" {
		b.WriteString("\n")
	}
	for _, note := range r.Notes {
		paragraph(&b, note, s)
	}
	if len(r.Truncated) > 0 {
		paragraph(&b, "Not all is shown of "+strings.Join(r.Truncated, ", ")+"; the journal has the rest.", s)
	}
	paragraph(&b, r.Next, s)
	b.WriteString("\nrun " + Visible(r.RunID) + " at " + short(r.BaseCommit))
	if n := tokens(r.Usage); n != "" {
		b.WriteString(", " + n + " tokens")
	}
	b.WriteString(", kept in " + Visible(r.JournalPath) + "\n")
	return flush(w, &b, "review")
}

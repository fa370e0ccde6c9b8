package console

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// idWidth and noteWidth bound the two columns of the table that can be long.
const (
	idWidth   = 32
	noteWidth = 60
)

// Table writes what came of a run: a line for each task, then what there is to say
// about each, then what concerns the run as a whole. Of a run that is not done it
// has the tasks as they stand.
func Table(w io.Writer, run task.RunResult, s Screen) error {
	var b strings.Builder
	b.WriteString(grid(s, []column{
		{name: "task"},
		{name: "status"},
		{name: "files", right: true, from: 100},
		{name: "commands", right: true, from: 100},
		{name: "seconds", right: true, from: 60},
		{name: "tokens", right: true, from: 80},
		{name: "note"},
	}, rows(run, s)))
	for _, r := range run.Results {
		details(&b, r, s)
	}
	combination(&b, run.Combination, s)
	if len(run.Findings)+len(run.Notes) > 0 {
		b.WriteString("\n")
	}
	for _, f := range run.Findings {
		finding(&b, f, s)
	}
	for _, note := range run.Notes {
		paragraph(&b, note, s)
	}
	footer(&b, run)
	return flush(w, &b, "table")
}

// footer says where everything is. Paths are not wrapped: they are there to be
// copied.
func footer(b *strings.Builder, run task.RunResult) {
	if run.JournalPath == "" {
		return
	}
	b.WriteString("\nrun " + Visible(run.RunID))
	switch run.Status {
	case task.RunRunning:
		b.WriteString(", still running")
	case task.RunLost:
		b.WriteString(", lost when its process died")
	case task.RunDone:
	}
	b.WriteString(", kept in " + Visible(run.JournalPath) + "\n")
	if run.ReportPath != "" {
		b.WriteString("report " + Visible(run.ReportPath) + "\n")
	}
}

func rows(run task.RunResult, s Screen) []table.Row {
	var rows []table.Row
	ended := map[string]bool{}
	for _, r := range run.Results {
		ended[r.TaskID] = true
		rows = append(rows, table.Row{
			s.idFit(r.TaskID, idWidth),
			s.paint(Visible(string(r.Status)), statusColor(r.Status)),
			len(r.FilesChanged),
			len(r.CommandsRun),
			fmt.Sprintf("%.1f", (time.Duration(r.DurationMS) * time.Millisecond).Seconds()),
			tokens(r.Usage),
			fit(note(r), noteWidth),
		})
	}
	for _, p := range run.Progress {
		if !ended[p.ID] {
			state := Visible(string(p.State))
			if run.Status == task.RunLost {
				state = "was " + state
			}
			rows = append(rows, table.Row{
				s.idFit(p.ID, idWidth), s.paint(state, text.Faint), "", "", "",
				tokens(p.Usage), fit(folded(p.Activity), noteWidth),
			})
		}
	}
	return rows
}

// note is what to know about a task in a few words.
func note(r task.Result) string {
	var words []string
	switch {
	case r.Failure != nil:
		words = append(words, Visible(string(r.Failure.Kind)))
	case r.Status == task.Success && len(r.FilesChanged) == 0:
		words = append(words, "nothing changed")
	}
	if v := verified(r.Verification); v != "" {
		words = append(words, v)
	}
	for _, a := range r.Attempts {
		if a.Chosen {
			// More may have been asked for, if the task was cancelled.
			words = append(words, fmt.Sprintf("attempt %d of %d made", a.Number, len(r.Attempts)))
		}
	}
	n := 0
	for _, f := range r.Findings {
		if f.Severity == task.SeverityWarning {
			n++
		}
	}
	if n > 0 && r.Failure == nil {
		words = append(words, Count(n, "warning", "warnings"))
	}
	return strings.Join(words, ", ")
}

// verified is what the verify commands said: the first that failed, or how many passed.
func verified(all []task.Verification) string {
	for _, v := range all {
		if !v.Passed {
			return folded(v.Command) + " failed"
		}
	}
	if len(all) == 0 {
		return ""
	}
	return Count(len(all), "check", "checks") + " passed"
}

// combination says whether the patches go together, and which do not.
func combination(b *strings.Builder, c *task.Combination, s Screen) {
	if c == nil {
		return
	}
	b.WriteString("\n")
	if c.Combines {
		paragraph(b, "The patches of the successful tasks combine.", s)
	} else {
		paragraph(b, "The patches of the successful tasks do not combine.", s)
	}
	for _, p := range c.Pairs {
		if !p.Combines {
			bullet(b, strings.Join(p.Tasks, " and ")+" conflict in "+few(p.Conflicts)+".", s)
		}
	}
}

// Count says how many of something there are.
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// flush writes what was put together, so that there is one error to look at.
func flush(w io.Writer, b *strings.Builder, what string) error {
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write %s: %w", what, err)
	}
	return nil
}

func statusColor(status task.Status) text.Color {
	switch status {
	case task.Success:
		return text.FgGreen
	case task.Skipped:
		return text.Faint
	case task.Failed, task.Timeout:
	}
	return text.FgRed
}

func severityColor(severity task.Severity) text.Color {
	switch severity {
	case task.SeverityInfo:
		return text.Faint
	case task.SeverityWarning:
		return text.FgYellow
	case task.SeverityError:
	}
	return text.FgRed
}

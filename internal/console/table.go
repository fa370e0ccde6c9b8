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

// Table writes what came of a run: a line for each task, then why those that
// failed did and what to do, then the notes of the run.
func Table(w io.Writer, run task.RunResult, s Screen) error {
	var b strings.Builder
	b.WriteString(rows(run, s))
	b.WriteString("\n")
	for _, r := range run.Results {
		if r.Failure == nil {
			continue
		}
		color := statusColor(r.Status)
		b.WriteString("\n" + s.paint(Visible(r.TaskID), color) + "\n")
		paragraph(&b, r.Failure.Message, s)
		paragraph(&b, r.Failure.Hint, s)
	}
	if len(run.Notes) > 0 {
		b.WriteString("\n")
	}
	for _, note := range run.Notes {
		paragraph(&b, note, s)
	}
	if run.JournalPath != "" {
		fmt.Fprintf(&b, "\nrun %s, kept in %s\n", Visible(run.RunID), Visible(run.JournalPath))
	}
	_, err := io.WriteString(w, b.String())
	if err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

func rows(run task.RunResult, s Screen) string {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	if columns := s.columns(); columns > 0 {
		style.Size.WidthMax = columns
		style.Box.UnfinishedRow = "…"
	}
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	t.SetColumnConfigs([]table.ColumnConfig{
		{Number: 3, Align: text.AlignRight, AlignHeader: text.AlignRight},
		{Number: 4, Align: text.AlignRight, AlignHeader: text.AlignRight},
		{Number: 5, Align: text.AlignRight, AlignHeader: text.AlignRight},
		{Number: 6, Align: text.AlignRight, AlignHeader: text.AlignRight},
	})
	t.AppendHeader(table.Row{"task", "status", "files", "commands", "seconds", "tokens", "note"})
	for _, r := range run.Results {
		t.AppendRow(table.Row{
			fit(Visible(r.TaskID), idWidth),
			s.paint(string(r.Status), statusColor(r.Status)),
			len(r.FilesChanged),
			len(r.CommandsRun),
			fmt.Sprintf("%.1f", (time.Duration(r.DurationMS) * time.Millisecond).Seconds()),
			tokens(r.Usage),
			fit(note(r), noteWidth),
		})
	}
	return t.Render()
}

// note is what to know about a task in a few words.
func note(r task.Result) string {
	if r.Failure != nil {
		return Visible(string(r.Failure.Kind))
	}
	var words []string
	if r.Status == task.Success && len(r.FilesChanged) == 0 {
		words = append(words, "nothing changed")
	}
	n := 0
	for _, f := range r.Findings {
		if f.Severity == task.SeverityWarning {
			n++
		}
	}
	switch n {
	case 0:
	case 1:
		words = append(words, "1 warning")
	default:
		words = append(words, fmt.Sprintf("%d warnings", n))
	}
	return strings.Join(words, ", ")
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

// paragraph writes foreign text, indented and wrapped to the screen.
func paragraph(b *strings.Builder, s string, screen Screen) {
	const indent = "  "
	s = folded(s)
	if s == "" {
		return
	}
	if columns := screen.columns(); columns > 0 {
		s = text.WrapSoft(s, max(columns-len(indent)-1, 20))
	}
	for line := range strings.SplitSeq(s, "\n") {
		b.WriteString(indent + strings.TrimRight(line, " ") + "\n")
	}
}

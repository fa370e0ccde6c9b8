package console

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Runs writes a line about each run, in the order given. Times are local.
func Runs(w io.Writer, runs []task.RunSummary, s Screen) error {
	var b strings.Builder
	if len(runs) == 0 {
		b.WriteString("There are no runs of this repository.\n")
		return flush(w, &b, "list of runs")
	}
	rows := make([]table.Row, 0, len(runs))
	for _, r := range runs {
		rows = append(rows, table.Row{
			fit(Visible(r.RunID), idWidth),
			s.paint(Visible(string(r.Status)), runColor(r)),
			r.CreatedAt.Local().Format("2006-01-02 15:04"),
			fmt.Sprintf("%d/%d", r.Done, r.Tasks),
			r.Succeeded,
			fit(Visible(few(r.TaskIDs)), noteWidth),
		})
	}
	b.WriteString(grid(s, []column{
		{name: "run"},
		{name: "status"},
		{name: "created", from: 60},
		{name: "done", right: true},
		{name: "success", right: true},
		{name: "tasks"},
	}, rows))
	return flush(w, &b, "list of runs")
}

// runColor is green for what is as it should be.
func runColor(r task.RunSummary) text.Color {
	switch {
	case r.Status == task.RunRunning:
		return text.FgCyan
	case r.Status == task.RunDone && r.Succeeded == r.Tasks:
		return text.FgGreen
	}
	return text.FgRed
}

package console

import (
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Setup writes what doctor found: a mark, a name and what was found for each
// check, below it what to do about those that are not in order, and at the end
// whether tasks can be run. The marks are words, and do not need their colours.
func Setup(w io.Writer, setup task.Setup, s Screen) error {
	var b strings.Builder
	width := 0
	for _, c := range setup.Checks {
		width = max(width, min(text.StringWidthWithoutEscSequences(Visible(c.Name)), idColumns))
	}
	var faults []string
	for _, c := range setup.Checks {
		mark, color := "ok", text.FgGreen
		if !c.OK {
			mark, color = "NOT OK", text.FgRed
			faults = append(faults, Visible(c.Name))
		}
		first := s.paint(mark, color) + strings.Repeat(" ", len("NOT OK")-len(mark)) + "  " + text.Pad(fit(Visible(c.Name), width), width, ' ') + "  "
		rest := strings.Repeat(" ", text.StringWidthWithoutEscSequences(first))
		detail := c.Detail
		if strings.TrimSpace(detail) == "" {
			detail = "-"
		}
		for line := range strings.SplitSeq(strings.TrimSpace(detail), "\n") { // one for each thing that is wrong
			hang(&b, first, rest, line, s)
			first = rest
		}
		if !c.OK {
			hang(&b, rest, rest, c.Mend, s)
		}
	}
	if setup.Ready && len(faults) == 0 {
		b.WriteString("\nReady to run tasks.\n")
	} else {
		b.WriteString("\nNot ready; to be mended: " + strings.Join(faults, ", ") + ".\n")
	}
	return flush(w, &b, "set-up")
}

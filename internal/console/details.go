package console

import (
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

const (
	// mostFindings are shown of a task, and the rest counted.
	mostFindings = 10
	// answerLines are shown of what Codex says where that is all it did, and
	// summaryLines where there is a patch to look at.
	answerLines, summaryLines = 40, 3
)

// details writes what there is to say about a task beyond its line: why it failed
// and what to do, what is odd about its patch, why it was not started, and what
// Codex says that it did.
func details(b *strings.Builder, r task.Result, s Screen) {
	var d strings.Builder
	if f := r.Failure; f != nil {
		paragraph(&d, f.Message, s)
		lastWords(&d, r.Verification, s)
		paragraph(&d, f.Hint, s)
	}
	findings(&d, r, s)
	if r.Status == task.Skipped {
		paragraph(&d, r.NotesForManager, s)
	}
	says(&d, r, s)
	if d.Len() > 0 {
		b.WriteString("\n" + s.paint(Visible(r.TaskID), statusColor(r.Status)) + "\n" + d.String())
	}
}

// findings writes what a person should look at, unless the failure has said so.
func findings(b *strings.Builder, r task.Result, s Screen) {
	left := 0
	for _, f := range r.Findings {
		switch {
		case f.Severity == task.SeverityInfo, r.Failure != nil && strings.Contains(r.Failure.Message, f.Detail):
		case left >= mostFindings:
			left++
		default:
			left++
			finding(b, f, s)
		}
	}
	if more := left - mostFindings; more > 0 {
		paragraph(b, "and "+Count(more, "other", "others"), s)
	}
}

func finding(b *strings.Builder, f task.Finding, s Screen) {
	mark := "  " + s.paint(Visible(string(f.Severity)), severityColor(f.Severity)) + "  "
	said := f.Detail
	if !strings.Contains(said, f.Evidence) {
		said += " " + f.Evidence
	}
	hang(b, mark, strings.Repeat(" ", text.StringWidthWithoutEscSequences(mark)), said, s)
}

// says writes what Codex says, in its own lines. It is a claim, and is marked as one.
func says(b *strings.Builder, r task.Result, s Screen) {
	most := summaryLines
	if len(r.FilesChanged) == 0 {
		most = answerLines
	}
	lines := strings.FieldsFunc(r.Summary, func(c rune) bool { return c == '\n' || c == '\r' })
	for i, line := range lines {
		if i == 0 {
			paragraph(b, "Codex says:", s)
		}
		if i == most {
			hang(b, "  > ", "  > ", fmt.Sprintf("… and %s", Count(len(lines)-i, "line", "lines")), s)
			break
		}
		hang(b, "  > ", "  > ", line, s)
	}
}

// lastWords are the last lines that a failed verify command printed.
func lastWords(b *strings.Builder, all []task.Verification, s Screen) {
	const shown = 8
	for _, v := range all {
		if v.Passed {
			continue
		}
		lines := strings.FieldsFunc(v.OutputTail, func(r rune) bool { return r == '\n' || r == '\r' })
		for _, line := range lines[max(0, len(lines)-shown):] {
			hang(b, "  | ", "  | ", line, s)
		}
	}
}

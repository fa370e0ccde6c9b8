package console

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
)

// Patch writes a patch in git's format, in colours if s has them. Tabs stay;
// every other character that cannot be seen is made visible, so that a review
// of what is on the screen is a review of what is in the patch. Carriage returns
// at line ends show as \r.
func Patch(w io.Writer, patch string, s Screen) error {
	out := bufio.NewWriter(w)
	var h hunk
	for line := range strings.Lines(patch) {
		body, newline := strings.CutSuffix(line, "\n")
		_, _ = out.WriteString(s.paint(visible(body, "\t"), h.color(body)...)) // Flush has the error
		if newline {
			_ = out.WriteByte('\n')
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write patch: %w", err)
	}
	return nil
}

// hunk counts the lines that a hunk has still to come. Without it, an added
// line that begins with "++ " would look like the header of another file.
type hunk struct{ before, after int }

var hunkHeader = regexp.MustCompile(`^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@`)

func (h *hunk) color(line string) []text.Color {
	if strings.HasPrefix(line, `\`) { // "\ No newline at end of file", which no count counts
		return []text.Color{text.Faint}
	}
	if h.before > 0 || h.after > 0 {
		switch {
		case strings.HasPrefix(line, "+"):
			h.after--
			return []text.Color{text.FgGreen}
		case strings.HasPrefix(line, "-"):
			h.before--
			return []text.Color{text.FgRed}
		}
		h.before--
		h.after--
		return nil
	}
	if m := hunkHeader.FindStringSubmatch(line); m != nil {
		h.before, h.after = lineCount(m[1]), lineCount(m[2])
		return []text.Color{text.FgCyan}
	}
	return []text.Color{text.Bold}
}

// lineCount reads a count of a hunk header; none means 1.
func lineCount(s string) int {
	if s == "" {
		return 1
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

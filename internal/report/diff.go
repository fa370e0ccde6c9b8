package report

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/bluekeyes/go-gitdiff/gitdiff"
)

// What a report shows of patches, in bytes of them. A page of a megabyte of
// patch is some five megabytes of HTML, which a phone still opens at once.
const (
	reportDiffBytes = 1 << 20
	taskDiffBytes   = 256 << 10
	fileDiffBytes   = 64 << 10
	// Beyond so many files, there are numbers alone.
	taskDiffFiles = 200
	// A diff of up to so many lines is open from the start, as is a file with a warning.
	openLines = 120
)

// diffView is a task's patch.
type diffView struct {
	Files          []fileView
	Added, Deleted int
	// Total counts all files, Files holds the first of them.
	Total int
	// Cut says that not all lines are shown.
	Cut bool
	// Bytes is the size of the patch.
	Bytes int
}

// fileView is one file of it.
type fileView struct {
	Name           string
	What           string
	Notes          []string
	Added, Deleted int
	// Warning says what a reader must know before believing their eyes.
	Warning string
	Code    template.HTML
	// Shown and Lines count the lines of the diff, shown and in all.
	Shown, Lines int
	// Problem is why Code is the raw text.
	Problem string
	Open    bool
}

// newDiff renders a patch, of which it shows at most limit bytes.
func newDiff(patch string, limit int, p *painter) diffView {
	d := diffView{Bytes: len(patch)}
	for _, piece := range splitPatch(patch) {
		d.Total++
		room := min(limit, fileDiffBytes)
		if len(d.Files) == taskDiffFiles {
			room = 0
		}
		given := room
		var f fileView
		if c, err := parseChange(piece); err == nil {
			f = newFile(c, &room, p)
		} else {
			f = newRaw(piece, err, &room)
		}
		limit -= given - room
		d.Added += f.Added
		d.Deleted += f.Deleted
		if f.Shown < f.Lines {
			d.Cut = true
		}
		if len(d.Files) < taskDiffFiles {
			d.Files = append(d.Files, f)
		}
	}
	d.Cut = d.Cut || len(d.Files) < d.Total
	small := !d.Cut && d.Added+d.Deleted <= openLines && len(d.Files) <= 4
	for i, f := range d.Files {
		d.Files[i].Open = small || f.Warning != ""
	}
	return d
}

// newFile takes what it shows off room.
func newFile(c change, room *int, p *painter) fileView {
	f := fileView{Name: c.name(), What: c.what(), Notes: c.notes()}
	crlf := allCRLF(c.TextFragments)
	if crlf {
		f.Notes = append(f.Notes, "CRLF line ends")
	}
	w := &codeWriter{}
	paint := p.of(f.Name)
	for _, h := range c.TextFragments {
		f.Added += int(h.LinesAdded)
		f.Deleted += int(h.LinesDeleted)
		f.Lines += len(h.Lines)
		lines := h.Lines
		for i, l := range lines {
			if !take(room, l.Line) {
				lines = lines[:i]
				break
			}
		}
		if len(lines) == 0 {
			continue
		}
		f.Shown += len(lines)
		writeHunk(w, h, lines, crlf, paint)
	}
	f.Code = w.html()
	f.Warning = hiddenWarning(w.hidden)
	return f
}

// writeHunk writes the first lines of a hunk. The two sides are coloured apart:
// each is code, the mixture is not.
func writeHunk(w *codeWriter, h *gitdiff.TextFragment, lines []gitdiff.Line, crlf bool, paint func([]codeLine) [][]span) {
	w.hunk(fmt.Sprintf("@@ -%d,%d +%d,%d @@", h.OldPosition, h.OldLines, h.NewPosition, h.NewLines), h.Comment)
	cut := make([]codeLine, len(lines))
	var before, after []codeLine
	for i, l := range lines {
		text := l.Line
		if crlf {
			text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
		}
		cut[i] = newCodeLine(text)
		if l.Old() {
			before = append(before, cut[i])
		}
		if l.New() {
			after = append(after, cut[i])
		}
	}
	var beforeColours, afterColours [][]span
	if len(after) > 0 {
		afterColours = paint(after)
	}
	if h.LinesDeleted > 0 {
		beforeColours = paint(before)
	}
	oldLine, newLine := 0, 0
	for i, l := range lines {
		kind, n, colours := lineContext, h.NewPosition+int64(newLine), at(afterColours, newLine)
		switch l.Op {
		case gitdiff.OpAdd:
			kind = lineAdded
		case gitdiff.OpDelete:
			kind, n, colours = lineDeleted, h.OldPosition+int64(oldLine), at(beforeColours, oldLine)
		case gitdiff.OpContext:
		}
		w.line(kind, n, cut[i], colours, !strings.HasSuffix(l.Line, "\n"))
		if l.Old() {
			oldLine++
		}
		if l.New() {
			newLine++
		}
	}
}

func at(spans [][]span, i int) []span {
	if i < len(spans) {
		return spans[i]
	}
	return nil
}

// newRaw shows a piece of a patch that cannot be read, as it is.
func newRaw(piece string, problem error, room *int) fileView {
	first, _, _ := strings.Cut(piece, "\n")
	f := fileView{
		Name: clip(200, strings.TrimPrefix(first, fileStart)), What: "unreadable",
		Problem: "This part cannot be read as a git patch (" + problem.Error() + "); here it is as it stands.",
	}
	w := &codeWriter{}
	for line := range strings.Lines(piece) {
		f.Lines++
		if take(room, line) {
			f.Shown++
			w.line(lineContext, 0, newCodeLine(line), nil, false)
		}
	}
	f.Code = w.html()
	f.Warning = hiddenWarning(w.hidden)
	return f
}

// take takes a line off what may still be shown; once one is too many, so are
// all that follow.
func take(room *int, line string) bool {
	// The markup of a line costs about as much as so many characters.
	const markup = 16
	if cost := min(len(line), maxLine) + markup; cost <= *room {
		*room -= cost
		return true
	}
	*room = 0
	return false
}

func hiddenWarning(n int) string {
	if n == 0 {
		return ""
	}
	return count(n, "invisible or unreadable character") + ", spelled out below like ⟨U+202E⟩"
}

// allCRLF says that every line ends with CRLF: then it need not be shown on each.
func allCRLF(hunks []*gitdiff.TextFragment) bool {
	n := 0
	for _, h := range hunks {
		for _, l := range h.Lines {
			if !strings.HasSuffix(l.Line, "\r\n") {
				return false
			}
			n++
		}
	}
	return n > 0
}

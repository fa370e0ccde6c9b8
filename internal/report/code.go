package report

import (
	"html/template"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxLine is how many runes of a line are shown; minified files have lines of
// megabytes.
const maxLine = 400

// codeWriter makes the HTML of code. Foreign bytes pass through its text method
// alone, which escapes all of them; everything else that it writes is constant
// or a number.
type codeWriter struct {
	b strings.Builder
	// hidden counts the marks written for what the eye cannot see, carriage
	// returns aside.
	hidden int
}

// lineKind is the element of a line.
type lineKind string

const (
	lineContext lineKind = "span"
	lineAdded   lineKind = "ins"
	lineDeleted lineKind = "del"
)

var signs = map[lineKind]string{lineContext: " ", lineAdded: "+", lineDeleted: "-"}

// line writes one line of a diff. n is its number, 0 for none. noEnd says that
// the file ends here without a newline.
func (w *codeWriter) line(kind lineKind, n int64, l codeLine, colours []span, noEnd bool) {
	w.b.WriteString("<" + string(kind))
	if n > 0 {
		w.b.WriteString(` data-n="` + strconv.FormatInt(n, 10) + `"`)
	}
	w.b.WriteString(">" + signs[kind])
	rest := l.text
	for _, c := range colours {
		n := runes(rest, c.n)
		if c.class == 0 {
			w.text(rest[:n])
		} else {
			w.b.WriteString(`<b class=` + string(rune(c.class)) + `>`)
			w.text(rest[:n])
			w.b.WriteString("</b>")
		}
		rest = rest[n:]
	}
	w.text(rest)
	if l.cut > 0 {
		w.b.WriteString(" ")
		w.mark("… " + size(l.cut) + " more on this line")
	}
	if noEnd {
		w.b.WriteString(" ")
		w.mark("no newline at the end")
	}
	w.b.WriteString("</" + string(kind) + ">\n")
}

// hunk writes the heading of a hunk.
func (w *codeWriter) hunk(where, comment string) {
	w.b.WriteString("<p>")
	w.text(where)
	w.b.WriteString(" <b>")
	w.text(comment)
	w.b.WriteString("</b></p>\n")
}

// text writes foreign text, escaped, with marks for what cannot be seen.
func (w *codeWriter) text(s string) {
	from, prev := 0, rune(0)
	for i := 0; i < len(s); {
		r, width := utf8.DecodeRuneInString(s[i:])
		if m := visible(prev, r, width, s[i]); m != "" {
			template.HTMLEscape(&w.b, []byte(s[from:i]))
			w.mark(m)
			if r != '\r' {
				w.hidden++
			}
			from = i + width
		}
		prev = r
		i += width
	}
	template.HTMLEscape(&w.b, []byte(s[from:]))
}

// mark writes words of ours into a line of theirs.
func (w *codeWriter) mark(words string) {
	w.b.WriteString("<i>" + template.HTMLEscapeString(words) + "</i>")
}

// html is what was written.
func (w *codeWriter) html() template.HTML {
	return template.HTML(w.b.String()) // text escapes all that is foreign
}

// codeLine is a line without its end, cut to maxLine runes.
type codeLine struct {
	text string
	// cut is how many bytes are left out.
	cut int
}

func newCodeLine(s string) codeLine {
	s = strings.TrimSuffix(s, "\n")
	n := runes(s, maxLine)
	return codeLine{s[:n], len(s) - n}
}

// runes returns the length in bytes of the first n runes of s; a byte that is
// not UTF-8 counts as one.
func runes(s string, n int) int {
	at := 0
	for ; n > 0 && at < len(s); n-- {
		_, width := utf8.DecodeRuneInString(s[at:])
		at += width
	}
	return at
}

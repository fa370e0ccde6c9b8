package report

import (
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/unseen"
)

// visible returns a mark for a rune that the eye cannot see or that changes the
// order of others (CVE-2021-42574), and "" for any other. width is that of the
// rune in bytes: utf8.RuneError of width 1 is a byte that is not UTF-8. prev is
// the rune before.
func visible(prev, r rune, width int, b byte) string {
	switch {
	case r == '\n' || r == '\t' || r >= ' ' && r < 0x7f:
		return ""
	case r == utf8.RuneError && width == 1:
		return fmt.Sprintf("⟨0x%02X⟩", b)
	case r < ' ':
		return string('\u2400' + r) // control pictures: ␀ ␍ ␛
	case r == 0x7f:
		return "␡"
	case r == '\ufe0e' || r == '\ufe0f':
		// After a symbol these choose between text and emoji, and hide nothing.
		if unicode.Is(unicode.So, prev) {
			return ""
		}
	case !unseen.Rune(r):
		return ""
	}
	return fmt.Sprintf("⟨U+%04X⟩", r)
}

// reveal puts marks in the place of all that visible knows. It is run over the
// finished page, so that no field can be forgotten. That is safe: the marks mean
// nothing in HTML, and nothing of ours on the page needs them.
func reveal(page []byte) []byte {
	out := make([]byte, 0, len(page)+len(page)/64)
	prev := rune(0)
	for i := 0; i < len(page); {
		c := page[i]
		if c >= ' ' && c < 0x7f || c == '\n' || c == '\t' {
			out = append(out, c)
			prev = rune(c)
			i++
			continue
		}
		r, width := utf8.DecodeRune(page[i:])
		if mark := visible(prev, r, width, c); mark != "" {
			out = append(out, mark...)
		} else {
			out = append(out, page[i:i+width]...)
		}
		prev = r
		i += width
	}
	return out
}

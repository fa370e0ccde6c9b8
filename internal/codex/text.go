package codex

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// oneLine makes text fit to be shown: what is not printable becomes a space,
// spaces in a row become one, and what is more than most runes is cut.
func oneLine(text string, most int) string {
	var b strings.Builder
	n, space := 0, false
	for _, r := range text {
		if !unicode.IsPrint(r) || r == ' ' || r == utf8.RuneError {
			space = n > 0
			continue
		}
		if space {
			b.WriteByte(' ')
			n++
			space = false
		}
		b.WriteRune(r)
		if n++; n > most {
			break
		}
	}
	if n <= most {
		return b.String()
	}
	runes := []rune(b.String())
	return strings.TrimRight(string(runes[:most-1]), " ") + "…"
}

package console

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/unseen"
)

// Visible writes foreign text as one line in which every character can be seen:
// control characters, escape sequences, line ends, bidirectional overrides,
// characters without width and bytes that are no UTF-8 become \n, \x1b, \u202e
// and the like. What a person cannot see cannot deceive.
func Visible(s string) string { return visible(s, "") }

// visible leaves the characters in keep as they are.
func visible(s, keep string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[i]), 16))
		case unseen.Rune(r) && !strings.ContainsRune(keep, r):
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

// folded is Visible with every run of white space as one blank.
func folded(s string) string { return Visible(strings.Join(strings.Fields(s), " ")) }

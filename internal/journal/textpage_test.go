package journal_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
)

// Whoever follows next from the beginning reads everything once.
func FuzzPagesOfATextAreTheText(f *testing.F) {
	f.Add("", 1)
	f.Add("plain", 2)
	f.Add("größe \U0001F600 \xff\xfe", 3)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		if limit < 0 {
			return
		}
		var whole strings.Builder
		var cursor int64
		for more := true; more; {
			page, next, total, m, err := journal.PageOf(text, cursor, limit)
			if err != nil || total != int64(len(text)) || m && next <= cursor || !utf8.ValidString(page) {
				t.Fatalf("at %d: %q, %d, %d, %t, %v", cursor, page, next, total, m, err)
			}
			whole.WriteString(page)
			cursor, more = next, m
		}
		if whole.String() != string([]rune(text)) {
			t.Errorf("got %q of %q", whole.String(), text)
		}
	})
}

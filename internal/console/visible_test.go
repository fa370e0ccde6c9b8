package console_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/console"
)

// sgr is an escape sequence that sets a colour.
var sgr = regexp.MustCompile("\x1b\\[[0-9;]*m")

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"":                         "",
		"plain, ünïcode, 日本語, 🚀":   "plain, ünïcode, 日本語, 🚀",
		"a\nb\tc":                  `a\nb\tc`,
		"it's \"quoted\" \\ here":  "it's \"quoted\" \\ here",
		hostile:                    seen,
		"\u3164filler\u115f\u2800": `\u3164filler\u115f\u2800`,
		"\xff\xfe":                 `\xff\xfe`,
		"man\u200dwoman":           `man\u200dwoman`,
		"a real \ufffd, not a bad": "a real \ufffd, not a bad",
	} {
		if got := console.Visible(in); got != want {
			t.Errorf("Visible(%q)\ngot  %s\nwant %s", in, got, want)
		}
	}
}

// Whatever comes in, what goes out is one line of UTF-8 in which everything can
// be seen, is not changed by a second pass, and is the input if that was so already.
func FuzzVisible(f *testing.F) {
	f.Add(hostile)
	f.Add("a'\xe2\x28")
	f.Fuzz(func(t *testing.T, s string) {
		got := console.Visible(s)
		if !utf8.ValidString(got) || strings.IndexFunc(got, func(r rune) bool { return !unicode.IsGraphic(r) }) >= 0 {
			t.Fatalf("Visible(%q) = %q", s, got)
		}
		if again := console.Visible(got); again != got {
			t.Fatalf("Visible of %q is %q, not itself", got, again)
		}
		ascii := strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0
		if ascii && got != s {
			t.Fatalf("Visible(%q) = %q", s, got)
		}
	})
}

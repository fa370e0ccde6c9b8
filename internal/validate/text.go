package validate

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/docker/go-units"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/unseen"
)

// plain reports whether s is UTF-8 in which every character can be seen.
func plain(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unseen.Rune)
}

// show writes a name so that it reads as what it is: as it stands if it is
// plain, quoted and escaped if it is not.
func show(name string) string {
	if name != "" && plain(name) {
		return name
	}
	return strconv.QuoteToASCII(name)
}

// line folds text from the sandbox into one line of at most limit characters,
// with every unseen character made visible.
func line(s string, limit int) string {
	var b strings.Builder
	n := 0
	for _, word := range strings.Fields(s) {
		if n > 0 {
			word = " " + word
		}
		for i := 0; i < len(word); {
			r, size := utf8.DecodeRuneInString(word[i:])
			if n == limit {
				return b.String() + "…"
			}
			switch {
			case r == utf8.RuneError && size == 1:
				b.WriteString(`\x` + strconv.FormatUint(uint64(word[i]), 16))
			case unseen.Rune(r):
				b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
			default:
				b.WriteRune(r)
			}
			n++
			i += size
		}
	}
	return b.String()
}

// sentence ends s with a full stop if it has no end of its own.
func sentence(s string) string {
	if s == "" || strings.ContainsAny(s[len(s)-1:], ".!?") || strings.HasSuffix(s, "…") {
		return s
	}
	return s + "."
}

// clause is a sentence made fit to stand in the middle of another.
func clause(s string) string { return strings.TrimRight(s, ". ") }

// count is a number with its noun: 1 file, 1,200 files.
func count(n int64, noun string) string {
	s := message.NewPrinter(language.English).Sprintf("%d", n) + " " + noun
	if n == 1 {
		return s
	}
	return s + "s"
}

func number(n int64) string { return message.NewPrinter(language.English).Sprintf("%d", n) }

// size is a number of bytes in binary units: 2 GiB.
func size(n int64) string {
	return units.CustomSize("%.4g %s", float64(n), 1024, []string{"bytes", "KiB", "MiB", "GiB", "TiB"})
}

// seconds is a duration to a tenth of a second, without needless zeros: 12.3 s, 300 s.
func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Round(100*time.Millisecond).Seconds(), 'f', -1, 64) + " s"
}

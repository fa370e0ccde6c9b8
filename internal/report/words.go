package report

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// number groups digits by threes: 1,234,567.
func number[T int | int64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	digits := strings.TrimPrefix(s, "-")
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return s[:len(s)-len(strings.TrimLeft(s, "-"))] + digits
}

// count is a number with its noun: "1 file", "2 files".
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return number(n) + " " + noun
}

// size is in binary units, which is what limits are set in.
func size[T int | int64](n T) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	f, i := float64(n), 0
	for f >= 1024 && i < len(units)-1 {
		f, i = f/1024, i+1
	}
	if i == 0 {
		return count(int(n), "byte")
	}
	return strconv.FormatFloat(f, 'f', decimals(f), 64) + " " + units[i]
}

// decimals keeps about two digits that matter, and none of a whole number.
func decimals(f float64) int {
	if f >= 10 || f == float64(int64(f)) {
		return 0
	}
	return 1
}

// duration is short and exact enough for a person: "3.2 s", "4 min 5 s", "2 h 3 min".
func duration(d time.Duration) string {
	switch {
	case d < 0:
		return "unknown"
	case d == 0:
		return "0 s"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Truncate(100*time.Millisecond).Seconds(), 'f', -1, 64) + " s"
	}
	d = d.Round(time.Second)
	h, m, s := int64(d/time.Hour), int64(d/time.Minute%60), int64(d/time.Second%60)
	var words []string
	if h > 0 {
		words = append(words, number(h)+" h")
	}
	if m > 0 {
		words = append(words, number(m)+" min")
	}
	if s > 0 && h == 0 {
		words = append(words, number(s)+" s")
	}
	return strings.Join(words, " ")
}

// millis is a duration that a result gives in milliseconds; one that cannot be
// is unknown.
func millis(ms int64) time.Duration {
	if ms < 0 || ms > int64(1<<62/time.Millisecond) {
		return -1
	}
	return time.Duration(ms) * time.Millisecond
}

// clip cuts a text at about max bytes, between runes, and says so.
func clip(max int, s string) string {
	if len(s) <= max {
		return s
	}
	return head(max, s) + "… (" + size(len(s)-len(head(max, s))) + " more)"
}

// tail keeps the end instead.
func tail(max int, s string) string {
	if len(s) <= max {
		return s
	}
	at := len(s) - max
	for at < len(s) && !utf8.RuneStart(s[at]) {
		at++
	}
	return "(" + size(at) + " before) …" + s[at:]
}

func head(max int, s string) string {
	if len(s) <= max {
		return s
	}
	for max > 0 && !utf8.RuneStart(s[max]) {
		max--
	}
	return s[:max]
}

var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

// plain takes the colours out of what a program printed for a terminal, and the
// carriage returns before line ends. Any other escape sequence stays, to be seen.
func plain(s string) string {
	return strings.ReplaceAll(colours.ReplaceAllString(s, ""), "\r\n", "\n")
}

// more says how many of n are left when the first few have been shown.
func more(n, shown int) int { return max(n-shown, 0) }

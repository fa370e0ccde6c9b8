package gateway

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// What a sandbox says stands in our log, where it must be text.
func TestClipCutsBetweenRunes(t *testing.T) {
	for _, s := range []string{strings.Repeat("ä", 101), "x" + strings.Repeat("ä", 150), "/" + strings.Repeat("\U0001F600", 80)} {
		got := clip(s)
		if !utf8.ValidString(got) || !strings.HasSuffix(got, "…") || !strings.HasPrefix(s, strings.TrimSuffix(got, "…")) || len(got) < 197 {
			t.Errorf("%q was cut to %q", s, got)
		}
	}
	if got := clip(strings.Repeat("ä", 100)); got != strings.Repeat("ä", 100) {
		t.Errorf("what fits was cut to %q", got)
	}
}

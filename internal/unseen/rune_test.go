package unseen_test

import (
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/unseen"
)

func TestRune(t *testing.T) {
	for what, runes := range map[string]string{
		"controls":                    "\x00\a\t\n\r\x1b\x7f\u0085\u009b",
		"separators of lines":         "\u2028\u2029",
		"bidirectional overrides":     "\u061c\u200e\u200f\u202a\u202e\u2066\u2069",
		"characters without width":    "\u00ad\u034f\u180e\u200b\u200d\u2060\u2065\ufeff",
		"fillers":                     "\u115f\u1160\u17b4\u3164\uffa0\u2800",
		"variation selectors":         "\u180b\ufe00\ufe0f\U000e0100",
		"tags":                        "\U000e0001\U000e0041",
		"private":                     "\ue000\U000f0000",
		"assigned to nobody, or none": "\u0378\ufff0\uffff\U0010ffff",
	} {
		for _, r := range runes {
			if !unseen.Rune(r) {
				t.Errorf("%s: %U counts as seen", what, r)
			}
		}
	}
	if !unseen.Rune(-1) {
		t.Error("what is no rune counts as seen")
	}
	for _, r := range " a~é漢ي\u0301\u00a0\u3000\u2801😀⚠\ufffd" {
		if unseen.Rune(r) {
			t.Errorf("%U counts as unseen", r)
		}
	}
}

package report

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	variable = regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6});`)
	dark     = "@media screen and (prefers-color-scheme: dark)"
)

// palette reads the colours of both schemes.
func palette(t *testing.T) (light, night map[string]string) {
	t.Helper()
	before, after, found := strings.Cut(style, dark)
	after, _, closed := strings.Cut(after, "\n}\n")
	if !found || !closed {
		t.Fatal("the style sheet has no dark scheme")
	}
	read := func(css string) map[string]string {
		colours := map[string]string{}
		for _, m := range variable.FindAllStringSubmatch(css, -1) {
			colours[m[1]] = m[2]
		}
		return colours
	}
	light, night = read(before), read(after)
	if len(light) < 20 || len(light) != len(night) {
		t.Fatalf("%d colours in light, %d in dark", len(light), len(night))
	}
	return light, night
}

// contrast is WCAG's ratio of two colours, 1 to 21.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	luminance := func(hex string) float64 {
		n, err := strconv.ParseUint(hex, 16, 32)
		if err != nil {
			t.Fatalf("colour %q: %v", hex, err)
		}
		linear := func(c uint64) float64 {
			f := float64(c) / 255
			if f <= 0.04045 {
				return f / 12.92
			}
			return math.Pow((f+0.055)/1.055, 2.4)
		}
		return 0.2126*linear(n>>16) + 0.7152*linear(n>>8&0xff) + 0.0722*linear(n&0xff)
	}
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// WCAG 2 AA asks for 4.5 between text and what is behind it, and for 3 between a
// bar and what is around it.
func TestContrast(t *testing.T) {
	light, night := palette(t)
	code := "text quiet keyword string literal comment function type attribute"
	pairs := map[string]string{
		"ground":      "text quiet link ok bad warn",
		"paper":       code + " link ok bad warn info",
		"sunk":        "text quiet",
		"added":       code,
		"deleted":     code,
		"mark":        "text",
		"ok-ground":   "ok",
		"bad-ground":  "bad text link",
		"warn-ground": "warn text",
		"off-ground":  "off text",
	}
	for scheme, colours := range map[string]map[string]string{"light": light, "dark": night} {
		for ground, texts := range pairs {
			for text := range strings.FieldsSeq(texts) {
				if c := contrast(t, colours[ground], colours[text]); c < 4.5 {
					t.Errorf("%s: %s on %s has %.2f", scheme, text, ground, c)
				}
			}
		}
		for _, bar := range []string{"bar-running", "bar-checking", "bar-preparing", "bar-queued"} {
			if c := contrast(t, colours["paper"], colours[bar]); c < 3 {
				t.Errorf("%s: %s on paper has %.2f", scheme, bar, c)
			}
		}
	}
	if c := contrast(t, "000000", "ffffff"); c != 21 {
		t.Errorf("black on white has %v", c)
	}
}

func TestTheStyleSheetLoadsNothing(t *testing.T) {
	for _, word := range []string{"url(", "@import", "@font-face", "expression", "</"} {
		if strings.Contains(style, word) {
			t.Errorf("it holds %q", word)
		}
	}
}

package folding_test

import (
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/folding"
)

func TestNamesThatSomeFileSystemTakesForOne(t *testing.T) {
	for _, c := range []struct{ name, a, b string }{
		{"case", "README", "readme"},
		{"an accent in two forms", "caf\u00e9", "cafe\u0301"},
		{"an accent in two forms and cases", "CAFE\u0301", "caf\u00e9"},
		{"marks in another order", "a\u0323\u0307", "a\u0307\u0323"},
		{"Hangul in two forms", "\ud55c", "\u1112\u1161\u11ab"},
		{"sharp s", "stra\u00dfe", "STRASSE"},
		{"capital sharp s", "\u1e9e", "ss"},
		{"Kelvin sign", "\u212a", "k"},
		{"Angstrom sign", "\u212b", "\u00e5"},
		{"long s", "\u017f", "S"},
		{"dotted capital I", "\u0130", "i\u0307"},
		{"dotless i", "\u0131", "I"},
		{"final sigma", "\u03c2", "\u03a3"},
		{"iota below", "\u1fb3", "\u0391\u0399"},
		{"ligature", "\ufb01", "FI"},
		{"Cherokee", "\u13a0", "\uab70"},
		{"a space without width", "Makefile", "Make\u200bfile"},
		{"a soft hyphen", "ab", "a\u00adb"},
		{"a variation selector", "a\ufe0f", "A"},
		{"case around a byte that is no UTF-8", "A\xffB", "a\xffb"},
	} {
		if x, y := folding.Name(c.a), folding.Name(c.b); x != y {
			t.Errorf("%s: %q is %q, %q is %q", c.name, c.a, x, c.b, y)
		}
	}
	for _, c := range [][2]string{
		{"a", "b"}, {"a\xff", "a\xfe"}, {"a\xff", "a\ufffd"}, {"a\xff", "a"}, {"e", "\u00e9"}, {"a b", "ab"}, {"文", "書"}, {"а", "a"},
	} {
		if folding.Name(c[0]) == folding.Name(c[1]) {
			t.Errorf("%q and %q are both %q", c[0], c[1], folding.Name(c[0]))
		}
	}
}

func FuzzFoldingTwiceIsFoldingOnce(f *testing.F) {
	for _, s := range []string{"a", "\u0130\u0345", "\u13a0\uab70", "\xff\u0301", "\u1fb3\u0323", "ŉ", "\u1e9e\u200b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		once := folding.Name(name)
		if twice := folding.Name(once); twice != once {
			t.Errorf("%q: %q, then %q", name, once, twice)
		}
	})
}

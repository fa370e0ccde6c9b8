// Package folding says which names some file system takes for one.
package folding

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Name says which name, one part of a path, some file system may take for
// which other: those with the same fold. Case does not count (NTFS, APFS, ext4
// with casefold), nor does the Unicode form, nor characters without width
// (HFS+, ext4). It folds more than any single one of them.
//
// Bytes that are no UTF-8 count as they are: file systems that fold either
// refuse them or compare them byte by byte.
func Name(name string) string {
	if ascii(name) {
		return strings.ToLower(name)
	}
	// Upper case first: exFAT takes the dotless ı for I, which folding alone
	// keeps apart, and x/text folds Cherokee the wrong way round.
	var b strings.Builder
	for rest := norm.NFD.String(name); rest != ""; {
		r, n := utf8.DecodeRuneInString(rest)
		switch {
		case r == utf8.RuneError && n == 1:
			b.WriteByte(rest[0])
		case !unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point):
			b.WriteRune(unicode.ToUpper(r))
		}
		rest = rest[n:]
	}
	return norm.NFC.String(cases.Fold().String(b.String()))
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

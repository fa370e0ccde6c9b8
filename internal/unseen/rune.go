// Package unseen says which characters a person cannot see. Text from outside
// must not smuggle them past a reader's eye, on a screen, on a page or in a name.
package unseen

import "unicode"

// Rune reports whether r has no picture of its own, or changes that of others:
// control and format characters (escapes, bidirectional overrides, characters
// without width, tags), line and paragraph separators, fillers, the empty
// braille cell, and code points that are private or that nobody has assigned.
// Blanks of any width are seen.
//
// Variation selectors are among them though some emoji carry one: they can
// smuggle text, and terminals do not agree about the width that they give.
func Rune(r rune) bool {
	return !unicode.IsGraphic(r) || r == emptyBraille ||
		unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// emptyBraille is a symbol to Unicode, and leaves no ink.
const emptyBraille = '\u2800'

package journal

import (
	"cmp"
	"unicode/utf8"
)

// PageOf does with a text what ReadPage does with a file.
func PageOf(text string, cursor int64, limit int) (page string, next, total int64, more bool, err error) {
	if cursor < 0 || limit < 0 {
		return "", 0, 0, false, negative()
	}
	b := []byte(text)
	total = int64(len(b))
	if cursor >= total {
		return "", cursor, total, false, nil
	}
	start := boundary(b, int(cursor))
	end := boundary(b, int(cursor+min(int64(cmp.Or(limit, pageLimit)), total-cursor)))
	if end <= start { // a limit that is smaller than the character
		_, size := utf8.DecodeRune(b[start:])
		end = start + size
	}
	return string([]rune(string(b[start:end]))), int64(end), total, int64(end) < total, nil
}

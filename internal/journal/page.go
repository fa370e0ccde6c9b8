package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// pageLimit is the size of a page if the caller names none, in bytes.
const pageLimit = 20_000

// ReadPage gives the characters of a file from byte offset cursor on, limit bytes
// of them or a few less, but at least one; 0 means 20,000. next is the offset of
// what follows, total the size of the file by now, and more is true if there is
// more to read now.
//
// A page begins and ends between characters: a cursor inside of one gives that
// one too, and whoever begins with 0 and goes on with next reads everything once.
// text is UTF-8: each byte of the file that is not is given as U+FFFD, so that it
// may have three times as many bytes as were read. A file that grows may end
// within a character, whose bytes then count as such.
//
// A cursor beyond the end is an empty page, and a negative one a refusal. No
// symbolic link is followed.
func (d Dir) ReadPage(name string, cursor int64, limit int) (text string, next, total int64, more bool, err error) {
	if cursor < 0 || limit < 0 {
		return "", 0, 0, false, negative()
	}
	f, total, err := d.open(name)
	if err != nil {
		return "", 0, 0, false, err
	}
	defer f.Close()
	if cursor >= total {
		return "", cursor, total, false, nil
	}
	size := min(int64(cmp.Or(limit, pageLimit)), total-cursor)
	// The page, and as much on both sides as a character could reach beyond it.
	const reach = utf8.UTFMax - 1
	from := max(0, cursor-reach)
	b := make([]byte, min(total, cursor+size+reach)-from)
	n, err := f.ReadAt(b, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", 0, 0, false, fmt.Errorf("read %s from the journal: %w", name, cause(err))
	}
	if n < len(b) { // it has been cut meanwhile
		b, total = b[:n], from+int64(n)
	}
	text, end := characters(b, min(int(cursor-from), n), min(int(cursor-from+size), n))
	next = from + int64(end)
	return text, next, total, next < total, nil
}

// PageOf does with a text what ReadPage does with a file.
func PageOf(text string, cursor int64, limit int) (page string, next, total int64, more bool, err error) {
	if cursor < 0 || limit < 0 {
		return "", 0, 0, false, negative()
	}
	total = int64(len(text))
	if cursor >= total {
		return "", cursor, total, false, nil
	}
	size := min(int64(cmp.Or(limit, pageLimit)), total-cursor)
	page, end := characters([]byte(text), int(cursor), int(cursor+size))
	return page, int64(end), total, int64(end) < total, nil
}

// characters gives those that begin at from or have it inside, up to the one that
// to lies in, but at least one, and where they end.
func characters(b []byte, from, to int) (text string, end int) {
	start, end := boundary(b, from), boundary(b, to)
	if end <= start && start < len(b) { // a limit that is smaller than the character
		_, size := utf8.DecodeRune(b[start:])
		end = start + size
	}
	// A byte for each U+FFFD, where strings.ToValidUTF8 would have one for a run of
	// them, in which the end of a page would show.
	return string([]rune(string(b[start:end]))), end
}

func negative() *task.Refusal {
	return &task.Refusal{
		Where: "cursor", What: "A negative cursor or limit means nothing.",
		Mend: "Begin with 0 and go on with next_cursor.",
	}
}

// boundary moves i back to the beginning of the character that it lies in.
// Bytes that are no UTF-8 are characters of their own.
func boundary(b []byte, i int) int {
	for j := i - 1; j >= max(0, i-utf8.UTFMax+1); j-- {
		if utf8.RuneStart(b[j]) {
			if _, size := utf8.DecodeRune(b[j:]); j+size > i {
				return j
			}
			break
		}
	}
	return i
}

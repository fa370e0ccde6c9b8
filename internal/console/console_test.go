package console_test

import (
	"bytes"
	"strings"
	"sync"
)

// hostile is text that would do harm on a terminal: it clears the screen, sets
// the window's title, asks for an answer on stdin, overwrites its own line,
// reads backwards, hides, and breaks UTF-8 with an eight-bit CSI.
const hostile = "a\x1b[2J\x1b]0;pwned\x07\x1b[6n\rb\u202ec\u200bd\u2066e\U000e0041f\x9b31mg\u009bh\x7fi\u2028j\ufe0fk"

// seen is hostile as it must be shown.
const seen = `a\x1b[2J\x1b]0;pwned\a\x1b[6n\rb\u202ec\u200bd\u2066e\U000e0041f\x9b31mg\u009bh\x7fi\u2028j\ufe0fk`

// buffer is a writer that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *buffer) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.b.Reset()
}

// raw finds what must never reach a terminal: control characters other than
// line ends and tabs, and escape sequences other than colours.
func raw(s string) string {
	s = sgr.ReplaceAllString(s, "")
	if i := strings.IndexFunc(s, func(r rune) bool {
		return r != '\n' && r != '\t' && (r < ' ' || r == 0x7f || 0x80 <= r && r < 0xa0 ||
			0x202a <= r && r <= 0x202e || 0x2066 <= r && r <= 0x2069 || r == 0x200b || r == 0x2028 || r == 0xfffd)
	}); i >= 0 {
		return s[i:min(len(s), i+20)]
	}
	return ""
}

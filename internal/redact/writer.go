package redact

import (
	"bytes"
	"io"
)

const (
	// piece bounds how much is worked on at once.
	piece = 32 << 10
	// context is how much of what has been read is kept to look back: the length
	// of a JSON escape and a little.
	context = 8
	// maxPEM ends a private key that has no end.
	maxPEM = 32 << 10
)

// Writer hides secrets in what is written to it. What it writes depends only on
// the bytes, not on how they are cut into writes. It holds back only what may
// be the start of a secret, so a line comes out with its newline, unless a
// private key is open. It is for one goroutine.
type Writer struct {
	out io.Writer
	s   *Secrets
	err error

	// buf holds context that has been read, then what has not been decided.
	buf []byte
	at  int // where the undecided part begins
	// odd says whether an odd number of backslashes went before buf.
	odd bool

	run     *rule // a secret of this rule goes on
	dropped int   // bytes of it, for maxPEM
	clean   []byte

	// onHit, if set, is told of each secret with its offset in the whole text.
	onHit func(rule string, offset int)
	base  int // offset of buf[0]
}

// New makes a Writer in front of w. Close it to get the last bytes out.
func New(w io.Writer, s *Secrets) *Writer {
	return &Writer{out: w, s: s}
}

// Write takes all of p, or gives the error of the writer behind, again and
// again once there was one.
func (w *Writer) Write(p []byte) (int, error) {
	n := 0
	for n < len(p) && w.err == nil {
		k := min(piece, len(p)-n)
		w.buf = append(w.buf, p[n:n+k]...)
		n += k
		w.work(false)
	}
	if w.err != nil {
		return 0, w.err
	}
	return n, nil
}

// Close writes what was held back. It does not close the writer behind.
func (w *Writer) Close() error {
	if w.err == nil {
		w.work(true)
	}
	return w.err
}

// work decides about as much of buf as can be decided, and passes it on.
func (w *Writer) work(final bool) {
	w.clean = w.clean[:0]
	for w.step(final) {
	}
	if len(w.clean) > 0 {
		if _, err := w.out.Write(w.clean); err != nil {
			w.err = err
		}
	}
	w.forget()
}

// forget drops what has been read, but for the context.
func (w *Writer) forget() {
	drop := w.at - context
	if drop <= 0 {
		return
	}
	w.odd = w.escaped(drop)
	w.buf = w.buf[:copy(w.buf, w.buf[drop:])]
	w.at -= drop
	w.base += drop
}

// step passes plain bytes on, or hides one secret, or drops some of one. It is
// false when the rest cannot be decided, or there is none.
func (w *Writer) step(final bool) bool {
	if w.run != nil {
		return w.drop(final)
	}
	b, s, from := w.buf, w.s, w.at
	i := from
	for ; i+2 < len(b); i++ {
		t := s.table[uint16(b[i])<<8|uint16(b[i+1])]
		if t == 0 || !s.buckets[t].third[b[i+2]] {
			continue
		}
		h, v := s.match(b, i, final)
		switch v {
		case needMore:
			w.pass(from, i)
			return false
		case found:
			return w.hide(from, h, final)
		}
	}
	for ; i < len(b) && !final; i++ {
		if s.first[b[i]] && (i+1 == len(b) || s.table[uint16(b[i])<<8|uint16(b[i+1])] != 0) {
			w.pass(from, i)
			return false
		}
	}
	w.pass(from, len(b))
	return false
}

// pass lets bytes through.
func (w *Writer) pass(from, to int) {
	w.clean = append(w.clean, w.buf[from:to]...)
	w.at = to
}

// hide replaces a secret. A JSON escape that begins before it or ends after it
// stays whole, or goes whole: "\npm_…" begins with a newline.
func (w *Writer) hide(from int, h hit, final bool) bool {
	keep := w.escapeTail(h.from)
	to := h.to
	if h.run == nil && w.escaped(to) {
		// The last byte is a backslash that escapes what follows.
		more := 1
		if to < len(w.buf) && w.buf[to] == 'u' {
			more = 5
		}
		if to+more > len(w.buf) && !final {
			w.pass(from, h.from)
			return false
		}
		to = min(to+more, len(w.buf))
	}
	w.pass(from, min(h.from+keep, to))
	w.clean = append(w.clean, h.marker...)
	if w.onHit != nil {
		w.onHit(h.rule, w.base+h.from)
	}
	w.at, w.run, w.dropped = to, h.run, 0
	return true
}

// drop goes over the rest of a secret that a rule has found. A known value that
// begins in it and goes beyond it belongs to it.
func (w *Writer) drop(final bool) bool {
	for w.at < len(w.buf) {
		n, v := w.runStep(final)
		if v == needMore {
			return false
		}
		if v == nothing {
			w.run = nil
			return true
		}
		w.at += n
		w.dropped += n
	}
	return false
}

// runStep says how many bytes at the start of the undecided part belong to the
// run; nothing means that it is over.
func (w *Writer) runStep(final bool) (int, verdict) {
	b, i := w.buf, w.at
	if i+1 < len(b) {
		if t := w.s.table[uint16(b[i])<<8|uint16(b[i+1])]; t != 0 {
			if h, v := matchForms(w.s.buckets[t].forms, b, i, final); v != nothing {
				return h.to - i, v
			}
		}
	} else if !final && w.s.first[b[i]] {
		return 0, needMore
	}
	if w.run.kind != "pem" {
		if w.run.body[b[i]] {
			return 1, found
		}
		return 0, nothing
	}
	if w.dropped > maxPEM {
		return 0, nothing
	}
	rest := b[i:]
	if bytes.HasPrefix(rest, []byte(pemEnd)) {
		n, v := label(rest, len(pemEnd), final)
		if v == found {
			w.dropped = maxPEM // the label is the last of it
		}
		if v != nothing {
			return n, v
		}
	} else if !final && bytes.HasPrefix([]byte(pemEnd), rest) {
		return 0, needMore
	}
	return pemStep(b, i, final)
}

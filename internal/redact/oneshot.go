package redact

import (
	"bytes"
	"cmp"
	"io"
	"slices"
)

// Match is a secret that Find has found. It does not hold the secret.
type Match struct {
	// Rule is the name of a known value or of a rule of policies/secrets.json or
	// policies/gitleaks.toml.
	Rule string
	// Line counts from 1.
	Line int
}

// String gives text without its secrets, as Clean does, as far as that goes.
func (s *Secrets) String(text string) string {
	clean, _ := s.Clean(text)
	return clean
}

// Clean gives text without its secrets. Unlike a Writer, it sees all of text, and
// so also hides what the patterns of policies/gitleaks.toml find; text may be a
// patch. complete is false if it was made so that this would take too long: then
// some of its secrets may stand in clean.
func (s *Secrets) Clean(text string) (clean string, complete bool) {
	streamed := s.stream([]byte(text))
	work := workFor(len(streamed))
	spans, complete := s.patterns.scan(streamed, &work)
	var out bytes.Buffer
	out.Grow(len(streamed))
	at := 0
	for _, sp := range spans {
		out.Write(streamed[at:sp.from])
		out.Write(marker(sp.p.name))
		at = sp.to
	}
	out.Write(streamed[at:])
	return out.String(), complete
}

// stream gives b as a Writer would write it.
func (s *Secrets) stream(b []byte) []byte {
	var out bytes.Buffer
	out.Grow(len(b))
	s.run(&out, b, nil)
	return out.Bytes()
}

// Search finds secrets in several texts, for all of which together there is as
// much time as for one of that size. It is not safe for concurrent use.
type Search struct {
	secrets *Secrets
	work    int
}

// Search begins one.
func (s *Secrets) Search(size int) *Search { return &Search{s, workFor(size)} }

// Find lists the secrets in b in order.
func (s *Secrets) Find(b []byte) (all []Match, complete bool) { return s.Search(len(b)).Find(b) }

// Find lists the secrets in b in order. On a line where a secret of the rules of
// secrets.json begins, it does not look for more: what the patterns find there
// is mostly the same. complete is false if the texts were made so that a search by
// all patterns would take too long: then some were not looked for everywhere.
func (q *Search) Find(b []byte) (all []Match, complete bool) {
	s := q.secrets
	at := lines{text: b}
	taken := map[int]bool{}
	s.run(io.Discard, b, func(rule string, offset int) {
		n := at.of(offset)
		taken[n] = true
		all = append(all, Match{rule, n})
	})
	spans, complete := s.patterns.scan(b, &q.work)
	at = lines{text: b}
	for _, sp := range spans {
		if n := at.of(sp.from); !taken[n] {
			all = append(all, Match{sp.p.name, n})
		}
	}
	slices.SortStableFunc(all, func(a, b Match) int { return cmp.Compare(a.Line, b.Line) })
	return all, complete
}

// lines counts the lines of a text up to offsets that only grow.
type lines struct {
	text       []byte
	seen, line int
}

func (l *lines) of(offset int) int {
	l.line += bytes.Count(l.text[l.seen:offset], []byte("\n"))
	l.seen = offset
	return l.line + 1
}

// run works through b at once. Neither writer here ever fails.
func (s *Secrets) run(out io.Writer, b []byte, onHit func(string, int)) {
	w := New(out, s)
	w.onHit = onHit
	_, _ = w.Write(b)
	_ = w.Close()
}

package redact

import (
	"bytes"
	"io"
)

// Match is a secret that Find has found. It does not hold the secret.
type Match struct {
	// Rule is the name of a known value or of a rule of policies/secrets.json.
	Rule string
	// Line counts from 1.
	Line int
}

// Bytes gives b without its secrets.
func (s *Secrets) Bytes(b []byte) []byte {
	var out bytes.Buffer
	out.Grow(len(b))
	s.run(&out, b, nil)
	return out.Bytes()
}

// String gives text without its secrets.
func (s *Secrets) String(text string) string { return string(s.Bytes([]byte(text))) }

// Find lists the secrets in b in order.
func (s *Secrets) Find(b []byte) []Match {
	var all []Match
	line, counted := 1, 0
	s.run(io.Discard, b, func(rule string, offset int) {
		line += bytes.Count(b[counted:offset], []byte("\n"))
		counted = offset
		all = append(all, Match{rule, line})
	})
	return all
}

// run works through b at once. Neither writer here ever fails.
func (s *Secrets) run(out io.Writer, b []byte, onHit func(string, int)) {
	w := New(out, s)
	w.onHit = onHit
	_, _ = w.Write(b)
	_ = w.Close()
}

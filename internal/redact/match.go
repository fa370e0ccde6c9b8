package redact

import "bytes"

// verdict is what can be said about one place of a text that may go on.
type verdict int

const (
	nothing  verdict = iota // no secret begins here
	found                   // one does
	needMore                // that depends on what follows
)

// hit is a secret in a text.
type hit struct {
	rule   string
	marker []byte
	// from and to bound what is replaced; to is where reading goes on.
	from, to int
	// run is what is dropped as well while it lasts; nil for a known value.
	run *rule
}

// match says whether a secret begins at b[i]. final says that b is all there is.
func (s *Secrets) match(b []byte, i int, final bool) (hit, verdict) {
	bucket := &s.buckets[s.table[uint16(b[i])<<8|uint16(b[i+1])]]
	if h, v := matchForms(bucket.forms, b, i, final); v != nothing {
		return h, v
	}
	for k := range bucket.rules {
		r := &bucket.rules[k]
		n, v := r.match(b, i, final)
		switch v {
		case needMore:
			return hit{}, needMore
		case found:
			h := hit{rule: r.name, marker: r.marker, from: i, to: i + n, run: r}
			if r.keepPrefix {
				h.from += len(r.prefix)
			}
			return h, found
		}
	}
	return hit{}, nothing
}

// matchForms looks for known values; the longest form wins, also if that takes
// waiting for more.
func matchForms(forms []form, b []byte, i int, final bool) (hit, verdict) {
	rest := b[i:]
	for _, f := range forms {
		if bytes.HasPrefix(rest, f.text) {
			return hit{rule: string(f.marker[len("[REDACTED:") : len(f.marker)-1]), marker: f.marker, from: i, to: i + len(f.text)}, found
		}
		if !final && bytes.HasPrefix(f.text, rest) {
			return hit{}, needMore
		}
	}
	return hit{}, nothing
}

// match says whether the rule's secret begins at b[i], and how many bytes prove
// it; what belongs to it beyond them is dropped as a run.
func (r *rule) match(b []byte, i int, final bool) (int, verdict) {
	rest := b[i:]
	if !bytes.HasPrefix(rest, r.prefix) {
		if !final && bytes.HasPrefix(r.prefix, rest) {
			return 0, needMore
		}
		return 0, nothing
	}
	switch r.kind {
	case "pem":
		return matchPEM(rest, final)
	case "jwt":
		if wordBefore(b, i) {
			return 0, nothing
		}
		return matchJWT(rest, final)
	}
	if r.word && wordBefore(b, i) {
		return 0, nothing
	}
	digit := !r.digit
	n := len(r.prefix)
	for end := n + r.min; n < end; n++ {
		if n == len(rest) {
			return 0, undecided(final)
		}
		c := rest[n]
		if !r.body[c] {
			return 0, nothing
		}
		digit = digit || c >= '0' && c <= '9'
	}
	if !digit {
		return 0, nothing
	}
	return n, found
}

func undecided(final bool) verdict {
	if final {
		return nothing
	}
	return needMore
}

// wordBefore says whether a letter or digit stands before b[i] that is not part
// of a JSON escape such as \n or \u001b.
func wordBefore(b []byte, i int) bool {
	if i == 0 {
		return false
	}
	c := b[i-1] | 0x20
	if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
		return false
	}
	return !(i >= 2 && b[i-2] == '\\' && bytes.IndexByte([]byte("nrtbf"), b[i-1]) >= 0) &&
		!(i >= 6 && b[i-6] == '\\' && b[i-5] == 'u')
}

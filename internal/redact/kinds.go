package redact

import "bytes"

// Marks of what is recognised by code.
const (
	pemBegin = "-----BEGIN "
	pemEnd   = "-----END "
	jwtBegin = "eyJ" // base64 of {"

	maxLabel     = 64   // bytes of a PEM label
	maxJWTHeader = 1024 // bytes of a JWT's header
	maxPEMGap    = 64   // blanks between a PEM label and the key
	minPEMBody   = 16   // bytes of a key that make a label more than a mention
)

var (
	tokenClass = must("A-Za-z0-9_.-")
	pemClass   = must("A-Za-z0-9+/=:,.() -")
)

// must is for classes that are constants; a bad one would be empty and fail
// every test.
func must(s string) [256]bool {
	set, _ := class(s)
	return set
}

// matchJWT takes a header, a dot, and the start of a payload.
func matchJWT(rest []byte, final bool) (int, verdict) {
	n := len(jwtBegin)
	for n < len(rest) && n < maxJWTHeader && tokenClass[rest[n]] && rest[n] != '.' {
		n++
	}
	if n == len(rest) {
		return 0, undecided(final)
	}
	const tail = "." + jwtBegin
	payload := rest[n:]
	if len(payload) > len(tail) {
		payload = payload[:len(tail)]
	}
	switch {
	case string(payload) == tail:
		return n + len(tail), found
	case !final && bytes.HasPrefix([]byte(tail), payload):
		return 0, needMore
	}
	return 0, nothing
}

// matchPEM takes the label of a private key with something of a key behind it:
// code that only mentions the label is no secret.
func matchPEM(rest []byte, final bool) (int, verdict) {
	n, v := label(rest, len(pemBegin), final)
	if v != found {
		return 0, v
	}
	name := rest[len(pemBegin) : n-len("-----")]
	if !bytes.HasSuffix(name, []byte("PRIVATE KEY")) && !bytes.HasSuffix(name, []byte("PRIVATE KEY BLOCK")) {
		return 0, nothing
	}
	for at, gap, body := n, 0, 0; ; {
		step, v := pemStep(rest, at, final)
		if v != found {
			return 0, v
		}
		if step > 1 || rest[at] <= ' ' {
			gap += step
		} else {
			body++
		}
		if body == minPEMBody {
			return n, found
		}
		if gap > maxPEMGap {
			return 0, nothing
		}
		at += step
	}
}

// label reads up to the five dashes that end a PEM label and gives where it ends.
func label(rest []byte, from int, final bool) (int, verdict) {
	for n := from; n < from+maxLabel; n++ {
		if n == len(rest) {
			return 0, undecided(final)
		}
		c := rest[n]
		if c == '-' {
			const dashes = "-----"
			tail := rest[n:min(n+len(dashes), len(rest))]
			switch {
			case string(tail) == dashes:
				return n + len(dashes), found
			case !final && bytes.HasPrefix([]byte(dashes), tail):
				return 0, needMore
			}
			return 0, nothing
		}
		if c != ' ' && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return 0, nothing
		}
	}
	return 0, nothing
}

// pemStep says how many bytes at b[i] are one character of a PEM body, which
// may stand in JSON, even JSON inside JSON: there a newline is one or more
// backslashes and an n.
func pemStep(b []byte, i int, final bool) (int, verdict) {
	const maxBackslashes = 8
	n := i
	for n < len(b) && b[n] == '\\' && n-i < maxBackslashes {
		n++
	}
	if n == len(b) {
		return 0, undecided(final)
	}
	c := b[n]
	switch {
	case n > i:
		if c == 'n' || c == 'r' || c == 't' {
			return n + 1 - i, found
		}
		return 0, nothing
	case pemClass[c], c == '\n', c == '\r', c == '\t':
		return 1, found
	}
	return 0, nothing
}

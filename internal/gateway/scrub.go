package gateway

import (
	"bytes"
	"regexp"
	"strings"
)

// scrubber hides known secrets in what passes, also across chunk borders. It
// keeps bytes back only while they may be the beginning of a secret, so a
// stream is not delayed.
type scrubber struct {
	secrets []string
	held    []byte
}

// minSecret keeps a test's "x" from being cut out of every word.
const minSecret = 8

// hide adds a secret.
func (s *scrubber) hide(secret string) {
	if len(secret) >= minSecret {
		s.secrets = append(s.secrets, secret)
	}
}

// hides says whether text holds a secret.
func (s *scrubber) hides(text string) bool {
	for _, secret := range s.secrets {
		if strings.Contains(text, secret) {
			return true
		}
	}
	return false
}

// next returns what may pass after chunk has come. The result is valid until
// the next call.
func (s *scrubber) next(chunk []byte) []byte {
	if len(s.secrets) == 0 {
		return chunk
	}
	buf := chunk
	if len(s.held) > 0 {
		buf = append(s.held, chunk...)
	}
	for _, secret := range s.secrets {
		if bytes.Contains(buf, []byte(secret)) {
			buf = bytes.ReplaceAll(buf, []byte(secret), []byte(hidden))
		}
	}
	cut := len(buf) - s.begun(buf)
	s.held = bytes.Clone(buf[cut:])
	return buf[:cut]
}

// rest returns what was kept back, when nothing more comes.
func (s *scrubber) rest() []byte {
	rest := s.held
	s.held = nil
	return rest
}

// begun is the length of the longest end of buf that begins a secret.
func (s *scrubber) begun(buf []byte) int {
	longest := 0
	for _, secret := range s.secrets {
		for n := min(len(secret)-1, len(buf)); n > longest; n-- {
			if string(buf[len(buf)-n:]) == secret[:n] {
				longest = n
				break
			}
		}
	}
	return longest
}

// keyLike finds API keys, also half-masked ones, as the provider shows them in
// its error messages: sk-proj-********abcd.
var keyLike = regexp.MustCompile(`\bsk-[A-Za-z0-9_*.-]{4,}`)

// scrubError hides secrets in an error body. One that is cut may end within a
// secret; that end goes, too.
func (s *scrubber) scrubError(body []byte, cut bool) []byte {
	for _, secret := range s.secrets {
		body = bytes.ReplaceAll(body, []byte(secret), []byte(hidden))
	}
	if cut {
		body = body[:len(body)-s.begun(body)]
	}
	return keyLike.ReplaceAll(body, []byte(hidden))
}

package redact

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/policies"
)

// minKnown is the length from which a known value is hidden. Shorter ones occur
// by chance, and hiding them would show where they do.
const minKnown = 8

// Known is a credential that must not be seen.
type Known struct {
	// Name says which, as in "codex-api-key"; it becomes part of the replacement.
	Name string
	// Value is the credential itself. Below 8 bytes it is not looked for.
	Value string
}

// Secrets is what to hide: known values and rules. It does not change, and may
// be used by many goroutines.
type Secrets struct {
	// table leads from the first two bytes of a secret to its bucket; 0 is none.
	table   [1 << 16]uint16
	first   [256]bool
	buckets []bucket
	// patterns are for texts that are there as a whole.
	patterns *patternSet
}

// bucket has the secrets that begin with the same two bytes. All have three.
type bucket struct {
	third [256]bool // what the third byte may be
	forms []form    // longest first
	rules []rule
}

// form is one way to write a known value.
type form struct {
	text   []byte
	marker []byte
}

// rule is one prefix of a policies.SecretRule.
type rule struct {
	name       string
	kind       string
	prefix     []byte
	body       [256]bool
	min        int
	digit      bool
	word       bool
	keepPrefix bool
	marker     []byte
}

// NewSecrets makes the set of the known values and the rules of
// policies/secrets.json and policies/gitleaks.toml. Its error can only come from a binary built with a
// broken file.
func NewSecrets(known ...Known) (*Secrets, error) {
	rules, err := policies.SecretRules()
	if err != nil {
		return nil, fmt.Errorf("prepare redaction: %w", err)
	}
	set, err := patterns()
	if err != nil {
		return nil, fmt.Errorf("prepare redaction: %w", err)
	}
	s := &Secrets{buckets: make([]bucket, 1), patterns: set}
	for _, k := range known {
		name := cleanName(k.Name)
		// A value that is part of a replacement could never be hidden.
		if len(k.Value) < minKnown || strings.Contains(string(marker(name)), k.Value) {
			continue
		}
		for _, text := range forms(k.Value) {
			b := s.bucket(text)
			b.forms = append(b.forms, form{[]byte(text), marker(name)})
		}
	}
	for _, r := range rules {
		if err := s.addRule(r); err != nil {
			return nil, fmt.Errorf("prepare redaction: rule %s: %w", r.Name, err)
		}
	}
	for i := range s.buckets {
		slices.SortStableFunc(s.buckets[i].forms, func(a, b form) int { return cmp.Compare(len(b.text), len(a.text)) })
	}
	return s, nil
}

func (s *Secrets) bucket(text string) *bucket {
	key := uint16(text[0])<<8 | uint16(text[1])
	if s.table[key] == 0 {
		s.buckets = append(s.buckets, bucket{})
		s.table[key] = uint16(len(s.buckets) - 1)
		s.first[text[0]] = true
	}
	b := &s.buckets[s.table[key]]
	b.third[text[2]] = true
	return b
}

func (s *Secrets) addRule(r policies.SecretRule) error {
	body, err := class(r.Body)
	if err != nil {
		return err
	}
	prefixes := r.Prefixes
	switch r.Kind {
	case "":
	case "pem":
		prefixes = []string{pemBegin}
	case "jwt":
		prefixes = []string{jwtBegin}
		body = tokenClass
	default:
		return fmt.Errorf("there is no kind %q", r.Kind)
	}
	for _, p := range prefixes {
		if len(p) < 3 || r.Kind == "" && r.Min < 1 {
			return fmt.Errorf("prefix %q or min %d is too short", p, r.Min)
		}
		b := s.bucket(p)
		b.rules = append(b.rules, rule{
			name: r.Name, kind: r.Kind, prefix: []byte(p), body: body, min: r.Min,
			digit: r.Digit, word: r.Word, keepPrefix: r.KeepPrefix, marker: marker(cleanName(r.Name)),
		})
	}
	return nil
}

// class reads "A-Za-z0-9_-".
func class(s string) (set [256]bool, err error) {
	for i := 0; i < len(s); i++ {
		from, to := s[i], s[i]
		if i+2 < len(s) && s[i+1] == '-' {
			to = s[i+2]
			i += 2
		}
		if from > to || to > '~' || from < ' ' || from <= '"' && '"' <= to || from <= '\\' && '\\' <= to {
			return set, fmt.Errorf("bad character class %q", s)
		}
		for c := int(from); c <= int(to); c++ {
			set[c] = true
		}
	}
	return set, nil
}

func marker(name string) []byte { return []byte("[REDACTED:" + name + "]") }

// cleanName keeps a name harmless inside JSON and in a terminal.
func cleanName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, strings.ToLower(s))
	if s == "" {
		return "secret"
	}
	return s[:min(len(s), 40)]
}

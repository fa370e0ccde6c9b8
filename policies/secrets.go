package policies

import (
	_ "embed" // secrets.json
	"sync"
)

// SecretRule describes a kind of secret by its looks: one that shows within a
// few bytes, wherever a stream is cut and however JSON escapes it. For texts that
// are there as a whole there are SecretPatterns as well. The first rule that
// fits names it.
type SecretRule struct {
	Name string `json:"name"`
	// Kind is "pem" or "jwt" for what is recognised by code; else empty, and a
	// secret is a prefix followed by at least Min characters of Body.
	Kind     string   `json:"kind,omitempty"`
	Prefixes []string `json:"prefixes,omitempty"`
	// Body is a character class as in a regular expression, without brackets.
	Body string `json:"body,omitempty"`
	Min  int    `json:"min,omitempty"`
	// Digit asks for a digit among the first Min characters: words have none.
	Digit bool `json:"digit,omitempty"`
	// Word asks that no letter or digit stands before the prefix.
	Word bool `json:"word,omitempty"`
	// KeepPrefix says that the prefix is no part of the secret.
	KeepPrefix bool `json:"keep_prefix,omitempty"`
}

//go:embed secrets.json
var secretsJSON []byte

var secrets = sync.OnceValues(func() ([]SecretRule, error) {
	return decode[[]SecretRule]("secrets.json", secretsJSON)
})

// SecretRules gives secrets.json. They are shared: do not change them.
func SecretRules() ([]SecretRule, error) { return secrets() }

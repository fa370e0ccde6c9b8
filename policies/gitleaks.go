package policies

import (
	"bytes"
	_ "embed" // gitleaks.toml
	"fmt"
	"sync"

	"github.com/pelletier/go-toml/v2"
)

// SecretPatterns are the rules of gitleaks for what looks like a secret. The
// file is config/gitleaks.toml of gitleaks v8.30.1 as it is (MIT,
// gitleaks.LICENSE); to take a newer one, copy it. What of it is in force is
// said in package redact.
type SecretPatterns struct {
	Title       string          `toml:"title"`
	Description string          `toml:"description"`
	MinVersion  string          `toml:"minVersion"`
	Allowlist   SecretAllowed   `toml:"allowlist"`
	Rules       []SecretPattern `toml:"rules"`
}

// SecretPattern is one kind of secret.
type SecretPattern struct {
	ID          string `toml:"id"`
	Description string `toml:"description"`
	// Regex is Go's. The secret is the group SecretGroup or, if that is 0, the
	// first group that is not empty or, if there is none, all of the match.
	Regex       string `toml:"regex"`
	SecretGroup int    `toml:"secretGroup"`
	// Path is of the file that the rule is for; a rule may have no more than that.
	Path string `toml:"path"`
	// Entropy in bits for each byte is what a secret must be above.
	Entropy float64 `toml:"entropy"`
	// Keywords: one must be in the text, in any case of letters.
	Keywords   []string        `toml:"keywords"`
	Allowlists []SecretAllowed `toml:"allowlists"`
}

// SecretAllowed is what looks like a secret and is none.
type SecretAllowed struct {
	Description string `toml:"description"`
	// Condition is "AND" if everything must be met; else one thing is enough.
	Condition string   `toml:"condition"`
	Paths     []string `toml:"paths"`
	// RegexTarget is what Regexes are held against: "match", "line", or else the
	// secret.
	RegexTarget string   `toml:"regexTarget"`
	Regexes     []string `toml:"regexes"`
	// StopWords are parts of the secret, in any case of letters.
	StopWords []string `toml:"stopwords"`
}

//go:embed gitleaks.toml
var gitleaksTOML []byte

var secretPatterns = sync.OnceValues(func() (*SecretPatterns, error) {
	return decodePatterns(gitleaksTOML)
})

// GitleaksRules gives gitleaks.toml. They are shared: do not change them.
func GitleaksRules() (*SecretPatterns, error) { return secretPatterns() }

func decodePatterns(b []byte) (*SecretPatterns, error) {
	var p SecretPatterns
	if err := toml.NewDecoder(bytes.NewReader(b)).DisallowUnknownFields().Decode(&p); err != nil {
		return nil, fmt.Errorf("decode policies/gitleaks.toml: %w", err)
	}
	return &p, nil
}

package policies

import (
	_ "embed" // environment.json
	"maps"
	"slices"
	"strings"
	"sync"
)

// Environment says which variables a sandbox has and where they come from.
type Environment struct {
	// Variables are by name; whatever is not here does not pass.
	Variables map[string]Variable `json:"variables"`
	// NeverSuffixes end the names that never pass, in any case of letters.
	NeverSuffixes []string `json:"never_suffixes"`
}

// Variable is where one environment variable comes from.
type Variable struct {
	// From is "sandbox" (the sandbox computes it), "policy" (Value), or "host"
	// (the host's value passes, if it has one).
	From  string `json:"from"`
	Value string `json:"value,omitempty"`
}

//go:embed environment.json
var environmentJSON []byte

var environment = sync.OnceValues(func() (Environment, error) {
	return decode[Environment]("environment.json", environmentJSON)
})

// EnvironmentRules gives a copy of environment.json.
func EnvironmentRules() (Environment, error) {
	e, err := environment()
	e.Variables, e.NeverSuffixes = maps.Clone(e.Variables), slices.Clone(e.NeverSuffixes)
	return e, err
}

// Never says whether a variable of this name looks like a secret.
func (e Environment) Never(name string) bool {
	name = strings.ToUpper(name)
	return slices.ContainsFunc(e.NeverSuffixes, func(s string) bool {
		return strings.HasSuffix(name, strings.ToUpper(s))
	})
}

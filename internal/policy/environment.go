package policy

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/codex-mcp-runner/codex-mcp-runner/policies"
)

// maxEnvValue is longer than any sensible value of a variable that may pass.
const maxEnvValue = 1024

// Environment gives the variables of a sandbox: those with a fixed value, and
// those that pass from the host's environment, which is in the form of
// os.Environ. PATH and HOME are the sandbox's own and not among them. Names that
// look like secrets never pass, whatever policies/environment.json says, and a
// host value with control characters does not either.
func Environment(host []string) (map[string]string, error) {
	rules, err := policies.EnvironmentRules()
	if err != nil {
		return nil, fmt.Errorf("decide the environment: %w", err)
	}
	return environmentBy(rules, host), nil
}

func environmentBy(rules policies.Environment, host []string) map[string]string {
	env := map[string]string{}
	for name, v := range rules.Variables {
		if v.From == "policy" && !rules.Never(name) {
			env[name] = v.Value
		}
	}
	for _, line := range host {
		name, value, ok := strings.Cut(line, "=")
		if !ok || rules.Variables[name].From != "host" || rules.Never(name) {
			continue
		}
		if len(value) <= maxEnvValue && utf8.ValidString(value) && !strings.ContainsFunc(value, unicode.IsControl) {
			env[name] = value
		}
	}
	return env
}

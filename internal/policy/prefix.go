package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/policies"
)

// longestPrefix gives how many words of the longest allowed prefix the command
// begins with; 0 if none matches.
func (c *checker) longestPrefix(words []word) int {
	longest := 0
	for _, p := range c.rules.Allowed {
		prefix := strings.Fields(p)
		if len(prefix) <= longest || len(prefix) > len(words) || prefixProblem(c.known, p) != "" {
			continue
		}
		if slices.EqualFunc(prefix, words[:len(prefix)], func(want string, w word) bool { return w.literal && w.text == want }) {
			longest = len(prefix)
		}
	}
	return longest
}

// prefixProblem says what is wrong with a command prefix; empty if nothing is.
func prefixProblem(known *policies.Commands, prefix string) string {
	const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 -_./:=@+,%"
	words := strings.Fields(prefix)
	switch {
	case len(words) == 0:
		return "is empty"
	case len(prefix) > 256:
		return fmt.Sprintf("has %d bytes, and the limit is 256", len(prefix))
	case strings.ContainsFunc(prefix, func(r rune) bool { return !strings.ContainsRune(plain, r) }):
		return "holds a character that means something to a shell, or that is no plain ASCII"
	case strings.Contains(words[0], "="):
		return "begins with an assignment"
	case strings.HasPrefix(words[0], "-"):
		return "begins with a flag"
	case slices.Contains(known.Never, words[0]):
		return fmt.Sprintf("begins with %s, which can run anything", words[0])
	case slices.Contains(known.Editing, words[0]):
		return fmt.Sprintf("begins with %s, which is always allowed", words[0])
	case slices.Contains(known.Shells, words[0]) && (len(words) < 2 || strings.HasPrefix(words[1], "-")):
		return "lets a shell run anything"
	}
	return ""
}

func (r *refusals) checkCommands(where string, prefixes []string) {
	known, err := policies.CommandRules()
	if err != nil {
		r.join(fmt.Errorf("check commands: %w", err))
		return
	}
	if len(prefixes) > maxList {
		r.add(where, fmt.Sprintf("There are %d command prefixes, and the limit is %d.", len(prefixes), maxList), "Use fewer, shorter prefixes.")
		return
	}
	for i, p := range prefixes {
		if problem := prefixProblem(known, p); problem != "" {
			r.add(fmt.Sprintf("%s[%d]", where, i), fmt.Sprintf("The command prefix %q %s.", clip(p), problem),
				`Write plain words such as "npm test" or "bash scripts/check.sh"; put anything longer into a script.`)
		}
	}
}

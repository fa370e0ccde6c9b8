package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/policies"
)

// smallNumber is an argument such as the -1 of "find -mtime -1".
var smallNumber = regexp.MustCompile(`^-[0-9]{1,9}[A-Za-z]?$`)

// inspect decides about the arguments of a program that may look around. It
// gives the reason for a refusal, or nothing.
func (c *checker) inspect(rule policies.Inspection, name string, args []word) string {
	if rule.Free() {
		return ""
	}
	if rule.Subcommands != nil {
		return c.subcommand(rule, name, args)
	}
	operands := 0
	for _, a := range args {
		if !a.literal {
			if a.mayBeFlag() {
				return fmt.Sprintf("An argument of %s that may expand to a flag is not allowed; write ./ before a wildcard, and values in place of variables.", name)
			}
			if rule.MaxOperands != nil && a.many {
				return fmt.Sprintf("A wildcard is not allowed for %s; name the files.", name)
			}
		}
		if len(a.text) < 2 || a.text[0] != '-' {
			operands++
			continue
		}
		if rule.Only != nil && !onlyFlags(rule.Only, a.text) {
			return fmt.Sprintf("%s may not be given %q, since it could change or run something; for looking, use %s.", name, clip(a.text), someFlags(rule.Only))
		}
		if flag := deniedFlag(rule.Refuse, rule.Values, a.text); flag != "" {
			return fmt.Sprintf("%s %s writes, runs or waits for something and is not allowed; leave it out.", name, flag)
		}
	}
	if rule.MaxOperands != nil && operands > *rule.MaxOperands {
		return fmt.Sprintf("%s may have at most %d arguments that are no flags, since it would write to more.", name, *rule.MaxOperands)
	}
	switch rule.Check {
	case "":
		return ""
	case "sed":
		return checkSed(args)
	case "directory":
		return c.checkDirectory(args)
	default:
		return fmt.Sprintf("%s is not allowed: its rule %q is unknown.", name, rule.Check)
	}
}

func (c *checker) subcommand(rule policies.Inspection, name string, args []word) string {
	i := 0
	for i < len(args) && args[i].literal && slices.Contains(rule.Global, args[i].text) {
		i++
	}
	if i == len(args) {
		return fmt.Sprintf("%s needs a subcommand; use %s.", name, subcommands(rule))
	}
	sub, ok := rule.Subcommands[args[i].text]
	if !ok || !args[i].literal {
		return fmt.Sprintf("%s %s is not allowed; for looking, use %s.", name, clip(args[i].text), subcommands(rule)) + " " + c.whatIsAllowed()
	}
	return c.inspect(sub, name+" "+args[i].text, args[i+1:])
}

func subcommands(rule policies.Inspection) string {
	var names []string
	for name := range rule.Subcommands {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// someFlags lists flags, at most twelve.
func someFlags(flags []string) string {
	const most = 12
	if len(flags) == 0 {
		return "no flags"
	}
	if len(flags) > most {
		return strings.Join(flags[:most], ", ") + " …"
	}
	return strings.Join(flags, ", ")
}

// onlyFlags says whether a word is one of the flags, a number, or a cluster of
// the short ones.
func onlyFlags(flags []string, w string) bool {
	name, _, _ := strings.Cut(w, "=")
	if slices.Contains(flags, name) || smallNumber.MatchString(w) {
		return true
	}
	if strings.HasPrefix(w, "--") {
		return false
	}
	for _, letter := range w[1:] {
		if !slices.Contains(flags, "-"+string(letter)) {
			return false
		}
	}
	return true
}

// deniedFlag gives the flag of refuse that a word is, abbreviates or contains;
// empty if none. values are the short flags that take the rest of their word.
func deniedFlag(refuse []string, values, w string) string {
	if len(w) < 2 || w[0] != '-' {
		return ""
	}
	name, _, _ := strings.Cut(w, "=")
	for _, f := range refuse {
		switch {
		case name == f:
			return f
		case strings.HasPrefix(f, "--"):
			if len(name) > 2 && strings.HasPrefix(f, name) {
				return f
			}
		case len(f) == 2 && !strings.HasPrefix(w, "--"):
			for _, letter := range w[1:] {
				if letter == rune(f[1]) {
					return f
				}
				if strings.ContainsRune(values, letter) {
					break
				}
			}
		}
	}
	return ""
}

// checkDirectory takes one directory of the workspace. A relative one is taken
// too, though the script may start anywhere: cd alone does no harm.
func (c *checker) checkDirectory(args []word) string {
	const use = "cd takes one directory of the workspace, such as cd src"
	if len(args) != 1 || !args[0].literal {
		return use + ", without variables."
	}
	dir := strings.TrimSuffix(args[0].text, "/")
	if args[0].text == c.rules.WorkspaceDir || dir == c.rules.WorkspaceDir || c.inWorkspace(dir) {
		return ""
	}
	dir = strings.TrimPrefix(dir, "./")
	if dir == "." || !strings.HasPrefix(dir, "-") && cleanPath(dir) {
		return ""
	}
	return fmt.Sprintf("%s or cd %s.", use, c.rules.WorkspaceDir)
}

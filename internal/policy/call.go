package policy

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"mvdan.cc/sh/v3/syntax"
)

// call decides about one simple command.
func (c *checker) call(call *syntax.CallExpr) *refused {
	if len(call.Assigns) > 0 {
		return no(call, "setting variables is not allowed", "run the command without the assignment")
	}
	words := make([]word, len(call.Args))
	for i, arg := range call.Args {
		w, bad := readWord(arg)
		if bad != nil {
			return bad
		}
		words[i] = w
	}
	name := words[0].text
	if !words[0].literal {
		return no(call, "a command name with wildcards or variables is not allowed", "write the name out")
	}

	n := c.longestPrefix(words)
	var reason string
	switch {
	case slices.Contains(c.known.Editing, name):
		return c.edit(call, words)
	case n > 0:
		if reason = c.runsOther(words, n); reason == "" {
			return nil
		}
	case c.rules.Inspection && c.exact(words):
		return nil
	case c.rules.Inspection:
		if rule, ok := c.known.Inspection[name]; ok {
			if reason = c.inspect(rule, name, words[1:]); reason == "" {
				return nil
			}
			break
		}
		reason = c.unknown(name)
	default:
		reason = c.unknown(name)
	}
	return &refused{call, reason}
}

// runsOther refuses flags that make an allowed program run another one. The
// words of the prefix itself are the owner's choice.
func (c *checker) runsOther(words []word, prefix int) string {
	flags, ok := c.known.RunsOthers[words[0].text]
	if !ok {
		return ""
	}
	first := true
	for i, w := range words[1:] {
		dash := strings.HasPrefix(w.text, "-")
		if i+1 >= prefix {
			refuse := flags.Anywhere
			if first {
				refuse = slices.Concat(refuse, flags.First)
			}
			if flag := deniedFlag(refuse, "", w.text); flag != "" {
				return fmt.Sprintf("%s %s can run another program and is not allowed; leave it out.", words[0].text, flag)
			}
			if w.mayBeFlag() {
				return fmt.Sprintf("An argument of %s that may expand to a flag is not allowed; write ./ before a wildcard, and values in place of variables.", words[0].text)
			}
		}
		first = first && dash
	}
	return ""
}

// exact says whether the whole command is one of the list.
func (c *checker) exact(words []word) bool {
	var b strings.Builder
	for i, w := range words {
		if !w.literal || strings.ContainsAny(w.text, " \t\n") {
			return false
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w.text)
	}
	return slices.Contains(c.known.Exact, b.String())
}

// edit allows Codex's own patch command: the patch is its argument or its input.
func (c *checker) edit(call *syntax.CallExpr, words []word) *refused {
	if len(words) > 2 || len(words) == 2 && !words[1].literal {
		return no(call, fmt.Sprintf("%s takes one patch", words[0].text), fmt.Sprintf("write %s <<'EOF'", words[0].text))
	}
	return nil
}

// unknown says that a program is not allowed, and what is.
func (c *checker) unknown(name string) string {
	var b strings.Builder
	switch {
	case strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII }):
		fmt.Fprintf(&b, "The command name %q holds letters that are not ASCII.", clip(name))
	case slices.Contains(c.known.Never, name), slices.Contains(c.known.Shells, name):
		fmt.Fprintf(&b, "%s is not allowed; write the command that you want to run as it is.", name)
	case strings.Contains(name, "/"):
		fmt.Fprintf(&b, "%q is not an allowed command; commands are matched as they are written, without a directory.", clip(name))
	default:
		fmt.Fprintf(&b, "%q is not an allowed command.", clip(name))
	}
	if hint := c.known.Hints[name]; hint != "" {
		b.WriteString(" " + hint)
	}
	b.WriteString(" " + c.whatIsAllowed())
	return b.String()
}

// whatIsAllowed lists the prefixes, shortened, and the inspection set.
func (c *checker) whatIsAllowed() string {
	const most = 12
	var names []string
	for i, p := range c.rules.Allowed {
		if i == most {
			names = append(names, fmt.Sprintf("and %d more", len(c.rules.Allowed)-most))
			break
		}
		names = append(names, fmt.Sprintf("%q", clip(p)))
	}
	var parts []string
	if len(names) > 0 {
		parts = append(parts, "Allowed: "+strings.Join(names, ", "))
	}
	if c.rules.Inspection {
		parts = append(parts, "To look around: "+c.known.Summary)
	}
	if len(parts) == 0 {
		return "No command is allowed in this task; edit files with apply_patch."
	}
	return strings.Join(parts, ". ") + "."
}

package policy

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"mvdan.cc/sh/v3/syntax"

	"github.com/codex-mcp-runner/codex-mcp-runner/policies"
)

// Bounds of a script. The parser's time and stack grow with its length and, for
// "((((…", with the square of the depth: 64 KiB of that take 500 MB. A sandbox
// may ask about anything, so that is refused before it is parsed.
const (
	maxScript = 64 << 10
	maxDepth  = 100
)

// CommandRules are a task's rules for what may be run in its sandbox.
type CommandRules struct {
	// Allowed are command prefixes, matched word by word.
	Allowed []string
	// Inspection allows the set of policies/commands.json.
	Inspection bool
	// WorkspaceDir is the worktree's absolute path in the container. Files may be
	// written by redirection only below it.
	WorkspaceDir string
}

// Decision says whether a script may run.
type Decision struct {
	Allowed bool
	// Reason is one or two sentences that Codex can act on; empty if allowed.
	Reason string
	// Command is the part of the script that is refused, shortened.
	Command string
}

// CheckCommand decides about a script as Codex hands it to a shell. Every simple
// command in it must begin with an allowed prefix or only look around.
//
// Commands may be joined by newlines, ";", "&&", "||" and "|", negated, and
// grouped by ( ) and { }. All other shell syntax is refused, whatever the
// prefixes say: what the matcher does not understand it does not allow. Output
// may go to /dev/null or to an absolute path in the workspace: the directory
// that a script starts in is the caller's claim, so relative targets are
// refused. Here-documents may feed any allowed command.
//
// It tells Codex no before it acts. It is no boundary: a program that may run
// can run anything. The container is the boundary.
func CheckCommand(rules CommandRules, script string) Decision {
	known, err := policies.CommandRules()
	if err != nil {
		return Decision{Reason: "The command rules cannot be read: " + err.Error()}
	}
	if reason := checkCharacters(script); reason != "" {
		return Decision{Reason: reason, Command: clip(strings.ToValidUTF8(strings.TrimSpace(script), "\uFFFD"))}
	}
	parser := syntax.NewParser(syntax.Variant(syntax.LangBash), syntax.KeepComments(true))
	file, err := parser.Parse(strings.NewReader(script), "")
	if err != nil {
		return Decision{Reason: fmt.Sprintf("The script cannot be parsed: %.200v. Write plain commands.", err), Command: clip(strings.TrimSpace(script))}
	}
	c := checker{rules: rules, known: known, script: script}
	if len(file.Stmts) == 0 {
		return Decision{Reason: "There is no command in it.", Command: clip(strings.TrimSpace(script))}
	}
	bad := c.comments(file)
	if bad == nil {
		bad = c.statements(file.Stmts)
	}
	if bad == nil {
		return Decision{Allowed: true}
	}
	return Decision{Reason: bad.reason, Command: clip(c.source(bad.node))}
}

// refused is why a node may not run.
type refused struct {
	node   syntax.Node
	reason string
}

// no makes a reason of what is wrong and what to do instead.
func no(node syntax.Node, what, instead string) *refused {
	r := []rune(what)
	if len(r) > 0 {
		r[0] = unicode.ToUpper(r[0])
	}
	text := string(r)
	if instead != "" {
		text += "; " + instead
	}
	return &refused{node, text + "."}
}

// checker decides about one parsed script.
type checker struct {
	rules  CommandRules
	known  *policies.Commands
	script string
}

func (c *checker) source(n syntax.Node) string {
	from, to := int(n.Pos().Offset()), int(n.End().Offset())
	if from > to || to > len(c.script) {
		return ""
	}
	return strings.TrimSpace(c.script[from:to])
}

// checkCharacters refuses what could look like something else to a reader, or
// be read differently by two shells. Look-alike letters pass here: they make
// another word, which no prefix matches.
func checkCharacters(script string) string {
	switch {
	case len(script) > maxScript:
		return fmt.Sprintf("The script has %d bytes, and the limit is 64 KiB; split it.", len(script))
	case !utf8.ValidString(script):
		return "The script is not valid UTF-8; write it in UTF-8."
	}
	depth := 0
	for _, r := range script {
		switch r {
		case '(', '{', '[':
			if depth++; depth > maxDepth {
				return fmt.Sprintf("The script nests brackets deeper than %d; write plain commands.", maxDepth)
			}
		case ')', '}', ']':
			depth = max(depth-1, 0)
		}
		if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
			return fmt.Sprintf("The script holds the non-printing character %U; leave it out and use plain spaces and newlines.", r)
		}
	}
	return ""
}

package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/nearest"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// maxProblems is how many problems one error tells.
const maxProblems = 20

// problems collects what is wrong with one text.
type problems struct {
	name, text string
	found      []problem
}

// problem is told only if it is among the first: a hostile file has thousands.
type problem struct {
	at         int
	path       []string
	what, mend string
	unknown    bool // the last key of path is not known; mend is worked out when told
}

// add notes that the value or key at an offset is wrong. what continues a
// sentence that begins with the key.
func (p *problems) add(at int, path []string, what, mend string) {
	p.found = append(p.found, problem{at: at, path: path, what: what, mend: mend})
}

func (p *problems) addUnknown(at int, path []string) {
	p.found = append(p.found, problem{at: at, path: path, what: "is not a known key", unknown: true})
}

// err joins what was found, in the order of the text.
func (p *problems) err() error {
	slices.SortStableFunc(p.found, func(a, b problem) int { return cmp.Compare(a.at, b.at) })
	var all []error
	for i, f := range p.found {
		if i == maxProblems {
			all = append(all, &task.Refusal{Where: p.name, What: fmt.Sprintf("has %d more problems.", len(p.found)-i), Mend: "Mend these first."})
			break
		}
		all = append(all, p.refusal(f))
	}
	return errors.Join(all...)
}

func (p *problems) refusal(f problem) *task.Refusal {
	where, mend := p.name, f.mend
	if len(f.path) > 0 {
		where += ": " + keyPath(f.path)
	}
	if f.unknown {
		last := len(f.path) - 1
		mend = suggest(f.path[last], keysAt(f.path[:last]))
	}
	before := p.text[:f.at]
	line := 1 + strings.Count(before, "\n")
	column := 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	return &task.Refusal{Where: where, What: fmt.Sprintf("%s (line %d, column %d).", f.what, line, column), Mend: mend}
}

// keyPath writes a path as a person would: resources.memory, allowed_commands[2].
func keyPath(path []string) string {
	var b strings.Builder
	for i, step := range path {
		switch {
		case step != "" && strings.Trim(step, "0123456789") == "":
			b.WriteString("[" + step + "]")
		case i > 0:
			b.WriteString("." + shortName(step))
		default:
			b.WriteString(shortName(step))
		}
	}
	return b.String()
}

// shortName makes a key printable: it may hold anything and be 1 MiB long.
func shortName(s string) string {
	if r := []rune(s); len(r) > 60 {
		s = string(r[:60]) + "…"
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError }) {
		return fmt.Sprintf("%q", s)
	}
	return s
}

// suggest says which known key was probably meant.
func suggest(name string, known []string) string {
	if best := nearest.To(name, known); best != "" {
		return fmt.Sprintf("Did you mean %q?", best)
	}
	return fmt.Sprintf("Known keys here: %s.", strings.Join(known, ", "))
}

// without leaves out of a file's value the members in which there is a problem,
// and all of it if the problem is the file's.
func (p *problems) without(value any) any {
	members, ok := value.(map[string]any)
	if !ok {
		return map[string]any{}
	}
	for _, f := range p.found {
		if len(f.path) == 0 {
			return map[string]any{}
		}
		delete(members, f.path[0])
	}
	return members
}

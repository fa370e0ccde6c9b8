package validate

import (
	"bytes"
	"fmt"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Secret is something in a text that must not be seen. It does not hold it.
type Secret struct {
	// Rule names the credential, or the rule for what looks like one.
	Rule string
	// Line counts from 1.
	Line int
	// Known says that it is a credential of this host, and not only looks like one.
	Known bool
}

// Secrets says what the patch brings that is secret: added lines, names of files
// and the content of binary ones. What the base had, and the patch shows as
// context or takes away, is no finding. find lists the secrets of a text, and
// says whether it looked for everything: what was not searched is a warning too.
//
// What looks like a secret is a warning: made-up keys in tests look the same. A
// credential of this host is an error: no sandbox has it, so it should not know it.
func Secrets(c task.Changes, find func(text []byte) (found []Secret, complete bool)) []task.Finding {
	var found []task.Finding
	seen := map[string]bool{}
	report := func(s Secret, where string) {
		if seen[where+s.Rule] {
			return
		}
		seen[where+s.Rule] = true
		f := task.Finding{
			Rule: "secret-in-patch", Severity: task.SeverityWarning, Evidence: s.Rule,
			Detail: where + " what looks like a secret; it is hidden in this result where it can be read, and whole in the journal's patch.",
		}
		if s.Known {
			f.Severity = task.SeverityError
			f.Detail = where + " a credential of this host; the patch must not leave it."
		}
		found = append(found, f)
	}
	search := func(text []byte, what string) []Secret {
		secrets, complete := find(text)
		if !complete {
			found = append(found, task.Finding{
				Rule: "secret-in-patch", Severity: task.SeverityWarning,
				Detail: what + " has not been searched for everything that looks like a secret: that would have taken too long.",
			})
		}
		return secrets
	}
	for i, f := range c.Files {
		if f.Kind != task.Added && f.Kind != task.Renamed {
			continue
		}
		for _, s := range search([]byte(f.Path), fmt.Sprintf("The name of file %d of the patch", i+1)) {
			report(s, fmt.Sprintf("The name of file %d of the patch holds", i+1))
		}
	}
	readPatch(c.Patch, func(old, fresh side) {
		before := map[int]bool{}
		was, _ := find(old.text)
		for _, s := range was {
			before[old.line(s.Line).number] = true
		}
		if len(fresh.lines) == 0 {
			return
		}
		for _, s := range search(fresh.text, fmt.Sprintf("The hunk at line %d of the patch", fresh.lines[0].number)) {
			// A key whose first line was there and whose body was not is new as well.
			if l := fresh.line(s.Line); l.added || !before[l.number] {
				report(s, fmt.Sprintf("Line %d of the patch adds", l.number))
			}
		}
	}, func(number int, content []byte, err error) {
		if err != nil {
			found = append(found, task.Finding{
				Rule: "secret-in-patch", Severity: task.SeverityWarning,
				Detail:   fmt.Sprintf("The binary file at line %d of the patch has not been searched for secrets.", number),
				Evidence: line(err.Error(), 500),
			})
		}
		for _, s := range search(content, fmt.Sprintf("The binary file at line %d of the patch", number)) {
			report(s, fmt.Sprintf("The binary file at line %d of the patch holds", number))
		}
	})
	return found
}

// side is one side of a hunk, without the marks in front of its lines: they
// would stand in the midst of a key of many lines.
type side struct {
	text  []byte
	lines []patchLine
}

// patchLine is where a line of a side stands in the patch, from 1.
type patchLine struct {
	number int
	added  bool
}

func (s *side) add(text []byte, l patchLine) {
	s.text = append(append(s.text, text...), '\n')
	s.lines = append(s.lines, l)
}

func (s *side) line(n int) patchLine { return s.lines[min(n, len(s.lines))-1] }

// readPatch gives both sides of every hunk, and of every binary file what the
// patch adds, or why that cannot be told, with the line where it begins.
func readPatch(patch []byte, hunk func(old, fresh side), binary func(number int, content []byte, err error)) {
	var old, fresh side
	flush := func() {
		if len(old.lines)+len(fresh.lines) > 0 {
			hunk(old, fresh)
		}
		old, fresh = side{}, side{}
	}
	inHunk := false
	lines := bytes.Split(patch, []byte("\n"))
	for i := 0; i < len(lines); i++ {
		text, number := lines[i], i+1
		switch {
		case bytes.HasPrefix(text, []byte("diff --git ")):
			inHunk = false
		case bytes.HasPrefix(text, []byte("@@ ")):
			flush()
			inHunk = true
		case string(text) == "GIT binary patch" && !inHunk:
			content, err := binaryContent(lines[i+1:])
			binary(number, content, err)
		case !inHunk || len(text) == 0:
		case text[0] == '+':
			fresh.add(text[1:], patchLine{number, true})
		case text[0] == '-':
			old.add(text[1:], patchLine{number, false})
		case text[0] == ' ':
			old.add(text[1:], patchLine{number, false})
			fresh.add(text[1:], patchLine{number, false})
		}
	}
	flush()
}

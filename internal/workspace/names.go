package workspace

import (
	"path"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/unseen"
)

// isControl says whether git reads a file of this name wherever it lies in a worktree.
func isControl(name string) bool {
	return name == ".gitignore" || name == ".gitattributes" || name == ".gitmodules"
}

// parents yields every directory above a slash-separated path, nearest first,
// without the root.
func parents(p string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for d := path.Dir(p); d != "."; d = path.Dir(d) {
			if !yield(d) {
				return
			}
		}
	}
}

// show makes a name that may hold any bytes fit for a person and for JSON. A
// space of another kind than the usual one is spelled out, too: in a name it
// passes for that one.
func show(name string) string {
	odd := func(r rune) bool { return unseen.Rune(r) || r != ' ' && unicode.IsSpace(r) }
	if name != "" && utf8.ValidString(name) && strings.TrimSpace(name) == name && !strings.ContainsFunc(name, odd) {
		return name
	}
	return strconv.QuoteToASCII(name)
}

// maxFindings is how many findings of one rule are listed; a task could make millions.
const maxFindings = 50

// findings gathers what a worktree is accused of.
type findings struct {
	list  []task.Finding
	count map[string]int
}

func (f *findings) add(rule string, severity task.Severity, detail, name string) {
	if f.count == nil {
		f.count = map[string]int{}
	}
	f.count[rule]++
	switch n := f.count[rule]; {
	case n < maxFindings:
		f.list = append(f.list, task.Finding{Rule: rule, Severity: severity, Detail: detail, Evidence: show(name)})
	case n == maxFindings:
		f.list = append(f.list, task.Finding{
			Rule: rule, Severity: severity,
			Detail: "There are more of these than are listed.", Evidence: show(name),
		})
	}
}

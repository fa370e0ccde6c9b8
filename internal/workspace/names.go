package workspace

import (
	"path"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// isDotGit says whether some file system takes a name for ".git": without
// regard to case, as NTFS reads it (short name, trailing dots and spaces,
// streams, backslash as separator), as HFS+ reads it (some code points
// ignored). git refuses all of these in a tree; see CVE-2014-9390.
func isDotGit(name string) bool {
	name, _, _ = strings.Cut(name, `\`)
	name, _, _ = strings.Cut(name, ":")
	name = strings.TrimRight(name, ". ")
	name = strings.Map(func(r rune) rune {
		if hfsIgnores(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
	return name == ".git" || name == "git~1"
}

// hfsIgnores lists the code points that HFS+ leaves out of a comparison.
func hfsIgnores(r rune) bool {
	return r >= 0x200c && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x206a && r <= 0x206f || r == 0xfeff
}

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

// show makes a name that may hold any bytes fit for a person and for JSON.
func show(name string) string {
	plain := utf8.ValidString(name) && name != "" && strings.TrimSpace(name) == name
	for _, r := range name {
		plain = plain && unicode.IsPrint(r)
	}
	if plain {
		return name
	}
	return strconv.Quote(name)
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

package validate

import (
	"fmt"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// paths checks every name that a change touches. A rename touches two: taking a
// file away from where the task may not write is a write there.
func paths(ev task.Evidence, allowed func(patterns []string, path string) bool) []task.Finding {
	var found []task.Finding
	report := func(path, what string) {
		if allowed(ev.Spec.AllowedPaths, path) {
			return
		}
		found = append(found, task.Finding{
			Rule:     "path-not-allowed",
			Severity: task.SeverityError,
			Detail:   fmt.Sprintf("%s %s, but allowed_paths is %s.", show(path), what, patternList(ev.Spec.AllowedPaths)),
			Evidence: path,
		})
	}
	for _, c := range ev.Changes.Files {
		if c.OldPath != "" && c.OldPath != c.Path {
			report(c.OldPath, "was moved to "+show(c.Path))
		}
		report(c.Path, "was "+verb(c))
	}
	return found
}

// verb is what happened to c.Path, as a participle.
func verb(c task.Change) string {
	switch c.Kind {
	case task.Added:
		return "added"
	case task.Deleted:
		return "deleted"
	case task.Renamed:
		return "moved here from " + show(c.OldPath)
	case task.TypeChanged:
		return "replaced by another kind of file"
	case task.Modified:
		return "changed"
	}
	return "changed"
}

func patternList(patterns []string) string {
	if len(patterns) == 0 {
		return "empty"
	}
	return strings.Join(patterns, ", ")
}

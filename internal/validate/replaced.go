package validate

import (
	"fmt"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/folding"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// linkGone tells of a path that is a symlink in the base and in the base alone.
func linkGone(c task.Change) (name string, ok bool) {
	switch {
	case c.OldMode != modeLink:
		return "", false
	case c.Kind == task.Renamed:
		return c.OldPath, true
	}
	return c.Path, !isLink(c)
}

// replaced finds files below what is a symlink in the base. git takes the
// symlink away first; a tool that does not, or a checkout that has it still,
// writes where it leads. That is a warning, for directories do take the place of
// symlinks.
func replaced(files []task.Change) []task.Finding {
	gone := map[string]string{} // fold -> the symlink's path
	for _, c := range files {
		if name, ok := linkGone(c); ok {
			gone[foldPath(name)] = name
		}
	}
	var found []task.Finding
	for _, c := range files {
		if !present(c) || len(gone) == 0 {
			continue
		}
		fold := foldPath(c.Path)
		for i := range len(fold) {
			link, ok := gone[fold[:i]]
			if fold[i] != '/' || !ok {
				continue
			}
			delete(gone, fold[:i]) // once for each symlink
			found = append(found, task.Finding{
				Rule:     "symlink-replaced",
				Severity: task.SeverityWarning,
				Detail: fmt.Sprintf("%s lies below %s, which is a symlink in the base: what applies the patch must take that away first.",
					show(c.Path), show(link)),
				Evidence: c.Path,
			})
		}
	}
	return found
}

// foldPath folds every part of a path. No fold holds a slash.
func foldPath(name string) string {
	parts := strings.Split(name, "/")
	for i, part := range parts {
		parts[i] = folding.Name(part)
	}
	return strings.Join(parts, "/")
}

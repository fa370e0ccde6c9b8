package validate

import (
	"fmt"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// gitDirs finds names that some file system would take for .git.
func gitDirs(files []task.Change) []task.Finding {
	var found []task.Finding
	for _, c := range files {
		if !present(c) {
			continue
		}
		for part := range strings.SplitSeq(c.Path, "/") {
			if isGitDir(part) {
				found = append(found, task.Finding{
					Rule:     "git-dir",
					Severity: task.SeverityError,
					Detail:   fmt.Sprintf("%s has a part that a file system may take for .git.", show(c.Path)),
					Evidence: c.Path,
				})
				break
			}
		}
	}
	return found
}

// isGitDir knows the spellings of .git that git itself refuses: HFS+ ignores
// case and characters without width, NTFS case, trailing dots and spaces, what
// follows a colon, and has git~1 as a short name (core.protectHFS, core.protectNTFS).
func isGitDir(part string) bool {
	part = strings.Map(func(r rune) rune {
		if odd(r) {
			return -1
		}
		return r
	}, part)
	part, _, _ = strings.Cut(part, ":")
	part = strings.ToLower(strings.TrimRight(part, ". "))
	return part == ".git" || part == "git~1"
}

// collisions finds changed paths that a file system without case, or one that
// normalises Unicode, cannot hold apart: there, one overwrites the other, and a
// directory may turn out to be a symlink. It sees the paths of the patch alone:
// those of the base that did not change are not in the evidence.
func collisions(files []task.Change) []task.Finding {
	fold := cases.Fold()
	first := map[string]string{} // folded prefix -> the spelling that came first
	var found []task.Finding
	for _, c := range files {
		if !present(c) {
			continue
		}
		for end := range prefixEnds(c.Path) {
			prefix := c.Path[:end]
			key := norm.NFC.String(fold.String(norm.NFD.String(prefix)))
			other, seen := first[key]
			if !seen {
				first[key] = prefix
				continue
			}
			if other == prefix {
				continue
			}
			found = append(found, task.Finding{
				Rule:     "case-collision",
				Severity: task.SeverityError,
				Detail:   fmt.Sprintf("%s and %s are one name where case does not count.", show(other), show(prefix)),
				Evidence: c.Path,
			})
			break
		}
	}
	return found
}

// prefixEnds yields where each leading part of a path ends: a, a/b, a/b/c.
func prefixEnds(p string) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for i := range len(p) {
			if p[i] == '/' && !yield(i) {
				return
			}
		}
		yield(len(p))
	}
}

// oddNames finds names that do not look like what they are.
func oddNames(files []task.Change) []task.Finding {
	var found []task.Finding
	for _, c := range files {
		if present(c) && !plain(c.Path) {
			found = append(found, task.Finding{
				Rule:     "odd-name",
				Severity: task.SeverityWarning,
				Detail:   fmt.Sprintf("The name %s holds characters that cannot be seen or that change how it is shown.", show(c.Path)),
				Evidence: c.Path,
			})
		}
	}
	return found
}

package validate

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/folding"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// gitDirs finds names that some file system would take for .git.
func gitDirs(files []task.Change) []task.Finding {
	var found []task.Finding
	for _, c := range files {
		if !present(c) {
			continue
		}
		for part := range strings.SplitSeq(c.Path, "/") {
			if folding.IsDotGit(part) {
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

// collisions finds changed paths that a file system without case, or one that
// normalises Unicode, cannot hold apart, from each other or from what the base
// has: there, one overwrites the other, and a directory may turn out to be a
// symlink. What collided in the base already is not the patch's doing, unless
// one side becomes a symlink.
func collisions(c task.Changes) []task.Finding {
	old := map[string]string{} // folded path -> the spelling in the base
	for _, n := range c.Neighbours {
		old[foldPath(n.Path)] = n.Path
	}
	first := map[string]string{} // folded prefix -> the spelling that came first
	var found []task.Finding
	for _, f := range c.Files {
		if !present(f) {
			continue
		}
		fresh := f.Kind == task.Added || f.Kind == task.Renamed || f.Kind == task.TypeChanged && isLink(f)
		fold := foldPath(f.Path)
		ends := slices.Collect(prefixEnds(f.Path))
		for i, to := range slices.Collect(prefixEnds(fold)) {
			prefix, key := f.Path[:ends[i]], fold[:to]
			other, seen := first[key]
			if !seen {
				first[key] = prefix
			}
			where := ""
			if fresh && (!seen || other == prefix) {
				if other, seen = old[key]; seen {
					where = ", which the patch does not touch,"
				}
			}
			if !seen || other == prefix {
				continue
			}
			found = append(found, task.Finding{
				Rule:     "case-collision",
				Severity: task.SeverityError,
				Detail: fmt.Sprintf("%s%s and %s are one name on a file system where case, or how Unicode is written, does not count.",
					show(other), where, show(prefix)),
				Evidence: f.Path,
			})
			break
		}
	}
	return found
}

// prefixEnds yields where each leading part of a path ends: a, a/b, a/b/c.
func prefixEnds(p string) iter.Seq[int] {
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

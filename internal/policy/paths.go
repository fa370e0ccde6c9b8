package policy

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/folding"
)

// Bounds of one glob pattern. Matching time grows with the product of its
// wildcards and alternatives, so both are few.
const (
	maxPattern = 256
	maxStars   = 16
	maxBraces  = 4
	maxCommas  = 32
)

// AllowPath says whether a changed path is inside the patterns. The path is as
// git has it: bytes, slash-separated, relative to the repository's root.
//
//   - "*" and "?" stop at a slash, "**" does not; names with a leading dot match
//     like any other.
//   - A pattern without wildcards that names a directory allows what is below
//     it, too: "src" and "src/" are "src/**".
//   - Case counts, since it does for git and in the container: "Src/a" and
//     "src/a" are two files there, even if they are one on a laptop's disk.
//   - No pattern allows .git, nor what some file system takes for it, nor an
//     unclean path.
func AllowPath(patterns []string, name string) bool {
	if !cleanPath(name) {
		return false
	}
	for _, p := range patterns {
		if matchPattern(p, name) {
			return true
		}
	}
	return false
}

func matchPattern(pattern, name string) bool {
	if patternProblem(pattern) != "" {
		return false
	}
	dir := strings.TrimSuffix(pattern, "/")
	if !strings.ContainsAny(dir, "*?[{") {
		return name == dir || strings.HasPrefix(name, dir+"/")
	}
	if dir != pattern { // "packages/*/"
		pattern = dir + "/**"
	}
	ok, err := doublestar.Match(pattern, name)
	return err == nil && ok
}

// cleanPath is true of a relative path without empty, dot or .git parts.
func cleanPath(name string) bool {
	if name == "" || strings.ContainsRune(name, 0) {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." || folding.IsDotGit(part) {
			return false
		}
	}
	return true
}

// patternProblem says what is wrong with a pattern; empty if nothing is.
func patternProblem(p string) string {
	switch {
	case p == "":
		return "is empty"
	case len(p) > maxPattern:
		return fmt.Sprintf("has %d bytes, and the limit is %d", len(p), maxPattern)
	case !utf8.ValidString(p):
		return "is not valid UTF-8"
	case strings.ContainsFunc(p, unicode.IsControl):
		return "holds a control character"
	case strings.Contains(p, `\`):
		return "holds a backslash"
	case strings.HasPrefix(p, "/") || strings.HasPrefix(p, "~"):
		return "is not relative to the repository"
	case len(p) > 1 && p[1] == ':':
		return "begins with a drive letter"
	case strings.Count(p, "*") > maxStars:
		return fmt.Sprintf("has more than %d stars", maxStars)
	case strings.Count(p, "{") > maxBraces || strings.Count(p, ",") > maxCommas:
		return fmt.Sprintf("has more than %d braces or %d commas", maxBraces, maxCommas)
	case !doublestar.ValidatePattern(p):
		return "is not a glob pattern"
	}
	trimmed := strings.TrimSuffix(p, "/")
	for part := range strings.SplitSeq(trimmed, "/") {
		switch {
		case part == "..", strings.Contains(part, "{..") || strings.Contains(part, ",.."):
			return `leads upwards with ".."`
		case part == "" || part == ".":
			return `has an empty or "." part`
		case folding.IsDotGit(part):
			return "names .git, which no task may change"
		}
	}
	return ""
}

func (r *refusals) checkPatterns(where string, patterns []string) {
	if len(patterns) > maxList {
		r.add(where, fmt.Sprintf("There are %d patterns, and the limit is %d.", len(patterns), maxList), `Use fewer, wider patterns such as "src/**".`)
		return
	}
	for i, p := range patterns {
		if problem := patternProblem(p); problem != "" {
			r.add(fmt.Sprintf("%s[%d]", where, i), fmt.Sprintf("The pattern %q %s.", clip(p), problem),
				`Write a glob that is relative to the repository's root, such as "src/**" or "package.json".`)
		}
	}
}

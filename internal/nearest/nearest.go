// Package nearest finds the name that a misspelt one means.
package nearest

import (
	"strings"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"
)

// longest is how many characters of a name are worth comparing: no name that we
// know is half as long, and the time taken grows with it.
const longest = 64

// To is the known name that was most likely meant, or "" if none is near. A third
// of the letters may differ, two in a short name; beyond that a guess misleads.
// Case, dashes, underscores and spaces do not count: maxRuns means max_runs.
func To(name string, known []string) string {
	if utf8.RuneCountInString(name) > longest {
		return ""
	}
	name = bare(name)
	best, least := "", longest
	for _, k := range known {
		n := len(bare(k))
		if d := levenshtein.ComputeDistance(name, bare(k)); d < least && d <= max(n/3, min(2, n/2)) {
			best, least = k, d
		}
	}
	return best
}

var separators = strings.NewReplacer("_", "", "-", "", " ", "")

func bare(s string) string { return strings.ToLower(separators.Replace(s)) }

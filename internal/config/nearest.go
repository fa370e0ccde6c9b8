package config

import (
	"fmt"
	"strings"
)

// suggest says which known key was probably meant.
func suggest(name string, known []string) string {
	const far = 1 << 20
	best, distance := "", far
	if len(name) <= 64 { // no known key is half as long
		for _, k := range known {
			if d := editDistance(bare(name), bare(k)); d < distance {
				best, distance = k, d
			}
		}
	}
	// A third of the letters may differ; beyond that a guess misleads.
	if distance == far || distance > max(2, len(bare(best))/3) {
		return fmt.Sprintf("Known keys here: %s.", strings.Join(known, ", "))
	}
	return fmt.Sprintf("Did you mean %q?", best)
}

// bare makes maxRuns, max-runs and max_runs alike.
func bare(s string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(s))
}

// editDistance counts insertions, deletions, replacements and swaps of
// neighbours (optimal string alignment) between two short strings, in bytes.
func editDistance(a, b string) int {
	var before, above []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, above, row = above, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}

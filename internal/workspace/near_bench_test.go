package workspace

import (
	"fmt"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Beside collecting, which takes a tenth of a second and more for so many
// files, this must be little.
func BenchmarkNear(b *testing.B) {
	for _, n := range []int{20_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var entries []indexEntry
			for i := range n {
				entries = append(entries, indexEntry{modeFile, "", fmt.Sprintf("Src/pkg%d/deep/File%d.go", i/50, i)})
			}
			for b.Loop() {
				fresh := newNames([]rawChange{
					{Change: task.Change{Path: "src/pkg7/new.go", Kind: task.Added}},
					{Change: task.Change{Path: "stra\u00dfe", Kind: task.Added}},
				})
				for _, e := range entries {
					fresh.forgetAbove(e.path)
				}
				if got := fresh.near(entries); len(got) != 2 {
					b.Fatal(got)
				}
			}
		})
	}
}

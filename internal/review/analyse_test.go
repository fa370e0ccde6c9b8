package review_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/golden"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/review"
)

// planFiles are the plans under testdata/plans, without what they give.
func planFiles(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/plans/*")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(files, func(name string) bool { return strings.HasSuffix(name, ".want.json") })
}

// Each plan under testdata/plans with what it proves. A reader of the pair must
// agree with every sentence: a false one is worse than none.
func TestPlans(t *testing.T) {
	plans := planFiles(t)
	if len(plans) < 30 {
		t.Fatalf("%d plans", len(plans))
	}
	for _, name := range plans {
		stem := strings.TrimSuffix(name, filepath.Ext(name))
		t.Run(filepath.Base(stem), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			enc := json.NewEncoder(&got)
			enc.SetEscapeHTML(false)
			enc.SetIndent("", "  ")
			if err := enc.Encode(review.Analyse(string(text))); err != nil {
				t.Fatal(err)
			}
			golden.Check(t, strings.TrimPrefix(stem, "testdata/")+".want.json", got.Bytes())
		})
	}
}

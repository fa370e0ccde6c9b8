package review_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/review"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with a file under testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); -update accepts it:\n%s", path, diff)
	}
}

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
			golden(t, strings.TrimPrefix(stem, "testdata/")+".want.json", got.Bytes())
		})
	}
}

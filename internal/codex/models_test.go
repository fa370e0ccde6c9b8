package codex_test

import (
	"slices"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/codex"
)

func TestModels(t *testing.T) {
	if err := codex.BundledModels(); err != nil {
		t.Fatal(err)
	}
	offered := codex.KnownModels()
	if len(offered) == 0 || offered[0] != "gpt-6.1-sol" || !slices.Contains(offered, "gpt-5.5") {
		t.Errorf("offered are %q", offered)
	}
	for _, slug := range offered {
		if !codex.Known(slug) {
			t.Errorf("%s is offered and not known", slug)
		}
	}
	if !codex.Known("codex-auto-review") || slices.Contains(offered, "codex-auto-review") {
		t.Error("codex-auto-review is known and not offered")
	}
	for _, slug := range []string{"", "gpt", "GPT-5.5", "gpt-5.5 "} {
		if codex.Known(slug) {
			t.Errorf("%q is known", slug)
		}
	}
}

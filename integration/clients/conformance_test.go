//go:build integration

package clients

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The scenarios of the conformance suite that say something about a server of
// ours. Left out are those about HTTP, which we do not speak (the bridge does),
// and those that call tools of the suite's own, which no product has.
var conformance = []struct {
	scenario string
	versions []string
	// but are checks whose outcome is not SUCCESS, and why that is right.
	but map[string]string
}{
	{"server-initialize", []string{legacy}, nil},
	{"ping", []string{legacy}, nil},
	{"tools-list", []string{legacy, modern}, nil},
	{"resources-list", []string{legacy, modern}, nil},
	{"prompts-list", []string{legacy, modern}, nil},
	{"caching", []string{modern}, nil},
	// That the error's data repeats the URI is a "should" that mcp-go does not do.
	{"sep-2164-resource-not-found", []string{modern}, map[string]string{"sep-2164-data-uri": "WARNING"}},
}

const legacy, modern = "2025-11-25", "2026-07-28"

func TestConformance(t *testing.T) {
	t.Parallel()
	p := installed(t)
	h := newHost(t, fixes("fix it"))
	// A run, so that there are resources to list and read.
	first := exec.CommandContext(t.Context(), *program, "--repo", h.repo, "run", "fix it")
	first.Env = h.environ(nil)
	if out, err := first.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	url := newBridge(h)
	for _, c := range conformance {
		for _, version := range c.versions {
			t.Run(c.scenario+"@"+version, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				suite := exec.Command(p.node, p.file(t, "@modelcontextprotocol/conformance/dist/index.js"),
					"server", "--url", url, "--scenario", c.scenario, "--spec-version", version, "-o", dir)
				suite.Env = h.environ(nil)
				out, errs, _ := p.run(t, suite)
				files, _ := filepath.Glob(filepath.Join(dir, "*", "checks.json"))
				if len(files) != 1 {
					t.Fatalf("the suite wrote %v\n%s\n%s", files, out, errs)
				}
				b, err := os.ReadFile(files[0])
				if err != nil {
					t.Fatal(err)
				}
				var checks []struct{ ID, Status, ErrorMessage string }
				if err := json.Unmarshal(b, &checks); err != nil || len(checks) == 0 {
					t.Fatalf("%v: %s", err, b)
				}
				for _, check := range checks {
					want := "SUCCESS"
					if outcome, ok := c.but[check.ID]; ok {
						want = outcome
					}
					if check.Status != want && check.Status != "INFO" {
						t.Errorf("%s: %s, want %s: %s", check.ID, check.Status, want, check.ErrorMessage)
					}
				}
			})
		}
	}
}

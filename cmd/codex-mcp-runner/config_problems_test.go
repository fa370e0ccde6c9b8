package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// A configuration with one problem of each kind is mended in one go, whichever
// part of the program finds it.
func TestAllProblemsOfAConfigurationAreToldAtOnce(t *testing.T) {
	dir := t.TempDir()
	text := `{"default_concurrency": 9, "default_allowed_paths": ["../x"], "allowed_commands": ["npm test; rm"],
		"codex_command": "/workspace/tools/codex", "codex_model": "x", "codex_model": "y", "imag": "a", "verify_commands": [""],
		"resources": {"cpus": 0}, "sandbox_mode": "off"}`
	if err := os.WriteFile(filepath.Join(dir, ".mcp-codex.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := loadConfig(dir)
	var got []string
	for _, r := range task.Refusals(err) {
		got = append(got, r.Where)
		if r.What == "" || r.Mend == "" {
			t.Errorf("%+v", r)
		}
	}
	want := []string{
		".mcp-codex.json: default_concurrency", ".mcp-codex.json: codex_model", ".mcp-codex.json: imag",
		".mcp-codex.json: resources.cpus", ".mcp-codex.json: sandbox_mode",
		".mcp-codex.json: allowed_commands[0]", ".mcp-codex.json: default_allowed_paths[0]",
		".mcp-codex.json: codex_command", ".mcp-codex.json: verify_commands[0]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Of a file that cannot be read at all nothing more can be said.
func TestAConfigurationThatIsNoJSONHasOneProblem(t *testing.T) {
	for _, text := range []string{"", "{", "[]", "\xff\xfe", `"x"`} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, ".mcp-codex.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := loadConfig(dir); len(task.Refusals(err)) != 1 {
			t.Errorf("%q: %v", text, err)
		}
	}
}

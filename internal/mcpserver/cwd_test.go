package mcpserver_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/mcpserver"
)

// Clients start a server in the user's project, whatever that is called.
func TestTheServerStartsInAnyDirectory(t *testing.T) {
	for _, name := range []string{"100% done", "a#b?c", "줄\nbreak"} {
		dir := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Chdir(dir)
		if _, err := mcpserver.New(newEngine(scripted), mcpserver.Options{}); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

package policy

import (
	"strings"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/config"
)

// A repository that is merely opened must not bring its own Codex: that would
// have the use of the login, and nobody would ask the guard.
func TestCodexLiesInTheImage(t *testing.T) {
	for command, ok := range map[string]bool{
		"codex": true, "codex-0.169": true, "/usr/local/bin/codex": true, "/workspaces/codex": true,
		"/workspace/tools/codex": false, "/workspace": false, "/proc/self/cwd/codex": false, "/run/codex/git/codex": false,
		"/home/codex/codex": false, "/tmp/codex": false, "/dev/fd/0": false,
	} {
		cfg := config.Default()
		cfg.CodexCommand = command
		err := CheckConfig(cfg)
		if (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "does not lie in the image") {
			t.Errorf("%s: %v", command, err)
		}
	}
}

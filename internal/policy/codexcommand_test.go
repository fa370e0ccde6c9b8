package policy

import (
	"strings"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/config"
)

// A repository that is merely opened must not bring its own Codex: that would
// have the use of the login, and nobody would ask the guard.
func TestCodexLiesInTheImage(t *testing.T) {
	const outside, odd = "does not lie in the image", "neither a name nor a plain absolute path"
	for command, problem := range map[string]string{
		"codex": "", "codex-0.169": "", "/usr/local/bin/codex": "", "/workspaces/codex": "",
		"/workspace/tools/codex": outside, "/workspace": outside, "/proc/self/cwd/codex": outside, "/run/codex/git/codex": outside,
		"/home/codex/codex": outside, "/tmp/codex": outside, "/dev/fd/0": outside,
		"./codex": odd, "tools/codex": odd, "../codex": odd, "/usr/../workspace/codex": odd, "//workspace/codex": odd, "/usr/bin/codex/": odd,
	} {
		cfg := config.Default()
		cfg.CodexCommand = command
		err := CheckConfig(cfg)
		if (err == nil) != (problem == "") || err != nil && !strings.Contains(err.Error(), problem) {
			t.Errorf("%s: %v", command, err)
		}
	}
}

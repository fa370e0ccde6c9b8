package policy

import (
	"fmt"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// checkCodexCommand refuses a Codex that a repository brings along, or that a
// path leads to in a roundabout way: it has the login's use, and nobody asks the
// guard for it.
func (r *refusals) checkCodexCommand(where, command string) {
	for _, dir := range []string{task.WorkspaceDir, task.HomeDir, "/run", "/tmp", "/var/tmp", "/dev", "/proc", "/sys"} {
		if strings.HasPrefix(command+"/", dir+"/") {
			r.add(where, fmt.Sprintf("%q does not lie in the image.", clip(command)),
				"Name the Codex CLI of the image; to use one of your own, build an image with it and name that as image.")
			return
		}
	}
}

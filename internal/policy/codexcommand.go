package policy

import (
	"fmt"
	"path"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// checkCodexCommand refuses a Codex that a repository brings along, and a path that
// leads there in a roundabout way: it has the use of the login, and nobody asks
// the guard for what it does.
func (r *refusals) checkCodexCommand(where, command string) {
	if command == path.Base(command) { // looked up where no task can write
		return
	}
	const mend = "Name the Codex CLI of the image, such as codex or /usr/local/bin/codex; to use one of your own, build an image with it."
	if !path.IsAbs(command) || path.Clean(command) != command {
		r.add(where, fmt.Sprintf("%q is neither a name nor a plain absolute path.", clip(command)), mend)
		return
	}
	for _, dir := range []string{task.WorkspaceDir, task.HomeDir, "/run", "/tmp", "/var/tmp", "/dev", "/proc", "/sys"} {
		if strings.HasPrefix(command+"/", dir+"/") {
			r.add(where, fmt.Sprintf("%q does not lie in the image.", clip(command)), mend)
			return
		}
	}
}

package policy

import (
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Loosened says in a sentence each how a configuration opens what is shut by
// default. The file comes with the repository: whoever runs tasks there may never
// have read it.
func Loosened(network task.NetworkPolicy, mode task.SandboxMode, commands task.CommandPolicy) []string {
	said := []string{}
	if network == task.NetworkAllow {
		said = append(said, `network_policy is "allow": tasks reach the internet, the local network and this machine.`)
	}
	if mode == task.SandboxDangerFullAccess {
		said = append(said, `sandbox_mode is "danger-full-access": the container's own files can be written too.`)
	}
	if commands == task.CommandAudit {
		said = append(said, `command_policy is "audit": no command is refused before it runs.`)
	}
	return said
}

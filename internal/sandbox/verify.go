package sandbox

import "github.com/codex-mcp-runner/codex-mcp-runner/internal/task"

// purposeVerify is the task.Container.Purpose of a container without Codex.
const purposeVerify = "verify"

// codexPrograms lie in ToolsDir beside PID 1, which a verify container needs. It
// gets empty files in their place, so that no command can depend on Codex.
var codexPrograms = []string{
	task.ToolsDir + "/bin/codex",
	task.ToolsDir + "/bin/codex-code-mode-host",
}

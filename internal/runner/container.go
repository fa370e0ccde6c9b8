package runner

import (
	"fmt"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/codex"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// codexContainer is the container in which Codex works on spec.
func codexContainer(spec task.Spec, tree task.Tree) (task.Container, error) {
	files, err := codex.Files(spec)
	if err != nil {
		return task.Container{}, fmt.Errorf("write Codex's configuration: %w", err)
	}
	return task.Container{
		RunID: spec.RunID, TaskID: spec.ID, Purpose: task.PurposeCodex,
		Image: spec.Image, Runtime: spec.Runtime,
		Command:      codex.Command(spec),
		Env:          spec.Env,
		Files:        files,
		Tree:         tree,
		Mode:         spec.SandboxMode,
		KeepSessions: !spec.Ephemeral,
		Network:      spec.Network,
		Limits:       spec.Limits,
	}, nil
}

// verifyContainer is the container in which a verify command runs: nothing of
// Codex, and no network whatever the task had.
func verifyContainer(spec task.Spec, tree task.Tree, command string) task.Container {
	return task.Container{
		RunID: spec.RunID, TaskID: spec.ID, Purpose: task.PurposeVerify,
		Image: spec.Image, Runtime: spec.Runtime,
		Command: []string{"/bin/sh", "-c", command},
		Env:     spec.Env,
		Tree:    tree,
		Mode:    task.SandboxWorkspaceWrite,
		Network: task.NetworkDeny,
		Limits:  spec.Limits,
	}
}

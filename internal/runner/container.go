package runner

import (
	"fmt"
	"strings"
	"time"

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
		RunID: spec.RunID, TaskID: spec.ID, Purpose: "codex",
		Image: spec.Image, Runtime: spec.Runtime,
		Command: codex.Command(spec),
		Env:     spec.Env,
		Files:   files,
		Tree:    tree,
		Mode:    spec.SandboxMode,
		Network: spec.Network,
		Limits:  spec.Limits,
	}, nil
}

// describe says in one line what a spec would run.
func describe(spec task.Spec) string {
	image := spec.Image
	if image == "" {
		image = "the runner image"
	}
	return fmt.Sprintf("It would run %s in %s: network %s, %s, %g CPUs, %s, %d processes, at most %v; paths %s; commands %s.",
		strings.Join(codex.Command(spec), " "), image, spec.Network, spec.SandboxMode,
		spec.Limits.CPUs, size(spec.Limits.MemoryBytes), spec.Limits.Pids, spec.Timeout.Round(time.Second),
		orNone(spec.AllowedPaths), orNone(spec.AllowedCommands))
}

func size(n int64) string { return fmt.Sprintf("%.3g GiB", float64(n)/(1<<30)) }

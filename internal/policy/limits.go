package policy

import (
	"fmt"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/config"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/codex-mcp-runner/codex-mcp-runner/policies"
)

// resolveLimits gives the limits of the request's resource policy, else the
// configuration's, with single ones replaced by the configuration.
func resolveLimits(req task.Request, cfg config.Config) (task.Limits, error) {
	name := cfg.ResourcePolicy
	if req.ResourcePolicy != "" {
		name = req.ResourcePolicy
	}
	if name != "conservative" && name != "normal" {
		return task.Limits{}, &task.Refusal{
			Where: "resource_policy", What: fmt.Sprintf("%q is not a resource policy.", clip(name)),
			Mend: `Use "conservative" or "normal".`,
		}
	}
	r, err := policies.ResourcesFor(name)
	if err != nil {
		return task.Limits{}, fmt.Errorf("resolve limits: %w", err)
	}
	o := cfg.Resources
	l := task.Limits{
		CPUs:        override(r.CPUs, o.CPUs),
		MemoryBytes: int64(override(r.Memory, o.Memory)),
		Pids:        override(r.Pids, o.Pids),
		OpenFiles:   override(r.OpenFiles, o.OpenFiles),
		FileBytes:   int64(override(r.FileBytes, o.FileBytes)),
		TmpBytes:    int64(override(r.Tmp, o.Tmp)),
		HomeBytes:   int64(override(r.Home, o.Home)),
		ShmBytes:    int64(override(r.Shm, o.Shm)),
	}
	return l, nil
}

func override[T comparable](policy, config T) T {
	var unset T
	if config != unset {
		return config
	}
	return policy
}

package sandbox

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/versions"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// minAPI is that of engine 20.10, the oldest that we have run on.
const minAPI = "1.41"

// Check finds out whether a container of the image could be run under the
// runtime; empty means the runner image and the engine's default. What stands in
// the way is a *task.Refusal. The first check of another image may take a minute:
// it fills the tools volume, so that no task pays for that out of its own time.
func (e *Engine) Check(ctx context.Context, image, runtime string) error {
	ground, err := e.ready(ctx, image, runtime)
	if err != nil || ground.Image.ID == ground.Runner.ID {
		return err
	}
	_, err = e.toolsVolume(ctx, ground.Runner)
	return err
}

// ground is what a container stands on, looked up and found good.
type ground struct {
	Engine Info
	// Image is what the container is made from, Runner what the tools come
	// from. They may be the same.
	Image, Runner imageFacts
	// Shell is the login shell of Image.
	Shell string
}

// ready checks the engine, the image and the runtime.
func (e *Engine) ready(ctx context.Context, image, runtime string) (ground, error) {
	info, err := e.known(ctx)
	if err != nil {
		return ground{}, err
	}
	if r := unusable(info); r != nil {
		return ground{}, r
	}
	if runtime != "" && !slices.Contains(info.Runtimes, runtime) {
		return ground{}, &task.Refusal{
			Where: "container_runtime",
			What:  fmt.Sprintf("The Docker engine knows no runtime %q; it has %s.", runtime, strings.Join(info.Runtimes, ", ")),
			Mend:  "Add it to the engine's configuration, or leave container_runtime out.",
		}
	}
	runner, err := e.image(ctx, e.opts.RunnerImage, info)
	if err != nil {
		return ground{}, err
	}
	g := ground{Engine: info, Image: runner, Runner: runner}
	if image == "" {
		image = e.opts.RunnerImage
	}
	if image != e.opts.RunnerImage {
		if g.Image, err = e.image(ctx, image, info); err != nil {
			return ground{}, err
		}
	}
	if g.Image.ID == g.Runner.ID {
		g.Shell = "/bin/bash" // its Dockerfile has bash and git
		return g, nil
	}
	if g.Shell, err = e.shell(ctx, image, g.Image); err != nil {
		return ground{}, err
	}
	return g, nil
}

// unusable says why no sandbox can be run on such an engine, or nil.
func unusable(i Info) *task.Refusal {
	var lacks []string
	for name, has := range map[string]bool{"memory": i.MemoryLimit, "pids": i.PidsLimit, "cpu": i.CPULimit} {
		if !has {
			lacks = append(lacks, name)
		}
	}
	slices.Sort(lacks)
	switch {
	case i.OS != "linux":
		return &task.Refusal{
			What: fmt.Sprintf("The Docker engine runs %s containers, and sandboxes are Linux containers.", i.OS),
			Mend: "Switch Docker Desktop to Linux containers.",
		}
	case versions.LessThan(i.API, minAPI):
		return &task.Refusal{
			What: fmt.Sprintf("The Docker engine %s speaks API %s, and sandboxes need %s.", i.Version, i.API, minAPI),
			Mend: "Update Docker to 20.10 or later.",
		}
	case i.Rootless:
		return &task.Refusal{
			What: "The Docker engine is rootless, which is not supported yet: files in the worktree would change their owner.",
			Mend: "Point DOCKER_HOST at an engine that runs as root.",
		}
	case i.UserNamespaces:
		return &task.Refusal{
			What: "The Docker engine remaps user namespaces, which is not supported yet: files in the worktree would change their owner.",
			Mend: "Switch userns-remap off in the engine's configuration, or point DOCKER_HOST at another engine.",
		}
	case len(lacks) > 0:
		return &task.Refusal{
			What: fmt.Sprintf("The Docker engine cannot enforce limits of %s, so nothing would stop a runaway task.", strings.Join(lacks, " and ")),
			Mend: "Enable the missing cgroup controllers in the kernel; `docker info` names them.",
		}
	}
	return nil
}

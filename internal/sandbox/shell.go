package sandbox

import (
	"context"
	"errors"
	"fmt"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// purposeProbe labels a container that is only looked into.
const purposeProbe = "probe"

// shell finds the login shell that an image has, once for each image. It looks
// into a container of its own that is never started: to look into one with
// mounts, the engine would mount the worktree on its side.
func (e *Engine) shell(ctx context.Context, image string) (shell string, err error) {
	e.mu.Lock()
	known := e.shells[image]
	e.mu.Unlock()
	if known != "" {
		return known, nil
	}
	labels := e.opts.Owner.labels()
	labels[labelPurpose] = purposeProbe
	id, err := e.create(ctx, createTimeout, purposeProbe,
		&container.Config{Image: image, Entrypoint: []string{"/bin/sh"}, Labels: labels},
		&container.HostConfig{NetworkMode: "none"})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, e.remove(ctx, id)) }()
	for _, shell := range []string{"/bin/bash", "/bin/sh"} {
		_, err := e.api.ContainerStatPath(ctx, id, shell)
		if errdefs.IsNotFound(err) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("look for %s in the image: %w", shell, err)
		}
		e.mu.Lock()
		e.shells[image] = shell
		e.mu.Unlock()
		return shell, nil
	}
	return "", &task.Refusal{
		Where: "image", What: "The image has no shell: neither /bin/bash nor /bin/sh.",
		Mend: "Use an image with a shell and git.",
	}
}

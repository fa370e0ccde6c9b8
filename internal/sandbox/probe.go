package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// purposeProbe labels a container that is only looked into.
const purposeProbe = "probe"

// shell finds the login shell that an image has, and sees that it has git, once
// for each image. It looks into a container of its own that is never started: to
// look into one with mounts, the engine would mount the worktree on its side.
// What the image lacks is a *task.Refusal.
func (e *Engine) shell(ctx context.Context, ref string, image imageFacts) (shell string, err error) {
	e.mu.Lock()
	known := e.shells[image.ID]
	e.mu.Unlock()
	if known != "" {
		return known, nil
	}
	labels := e.opts.Owner.labels()
	labels[labelPurpose] = purposeProbe
	id, err := e.create(ctx, createTimeout, purposeProbe,
		&container.Config{Image: image.ID, Entrypoint: []string{"/bin/sh"}, Labels: labels},
		&container.HostConfig{NetworkMode: "none"})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, e.remove(ctx, id)) }()
	shell, err = e.firstProgram(ctx, id, "/bin/bash", "/bin/sh")
	if err != nil {
		return "", err
	}
	if shell == "" {
		return "", &task.Refusal{
			Where: "image", What: fmt.Sprintf("The image %q has no shell: neither /bin/bash nor /bin/sh.", ref),
			Mend: "Use an image with a shell and git, or leave image out.",
		}
	}
	var gits []string
	for dir := range strings.SplitSeq(pathOf(image.Env), ":") {
		gits = append(gits, path.Join(dir, "git"))
	}
	git, err := e.firstProgram(ctx, id, gits...)
	if err != nil {
		return "", err
	}
	if git == "" {
		return "", &task.Refusal{
			Where: "image", What: fmt.Sprintf("The image %q has no git, neither %s.", ref, strings.Join(gits, " nor ")),
			Mend: "Install git in it (`RUN apt-get update && apt-get install -y git`, `RUN apk add git`), or leave image out.",
		}
	}
	e.mu.Lock()
	e.shells[image.ID] = shell
	e.mu.Unlock()
	return shell, nil
}

// firstProgram gives the first of the files that is a program; empty if none is.
func (e *Engine) firstProgram(ctx context.Context, id string, files ...string) (string, error) {
	for _, file := range files {
		at := file
		for range 16 { // links
			stat, err := e.api.ContainerStatPath(ctx, id, at)
			if errdefs.IsNotFound(err) {
				break
			}
			if err != nil {
				return "", fmt.Errorf("look for %s in the image: %w", file, err)
			}
			if stat.Mode.IsRegular() && stat.Mode.Perm()&0o111 != 0 {
				return file, nil
			}
			if stat.Mode&fs.ModeSymlink == 0 {
				break
			}
			if at = stat.LinkTarget; !path.IsAbs(at) {
				at = path.Join(path.Dir(file), at)
			}
		}
	}
	return "", nil
}

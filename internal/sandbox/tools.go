package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/volume"
	"github.com/gofrs/flock"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

const (
	toolsPrefix = "codex-mcp-runner-tools-"
	// readySuffix names the volume that says that the other one is full. A
	// volume cannot be renamed or relabelled, and the engine fills one in
	// place: whoever finds it half full must be able to tell.
	readySuffix = "-ready"
	// purposeTools labels the container that fills a tools volume.
	purposeTools = "tools"
)

// toolsVolume gives the name of the volume with the runner image's ToolsDir,
// and fills it first if it is not there. It may be called at once from many
// goroutines, processes and hosts.
func (e *Engine) toolsVolume(ctx context.Context, runner imageFacts) (string, error) {
	name := toolsName(runner.ID)
	if ready, err := e.hasVolumes(ctx, name, name+readySuffix); err != nil || ready {
		return name, err
	}
	e.tools.Lock()
	defer e.tools.Unlock()
	// Other processes of this host wait at the file; hosts that share an engine
	// meet at the volume, which cannot be removed while another fills it.
	if err := os.MkdirAll(e.opts.StateDir, 0o700); err != nil {
		return "", fmt.Errorf("lock tools volume: %w", err)
	}
	lock := flock.New(filepath.Join(e.opts.StateDir, "tools.lock"))
	if _, err := lock.TryLockContext(ctx, 50*time.Millisecond); err != nil {
		return "", fmt.Errorf("lock tools volume: %w", err)
	}
	defer func() { _ = lock.Close() }() // unlocks

	for {
		if ready, err := e.hasVolumes(ctx, name, name+readySuffix); err != nil || ready {
			return name, err
		}
		err := e.api.VolumeRemove(ctx, name, false)
		if errdefs.IsConflict(err) { // in use: somebody fills it, or died doing so
			if _, err := e.reapContainers(ctx, labelPurpose+"="+purposeTools); err != nil {
				return "", err
			}
			select {
			case <-ctx.Done():
				return "", fmt.Errorf("wait for another host to fill the tools volume: %w", context.Cause(ctx))
			case <-time.After(200 * time.Millisecond):
			}
			continue
		}
		if err != nil && !errdefs.IsNotFound(err) {
			return "", fmt.Errorf("remove unfinished tools volume: %w", err)
		}
		return name, e.fillTools(ctx, name, runner)
	}
}

func toolsName(imageID string) string {
	id := strings.TrimPrefix(imageID, "sha256:")
	return toolsPrefix + id[:min(12, len(id))]
}

// hasVolumes says whether all are there: `docker volume prune` may take one of them.
func (e *Engine) hasVolumes(ctx context.Context, names ...string) (bool, error) {
	for _, name := range names {
		_, err := e.api.VolumeInspect(ctx, name)
		if errdefs.IsNotFound(err) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("look up tools volume: %w", err)
		}
	}
	return true, nil
}

// fillTools makes the volume and has the engine copy the image's directory
// into it, which it does when a container is created: nothing has to run.
func (e *Engine) fillTools(ctx context.Context, name string, runner imageFacts) (err error) {
	began := time.Now()
	labels := map[string]string{labelTools: runner.ID}
	if _, err := e.api.VolumeCreate(ctx, volume.CreateOptions{Name: name, Labels: labels}); err != nil {
		return fmt.Errorf("make tools volume: %w", err)
	}
	filler := e.opts.Owner.labels()
	filler[labelPurpose] = purposeTools
	created, err := e.create(ctx, fillTimeout, "tools",
		&container.Config{Image: runner.ID, Entrypoint: []string{task.SandboxInit}, Labels: filler},
		&container.HostConfig{
			NetworkMode: "none",
			Mounts:      []mount.Mount{{Type: mount.TypeVolume, Source: name, Target: task.ToolsDir}},
		})
	if err != nil {
		return fmt.Errorf("fill tools volume: %w", err)
	}
	_, statErr := e.api.ContainerStatPath(ctx, created, task.SandboxInit)
	if err := errors.Join(statErr, e.remove(ctx, created)); err != nil {
		return fmt.Errorf("fill tools volume: %w", err)
	}
	if _, err := e.api.VolumeCreate(ctx, volume.CreateOptions{Name: name + readySuffix, Labels: labels}); err != nil {
		return fmt.Errorf("mark tools volume as full: %w", err)
	}
	e.log.Info("tools volume filled", "volume", name, "took", time.Since(began).Round(time.Millisecond))
	return nil
}

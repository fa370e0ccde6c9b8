package sandbox

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

const (
	createTimeout = 2 * time.Minute
	// fillTimeout is for a create that copies the tools, 0.6 GB, to a disk that may be busy.
	fillTimeout = 10 * time.Minute
	// cleanupTimeout bounds each step of taking a container down.
	cleanupTimeout = 30 * time.Second
)

// Run makes a container, runs its command, and returns when the container is
// gone, with all its output delivered. If ctx ends first, the container is
// killed and the error wraps the context's cause. If a writer of s fails, or
// the tunnel does, the container is killed and the error is that. What the
// caller can mend is a *task.Refusal; any other error means that the engine
// or this package broke. Exit says what is known in every case; Exit.Code is
// -1 where there is none. A Stdin that blocks for ever outlives Run.
func (e *Engine) Run(ctx context.Context, c task.Container, s task.Streams) (exit task.Exit, err error) {
	exit = task.Exit{Code: -1}
	if err := admit(c); err != nil {
		return exit, err
	}
	ground, err := e.ready(ctx, c.Image, c.Runtime)
	if err != nil {
		return exit, err
	}
	exit.ImageID = ground.Image.ID

	var notes []string
	c.Limits, notes = clamp(c.Limits, ground.Engine)
	log := e.log.With("run", c.RunID, "task", c.TaskID, "purpose", c.Purpose)
	for _, note := range notes {
		log.Info("limit clamped", "what", note)
	}
	recipe := recipe{
		Container: c, Image: ground.Image, Engine: ground.Engine, Owner: e.opts.Owner,
		Tunnel: s.Tunnel != nil,
	}

	files, err := e.newFilesDir()
	if err != nil {
		return exit, err
	}
	defer func() { err = errors.Join(err, files.remove()) }()
	if err := files.addAll(c, ground.Shell); err != nil {
		return exit, err
	}
	recipe.Files = files.files
	if ground.Image.ID != ground.Runner.ID {
		if recipe.ToolsVolume, err = e.toolsVolume(ctx, ground.Runner); err != nil {
			return exit, err
		}
	}

	config, host := convert(recipe)
	exit.CreatedAt = time.Now()
	id, err := e.create(ctx, createTimeout, c.TaskID, config, host)
	if err != nil {
		return exit, e.explainCreate(err)
	}
	defer func() { err = errors.Join(err, e.remove(ctx, id)) }()

	b := &box{engine: e, id: id, log: log, streams: s, bridgeUser: bridgeUser(c.Tree), exit: exit}
	err = b.live(ctx)
	return b.exit, err
}

// create makes a container under a name that a person can read in `docker ps`.
// It cannot be cancelled: the engine would go on, and nobody would know the id.
func (e *Engine) create(ctx context.Context, within time.Duration, about string, config *container.Config, host *container.HostConfig) (string, error) {
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, about)
	chance := make([]byte, 6)
	_, _ = rand.Read(chance) // never fails, says crypto/rand
	name := "codex-mcp-" + safe[:min(len(safe), 40)] + "-" + hex.EncodeToString(chance)

	detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	created, err := e.api.ContainerCreate(detached, config, host, nil, nil, name)
	if err != nil {
		err = e.refuse("create container "+name, err)
		if detached.Err() != nil { // the engine may have made it nevertheless
			err = errors.Join(err, e.remove(ctx, name))
		}
		return "", err
	}
	e.warnOnce(created.Warnings)
	return created.ID, nil
}

// explainCreate finds the reason that a user can mend.
func (e *Engine) explainCreate(err error) error {
	if errdefs.IsInvalidArgument(err) && !isLocal(e.endpoint) {
		return &task.Refusal{
			What: fmt.Sprintf("The Docker engine at %s cannot mount the worktree: %v.", e.endpoint, err),
			Mend: "Use an engine on this host: remote ones are not supported yet.", Err: err,
		}
	}
	return err
}

// remove takes a container down, running or not, with its anonymous volumes. A
// container that is gone already is fine.
func (e *Engine) remove(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	for {
		err := e.api.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
		switch {
		case err == nil || errdefs.IsNotFound(err):
			return nil
		case errdefs.IsConflict(err): // somebody else is removing it: see it gone
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
				continue
			}
		}
		return fmt.Errorf("remove container %s: %w", id, err)
	}
}

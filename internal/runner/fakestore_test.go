package runner_test

import (
	"context"
	"slices"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/runner"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// store names commits by what is in them: the base and each patch, with + between.
type store struct{ *world }

func (s store) Commit(ctx context.Context, start string, patch []byte, _ string) (string, error) {
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err := s.commit(string(patch)); err != nil {
		return "", err
	}
	return start + "+" + string(patch), nil
}

func (s store) Merge(ctx context.Context, commits []string, _ string) (string, []string, error) {
	s.mu.Lock()
	s.merges = append(s.merges, slices.Clone(commits))
	s.mu.Unlock()
	if err := s.merge(commits); err != nil {
		return "", nil, err
	}
	if ctx.Err() != nil {
		return "", nil, context.Cause(ctx)
	}
	all := strings.Split(commits[0], "+")
	for _, c := range commits[1:] {
		for _, patch := range strings.Split(c, "+") {
			if slices.Contains(all, patch) {
				continue
			}
			for _, other := range all {
				if paths := s.conflict(other, patch); len(paths) > 0 {
					return "", paths, nil
				}
			}
			all = append(all, patch)
		}
	}
	return strings.Join(all, "+"), nil, nil
}

func (s store) Create(_ context.Context, name, commit, dir string) (runner.Workspace, error) {
	if err := s.create(name); err != nil {
		return nil, err
	}
	s.did("create %s %s %s", name, commit, dir)
	return tree{s.world, name}, nil
}

type tree struct {
	*world
	name string
}

func (t tree) Tree() task.Tree { return task.Tree{Dir: "/work/" + t.name, UID: 1, GID: 1} }

func (t tree) Collect(ctx context.Context, _ task.Spec) (task.Changes, error) {
	t.did("collect %s", t.name)
	if ctx.Err() != nil {
		return task.Changes{}, ctx.Err()
	}
	return t.collect(t.name)
}

func (t tree) Rollout(_ context.Context, limit int64) ([]byte, error) {
	t.did("rollout %s", t.name)
	b, err := t.rollout(t.name)
	return b[:min(int64(len(b)), limit)], err
}

func (t tree) Remove(ctx context.Context, keep bool) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	t.did("remove %s keep=%t", t.name, keep)
	return t.remove(t.name)
}

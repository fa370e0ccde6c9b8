package main

import (
	"context"
	"fmt"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/sandbox"
)

// sweepEngine lists what dead processes and older versions left on the engine.
func (s *service) sweepEngine(ctx context.Context) ([]gcSweep, error) {
	engine, err := s.openEngine()
	if err != nil {
		return nil, err
	}
	left, err := engine.Leftovers(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for leftovers on the engine: %w", err)
	}
	items := engineItems(left)
	return []gcSweep{{items, func(ctx context.Context) ([]gcItem, error) {
		if err := engine.RemoveLeftovers(ctx, left); err != nil {
			return nil, fmt.Errorf("remove leftovers from the engine: %w", err)
		}
		return items, nil
	}}}, nil
}

func engineItems(left sandbox.Leftovers) []gcItem {
	items := []gcItem{}
	for _, c := range left.Containers {
		items = append(items, gcItem{Kind: "container", Name: c.Name, About: fmt.Sprintf("%s, of task %s in run %s", c.State, c.TaskID, c.RunID)})
	}
	for _, dir := range left.Dirs {
		items = append(items, gcItem{Kind: "files", Name: dir})
	}
	for _, v := range left.Volumes {
		items = append(items, gcItem{Kind: "volume", Name: v.Name, Bytes: max(0, v.Bytes)})
	}
	for _, i := range left.Images {
		for _, tag := range i.Tags {
			items = append(items, gcItem{Kind: "image", Name: tag, About: "Codex " + i.Codex, Bytes: i.Bytes})
		}
	}
	return items
}

package main

import (
	"context"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/workspace"
)

// recover cleans up after servers that died in the middle of a run, once for
// each journal.
func (s *service) recover(ctx context.Context, at place, runs *journal.Journal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.recovered[at.home] {
		return
	}
	s.recovered[at.home] = true
	lost, err := runs.Recover(func(rec journal.Record) error {
		return workspace.RemoveStaleBelow(ctx, at.repo.CommonDir(), rec.WorkDir)
	})
	if err != nil {
		s.o.Log.Warn("clean up after lost runs", "err", err)
	}
	for _, rec := range lost {
		s.o.Log.Warn("a run was lost with its server; its journal stays", "run", rec.RunID)
	}
}

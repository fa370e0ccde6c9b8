package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/workspace"
)

// recover cleans up after servers that died in the middle of a run or of an apply,
// once for each checkout. Runs that live are left alone, whichever checkout of the
// repository they belong to: their processes hold their locks.
func (s *service) recover(ctx context.Context, at place, runs *journal.Journal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.recovered[at.repo.Root()] {
		return
	}
	s.recoverCheckout(ctx, at)
	lost, err := runs.Recover(func(rec journal.Record) error {
		// Not what the record says: a record that is wrong must not name what is removed.
		return workspace.RemoveStaleBelow(ctx, at.repo.CommonDir(), at.workDir(rec.RunID))
	})
	if err != nil {
		s.o.Log.Warn("clean up after lost runs", "err", err)
	}
	s.recovered[at.repo.Root()] = ctx.Err() == nil // a call that was cancelled leaves it to the next
	for _, rec := range lost {
		s.o.Log.Warn("a run was lost with its server; its journal stays", "run", rec.RunID)
	}
}

// recoverHere does so before any call, for the repository that a client without
// roots would mean. There may be none: then the first call finds its own.
func (s *service) recoverHere(ctx context.Context, f *rootFlags) {
	dir, err := f.dir()
	if err != nil {
		return
	}
	at, err := s.find(ctx, dir)
	if err != nil {
		return
	}
	if _, err := os.Stat(filepath.Join(at.home, "runs")); err == nil {
		s.recover(ctx, at, at.journal())
	}
}

// recoverCheckout undoes what an apply that was killed has done to the checkout.
func (s *service) recoverCheckout(ctx context.Context, at place) {
	rescued, err := at.repo.RecoverCheckout(ctx)
	if err != nil {
		s.o.Log.Warn("undo an apply that was interrupted", "err", err)
	}
	if len(rescued) > 0 {
		s.o.Log.Warn("an apply was interrupted; these files were changed meanwhile and are kept", "files", rescued)
	}
}

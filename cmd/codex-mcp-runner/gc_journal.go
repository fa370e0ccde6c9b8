package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/config"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/workspace"
)

// sweeps lists all that can go. What could be looked at is good also if there is
// an error.
func (s *service) sweeps(ctx context.Context, scope gcScope) ([]gcSweep, error) {
	kept, err := s.journalSweeps(ctx, scope)
	left, lerr := s.sweepEngine(ctx)
	return append(kept, left...), errors.Join(err, lerr)
}

// journalSweeps lists what can go of the journal of one repository, or of all.
func (s *service) journalSweeps(ctx context.Context, scope gcScope) ([]gcSweep, error) {
	if !scope.all {
		at, err := s.find(ctx, scope.dir)
		if err != nil {
			return nil, err
		}
		one, err := s.sweepRuns(at)
		return []gcSweep{one}, err
	}
	root, err := journal.Root(s.o.Getenv)
	if err != nil {
		return nil, err
	}
	homes, err := journal.Homes(root)
	errs := []error{err}
	var all []gcSweep
	for _, home := range homes {
		one, err := s.sweepHome(ctx, home, scope.gone)
		all = append(all, one)
		errs = append(errs, err)
	}
	return all, errors.Join(errs...)
}

// sweepHome is sweepRuns for a repository that is known by its journal only.
func (s *service) sweepHome(ctx context.Context, home journal.HomeInfo, gone bool) (gcSweep, error) {
	if home.Gone && gone {
		item := gcItem{Kind: "repository", Name: home.Path, About: fmt.Sprintf("%d runs of %s", home.Runs, home.Repository), Bytes: home.Bytes}
		return gcSweep{[]gcItem{item}, func(context.Context) ([]gcItem, error) {
			if err := journal.RemoveHome(home.Path); err != nil {
				return nil, err
			}
			return []gcItem{item}, nil
		}}, nil
	}
	if home.Repository == "" || home.Gone {
		return sweepJournal(journal.At(home.Path), config.Default().MaxRunsRetained, nil)
	}
	at, err := s.find(ctx, home.Repository)
	if err != nil {
		return gcSweep{}, fmt.Errorf("look at %s: %w", home.Repository, err)
	}
	if at.home != home.Path { // the directory is in another repository now
		return sweepJournal(journal.At(home.Path), config.Default().MaxRunsRetained, nil)
	}
	return s.sweepRuns(at)
}

// sweepRuns lists what can go of a repository's journal.
func (s *service) sweepRuns(at place) (gcSweep, error) {
	cfg, err := loadConfig(at.repo.Root())
	if err != nil {
		return gcSweep{}, err
	}
	return sweepJournal(at.journal(), cfg.MaxRunsRetained, func(ctx context.Context, dir string) error {
		return workspace.RemoveStaleBelow(ctx, at.repo.CommonDir(), dir)
	})
}

// sweepJournal removes work directories with removeWork; nil: as files, since the
// repository is not there to be told.
func sweepJournal(runs *journal.Journal, keep int, removeWork func(ctx context.Context, dir string) error) (gcSweep, error) {
	found, err := runs.Garbage(keep)
	return gcSweep{journalItems(found), func(ctx context.Context) ([]gcItem, error) {
		var remove func(string) error
		if removeWork != nil {
			remove = func(dir string) error { return removeWork(ctx, dir) }
		}
		removed, err := runs.Remove(found, remove)
		return journalItems(removed), err
	}}, err
}

func journalItems(found []journal.Item) []gcItem {
	items := make([]gcItem, 0, len(found))
	for _, f := range found {
		item := gcItem{Kind: string(f.Kind), Name: f.Path, Bytes: f.Bytes}
		if !f.CreatedAt.IsZero() {
			item.About = "of " + f.CreatedAt.Local().Format("2006-01-02 15:04")
		}
		items = append(items, item)
	}
	return items
}

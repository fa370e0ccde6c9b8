package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/config"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/console"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
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
		if r := (*task.Refusal)(nil); errors.As(err, &r) {
			return nil, &task.Refusal{Where: r.Where, What: r.What, Mend: r.Mend + " With --all it is the runs of all repositories.", Err: err}
		}
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
		item := gcItem{Kind: "repository", Name: home.Path, About: console.Count(home.Runs, "run", "runs") + " of " + home.Repository, Bytes: home.Bytes}
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
	// The main checkout's configuration says how many runs are kept. A bare repository
	// has none, and a submodule's is elsewhere: then that of the last run.
	checkouts := []string{home.Checkout}
	if main, name := filepath.Split(home.Repository); name == ".git" {
		checkouts = []string{main, home.Checkout}
	}
	var errs []error
	for _, dir := range checkouts {
		if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		at, err := s.find(ctx, dir)
		if err != nil {
			errs = append(errs, fmt.Errorf("look at %s: %w", dir, err))
		} else if at.home == home.Path { // else it is another repository's now
			return s.sweepRuns(at)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return gcSweep{}, err
	}
	return sweepJournal(journal.At(home.Path), config.Default().MaxRunsRetained, staleBelow(home.Repository))
}

// sweepRuns lists what can go of a repository's journal.
func (s *service) sweepRuns(at place) (gcSweep, error) {
	cfg, err := loadConfig(at.repo.Root())
	if err != nil {
		return gcSweep{}, err
	}
	return sweepJournal(at.journal(), cfg.MaxRunsRetained, staleBelow(at.repo.CommonDir()))
}

// staleBelow removes a work directory, and tells the repository.
func staleBelow(commonDir string) func(ctx context.Context, dir string) error {
	return func(ctx context.Context, dir string) error { return workspace.RemoveStaleBelow(ctx, commonDir, dir) }
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

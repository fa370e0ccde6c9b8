package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
)

// The point of a dry run is that it says what a run does.
func TestADryRunListsExactlyWhatARunRemoves(t *testing.T) {
	p := newPast(t)
	home := filepath.Dir(p.runs)
	for i, id := range []string{"r1", "r2", "r3"} {
		p.keep(t, id, time.Unix(int64(i), 0), ended{id: "a", verdict: succeeded, patch: aPatch})
		if err := journal.At(home).MarkSeen(id); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"work/r1/a", "work/forgotten/a", "work/r3/a"} {
		if err := os.MkdirAll(filepath.Join(home, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	var worktrees []string
	look := func(dryRun bool) gcResult {
		t.Helper()
		one, err := sweepJournal(journal.At(home), 1, func(_ context.Context, dir string) error {
			worktrees = append(worktrees, filepath.Base(dir))
			return os.RemoveAll(dir)
		})
		if err != nil {
			t.Fatal(err)
		}
		result, err := sweep(t.Context(), []gcSweep{one}, dryRun)
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	dry := look(true)
	var names []string
	for _, item := range dry.Items {
		names = append(names, item.Kind+" "+filepath.Base(item.Name))
	}
	if diff := cmp.Diff([]string{"run r1", "run r2", "work forgotten", "work r1"}, names); diff != "" || dry.Bytes == 0 {
		t.Errorf("dry run of %d bytes:\n%s", dry.Bytes, diff)
	}
	for _, path := range []string{"runs/r1", "runs/r2", "work/r1", "work/forgotten"} {
		if _, err := os.Lstat(filepath.Join(home, path)); err != nil {
			t.Errorf("a dry run changed something: %v", err)
		}
	}
	wet := look(false)
	if diff := cmp.Diff(dry.Items, wet.Items); diff != "" || wet.Bytes != dry.Bytes || wet.DryRun {
		t.Errorf("%d bytes of %d (-dry +wet):\n%s", wet.Bytes, dry.Bytes, diff)
	}
	if diff := cmp.Diff([]string{"forgotten", "r1"}, worktrees); diff != "" {
		t.Errorf("git is told of:\n%s", diff)
	}
	if again := look(true); len(again.Items) != 0 {
		t.Errorf("something is left: %+v", again.Items)
	}
}

func TestASweepGoesOnAfterAnErrorAndTellsOnlyWhatWent(t *testing.T) {
	broken := errors.New("broken")
	a, b, c := gcItem{Kind: "run", Name: "a", Bytes: 1}, gcItem{Kind: "run", Name: "b", Bytes: 2}, gcItem{Kind: "image", Name: "c", Bytes: 4}
	sweeps := []gcSweep{
		{[]gcItem{a, b}, func(context.Context) ([]gcItem, error) { return []gcItem{b}, broken }},
		{[]gcItem{c}, func(context.Context) ([]gcItem, error) { return []gcItem{c}, nil }},
	}
	got, err := sweep(t.Context(), sweeps, false)
	if diff := cmp.Diff(gcResult{Items: []gcItem{b, c}, Bytes: 6}, got); diff != "" || !errors.Is(err, broken) {
		t.Errorf("%v\n%s", err, diff)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := sweep(ctx, sweeps, false); err == nil || len(got.Items) > 0 {
		t.Errorf("after Ctrl-C: %+v, %v", got, err)
	}
}

func TestGCOfAGoneRepository(t *testing.T) {
	p := newPast(t)
	p.keep(t, "r1", time.Unix(1, 0), ended{id: "a", verdict: succeeded})
	if err := os.RemoveAll(p.repo); err != nil {
		t.Fatal(err)
	}
	svc, err := newService(serviceOptions{Getenv: os.Getenv, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer svc.Close()
	for _, c := range []struct {
		scope gcScope
		want  int
	}{
		{gcScope{all: true}, 0},
		{gcScope{all: true, gone: true, dryRun: true}, 1},
		{gcScope{all: true, gone: true}, 1},
		{gcScope{all: true, gone: true}, 0},
	} {
		sweeps, err := svc.journalSweeps(t.Context(), c.scope)
		if err != nil {
			t.Fatal(err)
		}
		got, err := sweep(t.Context(), sweeps, c.scope.dryRun)
		if err != nil || len(got.Items) != c.want {
			t.Errorf("%+v: %v, %+v", c.scope, err, got.Items)
		}
	}
	if _, err := os.Lstat(p.runs); err == nil {
		t.Error("the journal is still there")
	}
}

// gc of all repositories goes by the main checkout's configuration, also if the last
// run was made in a linked one that is gone.
func TestGCOfARepositoryWhoseLinkedWorktreeIsGone(t *testing.T) {
	p := newPastWithCommit(t)
	if err := os.WriteFile(filepath.Join(p.repo, ".mcp-codex.json"), []byte(`{"max_runs_retained": 1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	home := filepath.Dir(p.runs)
	for i, id := range []string{"r1", "r2"} {
		p.keep(t, id, time.Unix(int64(i), 0), ended{id: "a", verdict: succeeded})
		if err := journal.At(home).MarkSeen(id); err != nil {
			t.Fatal(err)
		}
	}
	gone := filepath.Join(t.TempDir(), "gone")
	if _, err := journal.Open(home, filepath.Join(p.repo, ".git"), gone); err != nil {
		t.Fatal(err)
	}
	sweeps, err := p.service(t).journalSweeps(t.Context(), gcScope{all: true, gone: true})
	if err != nil || len(sweeps) != 1 || len(sweeps[0].items) != 1 || sweeps[0].items[0].Name != filepath.Join(p.runs, "r1") {
		t.Errorf("%+v, %v", sweeps, err)
	}
}

// A bare repository has no checkout of its own.
func TestGCOfABareRepositoryWithAWorktree(t *testing.T) {
	p := newPastWithCommit(t)
	bare, linked := filepath.Join(t.TempDir(), "app.git"), filepath.Join(t.TempDir(), "lwt")
	p.git(t, "clone", "-q", "--bare", p.repo, bare)
	p.git(t, "-C", bare, "worktree", "add", "-q", linked)
	svc := p.service(t)
	at, err := svc.find(t.Context(), linked)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Open(at.home, at.repo.CommonDir(), at.repo.Root()); err != nil {
		t.Fatal(err)
	}
	for _, change := range []func() error{
		func() error { return nil },
		func() error { return os.WriteFile(filepath.Join(linked, ".mcp-codex.json"), []byte("{"), 0o600) },
		func() error { return os.RemoveAll(linked) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		_, err := svc.journalSweeps(t.Context(), gcScope{all: true, gone: true})
		_, broken := os.Lstat(filepath.Join(linked, ".mcp-codex.json"))
		if (err != nil) != (broken == nil) {
			t.Errorf("with a broken configuration %t: %v", broken == nil, err)
		}
	}
}

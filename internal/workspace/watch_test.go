package workspace_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// seen is "severity evidence" of every finding.
func seen(t testing.TB, changed func(context.Context) ([]task.Finding, error)) []string {
	t.Helper()
	found, err := changed(context.Background())
	must(t, err)
	var out []string
	for _, f := range found {
		if f.Rule != "repository-changed" || f.Detail == "" {
			t.Errorf("odd finding %+v", f)
		}
		out = append(out, string(f.Severity)+" "+f.Evidence)
	}
	return out
}

func TestWatchSeesWhatChanged(t *testing.T) {
	base := func(t *testing.T) string {
		repo := newRepo(t, map[string]string{"a": "a\n", "b": "b\n"})
		write(t, repo, map[string]string{".git/hooks/pre-commit!": "#!/bin/sh\n", ".git/info/exclude": "x\n"})
		git(t, repo, "branch", "other")
		git(t, repo, "branch", "packed")
		git(t, repo, "pack-refs", "--all")
		git(t, repo, "branch", "loose")
		return repo
	}
	for name, tt := range map[string]struct {
		do   func(t *testing.T, repo string)
		want []string
	}{
		"nothing":   {func(*testing.T, string) {}, nil},
		"read only": {func(t *testing.T, repo string) { git(t, repo, "log"); git(t, repo, "gc", "--quiet") }, nil},
		"config":    {func(t *testing.T, repo string) { git(t, repo, "config", "x.y", "z") }, []string{"warning config"}},
		"same size, same time": {func(t *testing.T, repo string) {
			path := filepath.Join(repo, ".git/hooks/pre-commit")
			info, err := os.Stat(path)
			must(t, err)
			must(t, os.WriteFile(path, []byte("#!/bin/zh\n"), 0o755))
			must(t, os.Chtimes(path, info.ModTime(), info.ModTime()))
		}, []string{"warning hooks/pre-commit"}},
		"new hook": {func(t *testing.T, repo string) { write(t, repo, map[string]string{".git/hooks/post-merge!": ""}) }, []string{"warning hooks/post-merge"}},
		"no hook":  {func(t *testing.T, repo string) { must(t, os.RemoveAll(filepath.Join(repo, ".git/hooks"))) }, []string{"warning hooks/applypatch-msg.sample, hooks/commit-msg.sample, hooks/fsmonitor-watchman.sample, hooks/post-update.sample, hooks/pre-applypatch.sample and 9 more"}},
		"hook mode": {func(t *testing.T, repo string) {
			must(t, os.Chmod(filepath.Join(repo, ".git/hooks/pre-commit"), 0o644))
		}, []string{"warning hooks/pre-commit"}},
		"touched": {func(t *testing.T, repo string) {
			write(t, repo, map[string]string{".git/hooks/pre-commit!": "#!/bin/sh\n"})
		}, nil},
		"attributes": {func(t *testing.T, repo string) {
			write(t, repo, map[string]string{".git/info/attributes": "* -text\n"})
		}, []string{"warning info/attributes"}},
		"exclude": {func(t *testing.T, repo string) { write(t, repo, map[string]string{".git/info/exclude": "*\n"}) }, []string{"warning info/exclude"}},
		"alternates": {func(t *testing.T, repo string) {
			write(t, repo, map[string]string{".git/objects/info/alternates": "/x\n"})
		}, []string{"warning objects/info/alternates"}},
		"worktree config": {func(t *testing.T, repo string) { write(t, repo, map[string]string{".git/config.worktree": "[a]\n"}) }, []string{"warning config.worktree"}},
		"commit": {func(t *testing.T, repo string) {
			write(t, repo, map[string]string{"n": "n"})
			git(t, repo, "add", "-A")
			git(t, repo, "commit", "--quiet", "-m", "x")
		}, []string{"info refs/heads/main", "info index"}},
		"packed ref":   {func(t *testing.T, repo string) { git(t, repo, "branch", "-D", "packed") }, []string{"info refs/heads/packed"}},
		"loose ref":    {func(t *testing.T, repo string) { git(t, repo, "branch", "-D", "loose") }, []string{"info refs/heads/loose"}},
		"symbolic ref": {func(t *testing.T, repo string) { git(t, repo, "symbolic-ref", "refs/heads/loose", "refs/heads/main") }, []string{"info refs/heads/loose"}},
		"pack-refs":    {func(t *testing.T, repo string) { git(t, repo, "pack-refs", "--all") }, nil},
		"switch":       {func(t *testing.T, repo string) { git(t, repo, "symbolic-ref", "HEAD", "refs/heads/other") }, []string{"info refs/heads/main -> refs/heads/other"}},
		"many tags": {func(t *testing.T, repo string) {
			for _, tag := range strings.Fields("a b c d e f g") {
				git(t, repo, "tag", tag)
			}
		}, []string{"info refs/tags/a, refs/tags/b, refs/tags/c, refs/tags/d, refs/tags/e and 2 more"}},
		"index": {func(t *testing.T, repo string) { git(t, repo, "rm", "--quiet", "--cached", "a") }, []string{"info index"}},
		"stash and all": {func(t *testing.T, repo string) {
			git(t, repo, "config", "x.y", "z")
			write(t, repo, map[string]string{".git/hooks/x!": ""})
			git(t, repo, "tag", "v1")
		}, []string{"warning config", "warning hooks/x", "info refs/tags/v1"}},
		"shallow": {func(t *testing.T, repo string) {
			write(t, repo, map[string]string{".git/shallow": git(t, repo, "rev-parse", "HEAD")})
		}, []string{"info shallow"}},
		"the user's files alone": {func(t *testing.T, repo string) {
			write(t, repo, map[string]string{"a": "changed\n", ".git/description": "x"})
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repo := base(t)
			changed, err := open(t, repo).Watch(context.Background())
			must(t, err)
			tt.do(t, repo)
			wantSame(t, "findings", seen(t, changed), tt.want)
			wantSame(t, "findings again", seen(t, changed), tt.want)
		})
	}
}

// An editor runs git status all day: what that writes into the index is no change.
func TestARefreshedIndexIsNoChange(t *testing.T) {
	for name, repo := range kinds(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			changed, err := open(t, repo).Watch(ctx)
			must(t, err)
			index := strings.TrimSpace(git(t, repo, "rev-parse", "--path-format=absolute", "--git-path", "index"))
			before := readFile(t, index)
			old := time.Now().Add(-time.Hour)
			for name := range strings.FieldsSeq(git(t, repo, "ls-files")) {
				_ = os.Chtimes(filepath.Join(repo, name), old, old) // not all are there
			}
			git(t, repo, "status")
			if readFile(t, index) == before {
				t.Fatal("git status did not refresh the index")
			}
			wantSame(t, "findings", seen(t, changed), []string(nil))
			git(t, repo, "update-index", "--assume-unchanged", "a")
			wantSame(t, "findings after a mark", seen(t, changed), []string{"info index"})
		})
	}
}

func TestWatchWorksInEveryRepositoryAndOurWorktreesAreNoChange(t *testing.T) {
	for name, repo := range kinds(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := open(t, repo)
			before := snapshot(t, r.CommonDir())
			changed, err := r.Watch(context.Background())
			must(t, err)
			wantSame(t, "git directory", snapshot(t, r.CommonDir()), before)
			w := create(t, r)
			write(t, w.Tree().Dir, map[string]string{"a": "x\n"})
			collect(t, w)
			wantSame(t, "findings with a live worktree", seen(t, changed), []string(nil))
			must(t, w.Remove(context.Background(), false))
			wantSame(t, "findings", seen(t, changed), []string(nil))
			git(t, repo, "config", "x.y", "z")
			git(t, repo, "tag", "new")
			git(t, repo, "symbolic-ref", "HEAD", "refs/heads/new")
			got := seen(t, changed)
			if len(got) != 3 || got[0] != "warning config" || !strings.HasSuffix(got[1], " -> refs/heads/new") || got[2] != "info refs/tags/new" {
				t.Errorf("findings: %q", got)
			}
		})
	}
}

func TestWatchFollowsHooksThatTheRepositoryKeepsElsewhere(t *testing.T) {
	repo := newRepo(t, nil)
	git(t, repo, "config", "core.hooksPath", ".git/own")
	write(t, repo, map[string]string{".git/own/pre-push!": "a"})
	changed, err := open(t, repo).Watch(context.Background())
	must(t, err)
	write(t, repo, map[string]string{".git/own/pre-push!": "b"})
	wantSame(t, "findings", seen(t, changed), []string{"warning own/pre-push"})
}

func BenchmarkWatch(b *testing.B) {
	r := open(b, bigRepo(b, 20_000))
	for b.Loop() {
		changed, err := r.Watch(b.Context())
		must(b, err)
		if found := seen(b, changed); found != nil {
			b.Fatal(found)
		}
	}
}

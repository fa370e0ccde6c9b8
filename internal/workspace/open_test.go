package workspace_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/workspace"
)

// wantRefusal checks that err tells the caller what is wrong, in these words, and what to do.
func wantRefusal(t *testing.T, err error, words string) {
	t.Helper()
	var refusal *task.Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("got %v, want a refusal", err)
	}
	if !strings.Contains(refusal.What, words) || refusal.Mend == "" {
		t.Errorf("got %q, %q; want %q and a mend", refusal.What, refusal.Mend, words)
	}
}

func fakeGit(t *testing.T, version string) string {
	t.Helper()
	path := filepath.Join(tempDir(t), "git")
	must(t, os.WriteFile(path, []byte("#!/bin/sh\necho git version "+version+"\n"), 0o755))
	return path
}

func TestOpenRefusesWhatIsNoCheckout(t *testing.T) {
	repo := newRepo(t, map[string]string{"a": "a"})
	bare := filepath.Join(tempDir(t), "bare")
	git(t, repo, "clone", "--quiet", "--bare", repo, bare)
	file := filepath.Join(repo, "a")
	theirs, theirGit := foreign(t)
	broken := filepath.Join(tempDir(t), "a\nb")
	must(t, os.MkdirAll(filepath.Join(broken, "sub"), 0o755))
	git(t, broken, "init", "--quiet")
	linked := filepath.Join(tempDir(t), "linked")
	git(t, broken, "commit", "--quiet", "--allow-empty", "-m", "x")
	git(t, broken, "worktree", "add", "--quiet", linked)
	for name, tt := range map[string]struct {
		dir, git, words string
	}{
		"absent":          {"/nowhere/at/all", "", "no directory"},
		"a file":          {file, "", "no directory"},
		"no repository":   {tempDir(t), "", "no git repository"},
		"bare":            {bare, "", "no working tree"},
		"inside .git":     {filepath.Join(repo, ".git", "refs"), "", "no working tree"},
		"no git":          {repo, "no-such-git", "no program no-such-git"},
		"git too old":     {repo, fakeGit(t, "2.37.7"), "too old"},
		"git much older":  {repo, fakeGit(t, "1.99.0"), "too old"},
		"a line break":    {filepath.Join(broken, "sub"), "", `holds a line break`},
		"one in .git's":   {linked, "", `holds a line break`},
		"somebody else's": {theirs, theirGit, "does not trust"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := workspace.Open(context.Background(), tt.dir, workspace.Options{Git: tt.git})
			wantRefusal(t, err, tt.words)
		})
	}
}

// What a refusal says to run is run as it stands.
func TestCommandsToPasteAreQuoted(t *testing.T) {
	git := filepath.Join(tempDir(t), "git")
	must(t, os.WriteFile(git, []byte("#!/bin/sh\n[ \"$1\" = version ] && echo git version 2.39.5 && exit\n"+
		"echo \"fatal: detected dubious ownership in repository at '/x'\" >&2; exit 128\n"), 0o755))
	dir := filepath.Join(tempDir(t), "a b'c")
	must(t, os.Mkdir(dir, 0o755))
	_, err := workspace.Open(context.Background(), dir, workspace.Options{Git: git})
	var refusal *task.Refusal
	if !errors.As(err, &refusal) {
		t.Fatal(err)
	}
	_, command, _ := strings.Cut(refusal.Mend, "run: ")
	out, err := exec.Command("sh", "-c", "git() { shift 4; printf %s \"$*\"; }\n"+command).Output()
	must(t, err)
	wantSame(t, "what the shell reads in "+refusal.Mend, string(out), dir)
}

// foreign is a repository that another user owns.
func foreign(t *testing.T) (dir, program string) {
	t.Helper()
	repo := newRepo(t, nil)
	if os.Geteuid() != 0 {
		// Without the right to give files away, git has to be played.
		program = filepath.Join(tempDir(t), "git")
		must(t, os.WriteFile(program, []byte("#!/bin/sh\n[ \"$1\" = version ] && echo git version 2.39.5 && exit\n"+
			"echo \"fatal: detected dubious ownership in repository at '/x'\" >&2; exit 128\n"), 0o755))
		return repo, program
	}
	must(t, os.Chown(repo, 10001, 10001))
	must(t, os.Chown(filepath.Join(repo, ".git"), 10001, 10001))
	return repo, ""
}

func TestOpenFindsTheTopLevel(t *testing.T) {
	repo := newRepo(t, map[string]string{"sub/dir/a": "a"})
	link := filepath.Join(tempDir(t), "link")
	must(t, os.Symlink(repo, link))
	linked := filepath.Join(tempDir(t), "linked")
	git(t, repo, "worktree", "add", "--quiet", linked)
	separate := filepath.Join(tempDir(t), "separate")
	gitDir := filepath.Join(tempDir(t), "elsewhere")
	git(t, repo, "clone", "--quiet", "--separate-git-dir", gitDir, repo, separate)
	for _, tt := range []struct{ dir, root, common string }{
		{repo, repo, filepath.Join(repo, ".git")},
		{filepath.Join(repo, "sub/dir"), repo, filepath.Join(repo, ".git")},
		{filepath.Join(link, "sub"), repo, filepath.Join(repo, ".git")},
		{linked, linked, filepath.Join(repo, ".git")},
		{separate, separate, gitDir},
	} {
		r := open(t, tt.dir)
		if r.Root() != tt.root || r.CommonDir() != tt.common {
			t.Errorf("%s: got %s, %s; want %s, %s", tt.dir, r.Root(), r.CommonDir(), tt.root, tt.common)
		}
	}
}

func TestResolve(t *testing.T) {
	ctx := context.Background()
	repo := newRepo(t, map[string]string{"a": "a"})
	head := strings.TrimSpace(git(t, repo, "rev-parse", "HEAD"))
	git(t, repo, "tag", "-a", "-m", "x", "v1")
	git(t, repo, "branch", "topic")
	git(t, repo, "tag", "a-tree", "HEAD^{tree}")
	r := open(t, repo)
	for _, ref := range []string{"", "HEAD", "main", "topic", "v1", "refs/tags/v1", head, head[:8], ":/base", "HEAD@{0}"} {
		got, err := r.Resolve(ctx, ref)
		if err != nil || got != head {
			t.Errorf("%q: got %s, %v; want %s", ref, got, err, head)
		}
	}
	for ref, words := range map[string]string{
		"nowhere":               "nowhere names nothing",
		"--all":                 "--all names nothing",
		"-h":                    "-h names nothing",
		"main..topic":           "names nothing",
		"main topic":            "names nothing",
		"a\nb":                  `"a\nb" names nothing`,
		"a\x00b":                "names nothing",
		"HEAD:a":                "HEAD:a names a blob",
		"a-tree":                "a-tree names a tree",
		strings.Repeat("0", 40): "names nothing",
	} {
		_, err := r.Resolve(ctx, ref)
		wantRefusal(t, err, words)
	}

	unborn := filepath.Join(tempDir(t), "unborn")
	git(t, repo, "init", "--quiet", unborn)
	_, err := open(t, unborn).Resolve(ctx, "")
	wantRefusal(t, err, "no commit yet")
}

func TestDirtyListsTheUsersChanges(t *testing.T) {
	ctx := context.Background()
	repo := newRepo(t, map[string]string{"a": "a", "b": "b", "c": "c"})
	r := open(t, repo)
	if got, total, err := r.Dirty(ctx, 10); err != nil || total != 0 || len(got) != 0 {
		t.Errorf("a clean checkout: %v, %d, %v", got, total, err)
	}
	write(t, repo, map[string]string{"a": "changed", "new\n\xff": "x", "dir/1": "", "dir/2": ""})
	must(t, os.Remove(filepath.Join(repo, "b")))
	git(t, repo, "mv", "c", "moved")
	before := snapshot(t, filepath.Join(repo, ".git"))
	got, total, err := r.Dirty(ctx, 4)
	must(t, err)
	wantSame(t, "paths", got, []string{"a", "b", "c", "moved"})
	if total != 6 {
		t.Errorf("total %d, want 6", total)
	}
	wantSame(t, ".git", snapshot(t, filepath.Join(repo, ".git")), before)
}

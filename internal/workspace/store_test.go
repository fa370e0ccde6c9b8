package workspace_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/workspace"
)

// patchOf makes a patch as a task would: files are written into a fresh
// workspace at commit; "" removes one.
func patchOf(t testing.TB, s *workspace.Store, commit string, files map[string]string) []byte {
	t.Helper()
	uid, gid := sandboxUID()
	w, err := s.Create(context.Background(), workspace.CreateOptions{
		Name: "patch", Commit: commit, Dir: filepath.Join(tempDir(t), "ws"), UID: uid, GID: gid,
	})
	must(t, err)
	for name, content := range files {
		if content == "" {
			must(t, os.RemoveAll(filepath.Join(w.Tree().Dir, name)))
			delete(files, name)
		}
	}
	write(t, w.Tree().Dir, files)
	c := collect(t, w)
	if !c.Applicable || len(c.Findings) > 0 {
		t.Fatalf("%s %v", c.ApplyLog, c.Findings)
	}
	must(t, w.Remove(context.Background(), false))
	return c.Patch
}

// change commits what a task that writes these files would have made.
func change(t testing.TB, s *workspace.Store, start, message string, files map[string]string) string {
	t.Helper()
	commit, err := s.Commit(context.Background(), start, patchOf(t, s, start, files), message)
	must(t, err)
	return commit
}

func head(t testing.TB, r *workspace.Repository) string {
	t.Helper()
	commit, err := r.Resolve(context.Background(), "")
	must(t, err)
	return commit
}

// inStore runs git as somebody would who looks into a store.
func inStore(t testing.TB, s *storeDir, args ...string) string {
	t.Helper()
	return git(t, s.dir, append([]string{"--git-dir=" + s.dir}, args...)...)
}

type storeDir struct {
	*workspace.Store
	dir string
}

func storeIn(t testing.TB, r *workspace.Repository) *storeDir {
	t.Helper()
	dir := filepath.Join(tempDir(t), "store")
	s, err := r.OpenStore(context.Background(), dir)
	must(t, err)
	return &storeDir{s, dir}
}

func TestCommitsAndMergesLeaveTheRepositoryAlone(t *testing.T) {
	for name, repo := range kinds(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			r := open(t, repo)
			gitBefore, treeBefore := snapshot(t, r.CommonDir()), snapshot(t, repo)
			s := storeIn(t, r)
			base := head(t, r)

			same, err := s.Commit(ctx, base, nil, "nothing")
			must(t, err)
			wantSame(t, "commit of an empty patch", same, base)
			one := change(t, s.Store, base, "one\n\nTask: x", map[string]string{"a": "one\n", "new/one": "1\n"})
			two := change(t, s.Store, base, "two", map[string]string{"d/b": "two\n", "new/two": "2\n"})
			wantSame(t, "commit", inStore(t, s, "log", "-1", "--format=%an <%ae> %cn <%ce> %P%n%B", one),
				"Codex <codex@localhost> Codex <codex@localhost> "+base+"\none\n\nTask: x\n")
			again := change(t, storeIn(t, r).Store, base, "one\n\nTask: x", map[string]string{"a": "one\n", "new/one": "1\n"})
			wantSame(t, "the same commit in another store", again, one)

			both, conflicts, err := s.Merge(ctx, []string{one, two}, "both")
			must(t, err)
			wantSame(t, "conflicts", conflicts, []string(nil))
			wantSame(t, "parents", inStore(t, s, "log", "-1", "--format=%P", both), one+" "+two+"\n")
			wantSame(t, "merged", inStore(t, s, "show", both+":a", both+":d/b", both+":new/one", both+":new/two"), "one\ntwo\n1\n2\n")
			for _, tt := range []struct {
				commits []string
				want    string
			}{
				{[]string{one}, one},
				{[]string{base, one}, one},
				{[]string{one, base}, one},
				{[]string{one, one}, one},
				{[]string{both, two, one, base}, both},
				{[]string{one, two, both}, both},
			} {
				got, conflicts, err := s.Merge(ctx, tt.commits, "m")
				must(t, err)
				if got != tt.want || conflicts != nil {
					t.Errorf("merge of %q is %s with conflicts %q, want %s", tt.commits, got, conflicts, tt.want)
				}
			}
			three := change(t, s.Store, both, "three", map[string]string{"a": "three\n"})
			four := change(t, s.Store, two, "four", map[string]string{"a": "four\n", "other": "x\n"})
			none, conflicts, err := s.Merge(ctx, []string{two, three, four}, "m")
			must(t, err)
			wantSame(t, "commit of a conflict", none, "")
			wantSame(t, "conflicts", conflicts, []string{"a"})
			inStore(t, s, "fsck", "--strict", "--no-dangling")

			wantSame(t, "git directory", snapshot(t, r.CommonDir()), gitBefore)
			wantSame(t, "checkout", snapshot(t, repo), treeBefore)
		})
	}
}

// What a task is given beside its base is what it depends on, and nothing of
// other tasks; and the user's git finds nothing wrong while it lives.
func TestADependentWorktreeIsNoTroubleForTheUser(t *testing.T) {
	for name, repo := range kinds(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			r := open(t, repo)
			untouched := snapshot(t, r.CommonDir())
			s := storeIn(t, r)
			base := head(t, r)
			one := change(t, s.Store, base, "one", map[string]string{"a": "one\n", "new/one": "1\n"})
			two := change(t, s.Store, base, "two", map[string]string{"d/b": "two\n"})
			secret := change(t, s.Store, base, "secret", map[string]string{"s": "of another task\n"})
			both, _, err := s.Merge(ctx, []string{one, two}, "both")
			must(t, err)
			w := createAt(t, s.Store, both)
			tree := w.Tree()
			wantSame(t, "files", readFile(t, filepath.Join(tree.Dir, "a"))+readFile(t, filepath.Join(tree.Dir, "d/b"))+readFile(t, filepath.Join(tree.Dir, "new/one")), "one\ntwo\n1\n")
			wantSame(t, "fresh changes", paths(collect(t, w)), []string(nil))
			for _, store := range tree.Objects {
				if strings.HasPrefix(store, s.dir) {
					t.Errorf("the store itself is mounted: %s", store)
				}
			}

			// What the user may do meanwhile.
			registered := snapshot(t, filepath.Join(r.CommonDir(), "worktrees"))
			checked := git(t, repo, "fsck", "--full", "--strict", "--no-dangling")
			if strings.Contains(checked, "missing") {
				t.Error(checked)
			}
			git(t, repo, "worktree", "prune")
			if list := git(t, repo, "worktree", "list", "--porcelain"); !strings.Contains(list, "worktree "+tree.Dir+"\nHEAD "+base+"\ndetached\nlocked") {
				t.Errorf("worktree list:\n%s", list)
			}
			unpruned := snapshot(t, r.CommonDir())
			wantSame(t, "what that did", unpruned, withRegistered(untouched, registered))
			git(t, repo, "gc", "--quiet", "--prune=now")
			git(t, repo, "fsck", "--full", "--strict", "--no-dangling")
			after := snapshot(t, filepath.Join(r.CommonDir(), "worktrees"))
			for name := range registered {
				if strings.HasSuffix(name, "logs/HEAD") { // git gc writes these anew
					delete(registered, name)
					delete(after, name)
				}
			}
			wantSame(t, "registration after gc", after, registered)
			if out := git(t, tree.Dir, "-c", "safe.directory=*", "status", "--porcelain"); !strings.Contains(out, " M a\n") || !strings.Contains(out, "?? new/\n") {
				t.Errorf("status in the worktree:\n%s", out)
			}

			g := inside(t, tree)
			out, complaints := g("log", "-4", "--format=%s")
			wantSame(t, "log", complaints+out[:len("both\n")], "both\n")
			out, complaints = g("status", "--porcelain")
			wantSame(t, "status in the container", out+complaints, "")
			out, _ = g("cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
			if strings.Contains(out, secret) || !strings.Contains(out, one) {
				t.Errorf("the container has other objects than those it depends on")
			}
			write(t, tree.Dir, map[string]string{"a": "three\n"})
			g("commit", "--quiet", "-am", "three")

			c := collect(t, w)
			wantSame(t, "changes", paths(c), []string{"modified a"})
			if !c.Applicable || !strings.Contains(string(c.Patch), "-one\n+three\n") {
				t.Errorf("%s %v\n%s", c.ApplyLog, c.Findings, c.Patch)
			}
			three, err := s.Commit(ctx, both, c.Patch, "three")
			must(t, err)
			wantSame(t, "on top of both", inStore(t, s, "show", three+":a", three+":d/b"), "three\ntwo\n")
			must(t, w.Remove(ctx, true)) // a kept one is the user's to look at
			git(t, repo, "fsck", "--no-dangling")
			must(t, w.Remove(ctx, false))
			if _, err := os.Lstat(filepath.Join(r.CommonDir(), "worktrees", "run-task")); !os.IsNotExist(err) {
				t.Errorf("still registered: %v", err)
			}
		})
	}
}

// withRegistered is a snapshot of a git directory to which one of its worktrees is added.
func withRegistered(dir, worktrees map[string]string) map[string]string {
	all := map[string]string{}
	for name, entry := range dir {
		all[name] = entry
	}
	for name, entry := range worktrees {
		all[filepath.Join("worktrees", name)] = entry
	}
	return all
}

// rawPatch is a patch that adds one file.
func rawPatch(mode, name, content string) string {
	lines := strings.SplitAfter(content, "\n")
	body := ""
	for _, line := range lines {
		if line != "" {
			body += "+" + line
		}
	}
	if !strings.HasSuffix(content, "\n") {
		body += "\n\\ No newline at end of file\n"
	}
	return fmt.Sprintf("diff --git %[1]s %[2]s\nnew file mode %[3]s\n--- /dev/null\n+++ %[2]s\n@@ -0,0 +1,%[4]d @@\n%[5]s",
		`"a/`+name+`"`, `"b/`+name+`"`, mode, strings.Count(body, "\n+")+1, body)
}

func TestHostilePatchesAreRefused(t *testing.T) {
	repo := newRepo(t, map[string]string{"a": "a\n", "link": "->/etc", "sub/x": "x\n"})
	inner := newRepo(t, map[string]string{"i": "i\n"})
	git(t, repo, "submodule", "add", "--quiet", inner, "module")
	git(t, repo, "commit", "--quiet", "-m", "submodule")
	r := open(t, repo)
	before := snapshot(t, repo)
	s := storeIn(t, r)
	base := head(t, r)
	commit := strings.TrimSpace(git(t, inner, "rev-parse", "HEAD"))
	for name, patch := range map[string]string{
		"into .git":               rawPatch("100644", ".git/config", "[core]\n"),
		"into .git by case":       rawPatch("100644", ".GiT/config", "[core]\n"),
		"into .git of NTFS":       rawPatch("100644", "git~1/config", "[core]\n"),
		"into .git of HFS+":       rawPatch("100644", ".g\\342\\200\\214it/config", "[core]\n"),
		"deep .git":               rawPatch("100755", "sub/.git/hooks/post-checkout", "#!/bin/sh\n"),
		"up":                      rawPatch("100644", "../up", "x\n"),
		"up in between":           rawPatch("100644", "sub/../../up", "x\n"),
		"dot":                     rawPatch("100644", "./x", "x\n"),
		"absolute":                rawPatch("100644", "/tmp/x", "x\n"),
		"through a link of old":   rawPatch("100644", "link/passwd", "x\n"),
		"through a link of its":   rawPatch("120000", "l", "/etc") + rawPatch("100644", "l/passwd", "x\n"),
		".gitmodules is a link":   rawPatch("120000", ".gitmodules", "/etc/passwd"),
		"new submodule":           rawPatch("160000", "n", "Subproject commit "+commit+"\n"),
		"moved submodule":         "diff --git a/module b/module\nindex " + commit + ".." + base + " 160000\n--- a/module\n+++ b/module\n@@ -1 +1 @@\n-Subproject commit " + commit + "\n+Subproject commit " + base + "\n",
		"removed submodule":       "diff --git a/module b/module\ndeleted file mode 160000\nindex " + commit + ".." + strings.Repeat("0", 40) + "\n--- a/module\n+++ /dev/null\n@@ -1 +0,0 @@\n-Subproject commit " + commit + "\n",
		"not a patch":             "hello\n",
		"context of another file": "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-z\n+y\n",
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := s.Commit(context.Background(), base, []byte(patch), "m"); err == nil {
				t.Errorf("committed:\n%s", inStore(t, s, "show", "--raw", got))
			}
		})
	}
	wantSame(t, "repository", snapshot(t, repo), before)
}

func TestNamesAreBytesInStoreAndCheckout(t *testing.T) {
	ctx := context.Background()
	odd := []string{"new\nline", "in\xffvalid", "tab\tand \"quote\"\\", " space ", "-dash", ":(top)x", "~tilde", "ü"}
	files := map[string]string{}
	for _, name := range odd {
		files[name] = "base\n"
	}
	repo := newRepo(t, files)
	r := open(t, repo)
	s := storeIn(t, r)
	base := head(t, r)
	with := func(content string) map[string]string {
		all := map[string]string{}
		for _, name := range odd {
			all[name] = content
		}
		return all
	}
	one, two := change(t, s.Store, base, "one", with("one\n")), change(t, s.Store, base, "two", with("two\n"))
	_, conflicts, err := s.Merge(ctx, []string{one, two}, "m")
	must(t, err)
	wantSame(t, "conflicts", conflicts, sorted(append([]string(nil), odd...)))

	st, err := s.Stack(ctx, base, []workspace.Step{{TaskID: "one", Start: base, Commit: one, Message: "m"}})
	must(t, err)
	wantSame(t, "files", st.Steps[0].FilesChanged, sorted(append([]string(nil), odd...)))
	must(t, s.PublishCheckout(ctx, st))
	for _, name := range odd {
		wantSame(t, name, readFile(t, filepath.Join(repo, name)), "one\n")
	}
	wantSame(t, "status", git(t, repo, "status", "--porcelain"), "")
}

func TestAStoreNeedsAnEmptyPlace(t *testing.T) {
	ctx := context.Background()
	r := open(t, newRepo(t, nil))
	used := tempDir(t)
	write(t, used, map[string]string{"x": "x"})
	for _, dir := range []string{used, "relative", filepath.Join(used, "x")} {
		if _, err := r.OpenStore(ctx, dir); err == nil {
			t.Errorf("opened at %s", dir)
		}
	}
	s := storeIn(t, r)
	if _, err := s.Commit(ctx, strings.Repeat("1", 40), nil, "m"); err == nil {
		t.Error("committed on what is not there")
	}
	if _, _, err := s.Merge(ctx, nil, "m"); err == nil {
		t.Error("merged nothing")
	}
	if _, _, err := s.Merge(ctx, []string{"--help"}, "m"); err == nil {
		t.Error("merged an option")
	}
}

// A partial clone lacks blobs; patches of what is checked out work all the same.
func TestAPartialCloneCanBeCommittedAndMerged(t *testing.T) {
	ctx := context.Background()
	plain := newRepo(t, map[string]string{"a": "a\n", "d/b": "b\n"})
	write(t, plain, map[string]string{"a": "a2\n"})
	git(t, plain, "commit", "--quiet", "-am", "two")
	git(t, plain, "config", "uploadpack.allowFilter", "true")
	dir := filepath.Join(tempDir(t), "clone")
	git(t, plain, "clone", "--quiet", "--filter=blob:none", "file://"+plain, dir)
	r := open(t, dir)
	s := storeIn(t, r)
	base := head(t, r)
	one, two := change(t, s.Store, base, "1", map[string]string{"a": "1\n", "d/b": ""}), change(t, s.Store, base, "2", map[string]string{"n": "2\n"})
	both, conflicts, err := s.Merge(ctx, []string{one, two}, "both")
	must(t, err)
	wantSame(t, "conflicts", conflicts, []string(nil))
	three := change(t, s.Store, both, "3", map[string]string{"n": "3\n"})
	st, err := s.Stack(ctx, base, []workspace.Step{
		{TaskID: "1", Start: base, Commit: one, Message: "1"},
		{TaskID: "2", Start: base, Commit: two, Message: "2"},
		{TaskID: "3", Start: both, Commit: three, Message: "3"},
	})
	must(t, err)
	must(t, s.PublishCheckout(ctx, st))
	wantSame(t, "files", readFile(t, filepath.Join(dir, "a"))+readFile(t, filepath.Join(dir, "n")), "1\n3\n")
	git(t, dir, "fsck", "--no-dangling")
}

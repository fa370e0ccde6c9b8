package workspace_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/workspace"
)

// kinds are repositories of every shape that we know of. All have the files
// "a" ("a\n") and "d/b" in their base.
func kinds(t *testing.T) map[string]string {
	files := map[string]string{"a": "a\n", "d/b": "b\n"}
	plain := newRepo(t, files)
	clone := func(args ...string) string {
		dir := filepath.Join(tempDir(t), "clone")
		git(t, plain, append(append([]string{"clone", "--quiet"}, args...), "file://"+plain, dir)...)
		return dir
	}
	write(t, plain, map[string]string{"later": "x"})
	git(t, plain, "add", "-A")
	git(t, plain, "commit", "--quiet", "-m", "second")

	linked := filepath.Join(tempDir(t), "linked")
	git(t, newRepo(t, files), "worktree", "add", "--quiet", linked)
	main := newRepo(t, files)
	git(t, main, "worktree", "add", "--quiet", filepath.Join(tempDir(t), "linked"))
	detached := newRepo(t, files)
	git(t, detached, "checkout", "--quiet", "--detach")
	dirty := newRepo(t, files)
	write(t, dirty, map[string]string{"a": "dirty\n", "untracked": "x", "staged": "s"})
	git(t, dirty, "add", "staged")
	shared := filepath.Join(tempDir(t), "shared")
	git(t, plain, "clone", "--quiet", "--shared", plain, shared)
	twice := filepath.Join(tempDir(t), "twice")
	git(t, shared, "clone", "--quiet", "--shared", shared, twice)
	write(t, twice, map[string]string{"own": "x"})
	git(t, twice, "add", "-A")
	git(t, twice, "commit", "--quiet", "-m", "own")
	packed := newRepo(t, files)
	git(t, packed, "gc", "--quiet")
	wtConfig := newRepo(t, files)
	git(t, wtConfig, "config", "extensions.worktreeConfig", "true")
	git(t, wtConfig, "config", "--worktree", "core.fsmonitor", "false")
	many := newRepo(t, files)
	for _, kv := range []string{"feature.manyFiles=true", "core.splitIndex=true", "core.untrackedCache=true", "core.ignoreStat=true", "index.version=4"} {
		key, value, _ := strings.Cut(kv, "=")
		git(t, many, "config", key, value)
	}
	odd := filepath.Join(tempDir(t), "odd \"näme'\\ # of")
	git(t, plain, "clone", "--quiet", plain, odd)

	return map[string]string{
		"plain": plain, "linked worktree": linked, "has other worktrees": main, "detached": detached, "dirty": dirty,
		"shared": shared, "shared twice": twice, "shallow": clone("--depth=1"), "separate git dir": clone("--separate-git-dir", filepath.Join(tempDir(t), "gd")),
		"sha256": newRepo(t, files, "--object-format=sha256"), "packed": packed, "worktree config": wtConfig, "unusual index": many, "odd path": odd,
	}
}

func TestTheRepositoryIsByteForByteWhatItWas(t *testing.T) {
	for name, repo := range kinds(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			r := open(t, repo)
			gitBefore, treeBefore := snapshot(t, r.CommonDir()), snapshot(t, repo)
			commit, err := r.Resolve(ctx, "")
			must(t, err)
			uid, gid := sandboxUID()
			dir := filepath.Join(tempDir(t), "deep", "ws")
			w, err := store(t, r).Create(ctx, workspace.CreateOptions{Name: "a..b-c", Commit: commit, Dir: dir, UID: uid, GID: gid})
			must(t, err)

			tree := w.Tree()
			if got := git(t, repo, "worktree", "list", "--porcelain"); !strings.Contains(got, tree.Dir+"\n") || !strings.Contains(got, "locked in use by") {
				t.Errorf("not registered and locked:\n%s", got)
			}
			write(t, tree.Dir, map[string]string{"a": "changed\n", "n/new": "new\n"})
			c := collect(t, w)
			wantSame(t, "changes", paths(c), []string{"modified a", "added n/new"})
			if !c.Applicable || len(c.Findings) > 0 {
				t.Errorf("%s %v", c.ApplyLog, c.Findings)
			}
			must(t, w.Remove(ctx, false))
			must(t, w.Remove(ctx, false))

			wantSame(t, "git directory", snapshot(t, r.CommonDir()), gitBefore)
			wantSame(t, "checkout", snapshot(t, repo), treeBefore)
			if _, err := os.Lstat(dir); !os.IsNotExist(err) {
				t.Errorf("%s is still there: %v", dir, err)
			}
		})
	}
}

func TestManyWorkspacesAtOnce(t *testing.T) {
	ctx := context.Background()
	repo := newRepo(t, map[string]string{"a": "a\n"})
	r := open(t, repo)
	before := snapshot(t, r.CommonDir())
	commit, err := r.Resolve(ctx, "")
	must(t, err)
	uid, gid := sandboxUID()
	base := tempDir(t)
	st := store(t, r)
	var g errgroup.Group
	for i := range 8 {
		g.Go(func() error {
			name := fmt.Sprintf("run-%d", i)
			w, err := st.Create(ctx, workspace.CreateOptions{
				Name: name, Commit: commit, Dir: filepath.Join(base, name), UID: uid, GID: gid,
			})
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(w.Tree().Dir, name), nil, 0o644); err != nil {
				return err
			}
			c, err := w.Collect(ctx, workspace.CollectOptions{})
			if err != nil {
				return err
			}
			if len(c.Files) != 1 || c.Files[0].Path != name {
				return fmt.Errorf("%s: %v", name, c.Files)
			}
			return w.Remove(ctx, false)
		})
	}
	must(t, g.Wait())
	wantSame(t, "git directory", snapshot(t, r.CommonDir()), before)
}

func TestAFailedCreateLeavesNothing(t *testing.T) {
	repo := newRepo(t, map[string]string{".gitattributes": "*.x filter=broken\n", "a.x": "a\n"})
	git(t, repo, "config", "filter.broken.smudge", "false")
	git(t, repo, "config", "filter.broken.required", "true")
	r := open(t, repo)
	ctx := context.Background()
	commit, err := r.Resolve(ctx, "")
	must(t, err)
	before := snapshot(t, r.CommonDir())
	uid, gid := sandboxUID()

	base := tempDir(t)
	used := filepath.Join(base, "used")
	write(t, used, map[string]string{"precious": "x"})
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	for name, tt := range map[string]struct {
		ctx context.Context
		o   workspace.CreateOptions
	}{
		"checkout fails":    {ctx, workspace.CreateOptions{Name: "n", Commit: commit, Dir: filepath.Join(base, "x")}},
		"no such commit":    {ctx, workspace.CreateOptions{Name: "n", Commit: strings.Repeat("1", 40), Dir: filepath.Join(base, "x")}},
		"an option":         {ctx, workspace.CreateOptions{Name: "n", Commit: "--force", Dir: filepath.Join(base, "x")}},
		"name is a path":    {ctx, workspace.CreateOptions{Name: "../n", Commit: commit, Dir: filepath.Join(base, "x")}},
		"name is an option": {ctx, workspace.CreateOptions{Name: "-n", Commit: commit, Dir: filepath.Join(base, "x")}},
		"relative":          {ctx, workspace.CreateOptions{Name: "n", Commit: commit, Dir: "x"}},
		"in use":            {ctx, workspace.CreateOptions{Name: "n", Commit: commit, Dir: used}},
		"cancelled":         {cancelled, workspace.CreateOptions{Name: "n", Commit: commit, Dir: filepath.Join(base, "x")}},
	} {
		t.Run(name, func(t *testing.T) {
			tt.o.UID, tt.o.GID = uid, gid
			if _, err := store(t, r).Create(tt.ctx, tt.o); err == nil {
				t.Fatal("created")
			}
			wantSame(t, "git directory", snapshot(t, r.CommonDir()), before)
			wantSame(t, "files", len(snapshot(t, base)), 3) // base, used, used/precious
		})
	}
}

func TestAPathWithALineBreakIsRefused(t *testing.T) {
	r := open(t, newRepo(t, map[string]string{"a": "a\n"}))
	dir := filepath.Join(tempDir(t), "state\nhome")
	uid, gid := sandboxUID()
	_, err := store(t, r).Create(context.Background(), workspace.CreateOptions{Name: "n", Commit: head(t, r), Dir: dir, UID: uid, GID: gid})
	wantRefusal(t, err, "holds a line break")
	if _, err := os.Lstat(dir); !os.IsNotExist(err) {
		t.Error("the directory is there")
	}
}

func TestRemoveStaleTakesWhatADeadServerLeft(t *testing.T) {
	ctx := context.Background()
	repo := newRepo(t, map[string]string{"a": "a\n"})
	r := open(t, repo)
	other := filepath.Join(tempDir(t), "other")
	git(t, repo, "worktree", "add", "--quiet", "--detach", other)
	gone := filepath.Join(tempDir(t), "gone")
	git(t, repo, "worktree", "add", "--quiet", "--detach", gone)
	must(t, os.RemoveAll(gone)) // a stale registration of the user's
	before := snapshot(t, r.CommonDir())

	w := create(t, r)
	dir := filepath.Dir(w.Tree().Dir)
	must(t, workspace.RemoveStale(ctx, r.CommonDir(), dir))
	wantSame(t, "git directory", snapshot(t, r.CommonDir()), before)
	must(t, workspace.RemoveStale(ctx, r.CommonDir(), dir))

	// Killed before git had written where the worktree is.
	admin := filepath.Join(r.CommonDir(), "worktrees", "half")
	write(t, admin, map[string]string{"locked": "in use by codex-mcp-runner at " + dir + "\n"})
	must(t, workspace.RemoveStale(ctx, r.CommonDir(), dir))
	wantSame(t, "git directory", snapshot(t, r.CommonDir()), before)

	// The repository is gone, the directory is not.
	lost := newRepo(t, map[string]string{"a": "a\n"})
	lr := open(t, lost)
	lw := create(t, lr)
	must(t, os.RemoveAll(lost))
	must(t, workspace.RemoveStale(ctx, lr.CommonDir(), filepath.Dir(lw.Tree().Dir)))
	if _, err := os.Lstat(lw.Tree().Dir); !os.IsNotExist(err) {
		t.Errorf("the worktree is still there: %v", err)
	}

	// What we have not made stays, whoever asks.
	if err := workspace.RemoveStale(ctx, r.CommonDir(), other); err == nil {
		t.Error("removed somebody else's worktree")
	}
	if _, err := os.Lstat(filepath.Join(other, "a")); err != nil {
		t.Error(err)
	}
}

func TestAKeptWorktreeIsSafeToLookAt(t *testing.T) {
	ctx := context.Background()
	repo := newRepo(t, map[string]string{"a": "a\n"})
	r := open(t, repo)
	before := snapshot(t, r.CommonDir())
	w := create(t, r)
	tree := w.Tree()
	canary := plantGitDir(t, tree.Dir)
	must(t, w.Remove(ctx, true))
	if _, err := os.Lstat(tree.GitDir); !os.IsNotExist(err) {
		t.Errorf("the private git directory is still there: %v", err)
	}
	// safe.directory: the person has said that they want to look.
	git(t, tree.Dir, "-c", "safe.directory=*", "--git-dir="+filepath.Join(tree.Dir, ".git"), "status")
	wantUntouched(t, canary)
	must(t, w.Remove(ctx, false))
	wantSame(t, "git directory", snapshot(t, r.CommonDir()), before)
}

func TestNothingOfTheUsersRunsButTheFiltersOfTheBase(t *testing.T) {
	canary := filepath.Join(tempDir(t), "canary")
	repo := newRepo(t, map[string]string{".gitattributes": "*.up filter=upper\n", "a.up": "shout\n"})
	for _, hook := range []string{"post-checkout", "post-index-change", "reference-transaction", "pre-auto-gc"} {
		write(t, repo, map[string]string{".git/hooks/" + hook + "!": "#!/bin/sh\ntouch " + canary + "\n"})
	}
	git(t, repo, "config", "core.fsmonitor", "touch "+canary+";:")
	git(t, repo, "config", "filter.upper.smudge", "tr a-z A-Z")
	git(t, repo, "config", "filter.upper.clean", "tr A-Z a-z")
	git(t, repo, "config", "filter.canary.clean", "touch "+canary+"; cat")
	git(t, repo, "config", "filter.canary.smudge", "touch "+canary+"; cat")
	git(t, repo, "config", "diff.canary.textconv", "touch "+canary+"; cat")
	git(t, repo, "config", "diff.external", "touch "+canary+";:")
	must(t, os.RemoveAll(canary)) // git config itself may have asked the monitor
	r := open(t, repo)
	if _, _, err := r.Dirty(context.Background(), 5); err != nil {
		t.Fatal(err)
	}
	w := create(t, r)
	dir := w.Tree().Dir
	content, err := os.ReadFile(filepath.Join(dir, "a.up"))
	must(t, err)
	wantSame(t, "smudged", string(content), "SHOUT\n")
	wantSame(t, "untouched", paths(collect(t, w)), []string(nil))

	write(t, dir, map[string]string{
		".gitattributes": "*.up filter=upper\n* filter=canary diff=canary\n*.up filter=upper\n",
		"a.up":           "LOUDER\n", "new.up": "NEW\n", "other": "Other\n",
	})
	c := collect(t, w)
	wantUntouched(t, canary)
	wantSame(t, "findings", rules(c), []string(nil))
	patch := string(c.Patch)
	for _, line := range []string{"\n+louder\n", "\n+new\n", "\n+Other\n"} {
		if !strings.Contains(patch, line) {
			t.Errorf("the patch lacks %q:\n%s", line, patch)
		}
	}
}

// A filter that hangs must not keep a cancelled Create, nor live on.
func TestACancelledCreateEndsWhatItStarted(t *testing.T) {
	repo := newRepo(t, map[string]string{".gitattributes": "*.x filter=slow\n", "a.x": "a\n"})
	pipe := filepath.Join(tempDir(t), "pipe")
	must(t, syscall.Mkfifo(pipe, 0o600))
	// While the filter or its child lives, the pipe has a writer.
	git(t, repo, "config", "filter.slow.smudge", "exec 9>"+pipe+"; echo started >&9; sleep 60; cat")
	r := open(t, repo)
	before := snapshot(t, r.CommonDir())
	commit, err := r.Resolve(context.Background(), "")
	must(t, err)
	ctx, cancel := context.WithCancelCause(context.Background())
	stopped := errors.New("the caller has had enough")
	ended := make(chan error, 1)
	go func() {
		f, err := os.Open(pipe)
		if err != nil {
			cancel(err)
			ended <- err
			return
		}
		defer f.Close()
		in := bufio.NewReader(f)
		_, err = in.ReadString('\n')
		cancel(stopped)
		_, copyErr := io.Copy(io.Discard, in)
		ended <- errors.Join(err, copyErr)
	}()
	uid, gid := sandboxUID()
	dir := filepath.Join(tempDir(t), "ws")
	_, err = store(t, r).Create(ctx, workspace.CreateOptions{Name: "n", Commit: commit, Dir: dir, UID: uid, GID: gid})
	if !errors.Is(err, stopped) {
		t.Errorf("got %v, want the cause of the cancel", err)
	}
	select {
	case err := <-ended:
		must(t, err)
	case <-time.After(time.Minute):
		t.Error("the filter outlives the cancelled Create")
	}
	wantSame(t, "git directory", snapshot(t, r.CommonDir()), before)
	if _, err := os.Lstat(dir); !os.IsNotExist(err) {
		t.Error("the directory is still there")
	}
}

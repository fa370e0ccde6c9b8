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

// lines is a file of n lines, with some of them replaced.
func lines(n int, replaced map[int]string) string {
	var b strings.Builder
	for i := range n {
		if line, ok := replaced[i]; ok {
			b.WriteString(line + "\n")
		} else {
			fmt.Fprintf(&b, "line %d\n", i)
		}
	}
	return b.String()
}

// applyRepo has a file of 30 lines and some others.
func applyRepo(t testing.TB, initArgs ...string) string {
	return newRepo(t, map[string]string{"f": lines(30, nil), "g": "g\n", "d/x": "x\n", "d/y": "y\n", "other": "o\n"}, initArgs...)
}

// stackOf puts on top of HEAD what tasks made of base, each from base.
func stackOf(t testing.TB, r *workspace.Repository, s *workspace.Store, base string, files ...map[string]string) workspace.Stacked {
	t.Helper()
	var steps []workspace.Step
	for i, f := range files {
		id := fmt.Sprintf("t%d", i)
		steps = append(steps, workspace.Step{TaskID: id, Start: base, Commit: change(t, s, base, id, f), Message: id + "\n\nCodex-Task: " + id + "\n"})
	}
	st, err := s.Stack(context.Background(), head(t, r), steps)
	must(t, err)
	return st
}

func TestStackMergesOverDependenciesAndWhatTheUserDid(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			ctx := context.Background()
			repo := applyRepo(t, "--object-format="+format)
			r := open(t, repo)
			s := storeIn(t, r)
			base := head(t, r)
			a := change(t, s.Store, base, "a", map[string]string{"f": lines(30, map[int]string{1: "by a"})})
			b := change(t, s.Store, base, "b", map[string]string{"f": lines(30, map[int]string{10: "by b"}), "n/new": "new\n"})
			both, _, err := s.Merge(ctx, []string{a, b}, "both")
			must(t, err)
			c := change(t, s.Store, both, "c", map[string]string{"f": lines(30, map[int]string{1: "by c, over a", 10: "by b"}), "n/new": "newer\n", "d/x": ""})
			same := change(t, s.Store, base, "same", map[string]string{"n/new": "newer\n"})

			// The user went on meanwhile.
			write(t, repo, map[string]string{"f": lines(30, map[int]string{25: "by the user"})})
			git(t, repo, "commit", "--quiet", "-am", "user")
			onto := head(t, r)
			before := snapshot(t, repo)
			st, err := s.Stack(ctx, onto, []workspace.Step{
				{TaskID: "a", Start: base, Commit: a, Message: "do a\n\nCodex-Task: a\n"},
				{TaskID: "b", Start: base, Commit: b, Message: "do b"},
				{TaskID: "c", Start: both, Commit: c, Message: "do c"},
				{TaskID: "same", Start: base, Commit: same, Message: "do the same"},
				{TaskID: "empty", Start: base, Commit: base, Message: "do nothing"},
			})
			must(t, err)
			wantSame(t, "repository", snapshot(t, repo), before)
			var got []string
			for _, step := range st.Steps {
				got = append(got, fmt.Sprintf("%s %t %t %q %q", step.TaskID, step.Commit != "", step.Merged, step.FilesChanged, step.Conflicts))
			}
			wantSame(t, "steps", got, []string{
				`a true true ["f"] []`, `b true true ["f" "n/new"] []`, `c true true ["d/x" "f" "n/new"] []`,
				`same false true [] []`, `empty false true [] []`,
			})
			wantSame(t, "result", inStore(t, s, "show", st.Tip+":f"), lines(30, map[int]string{1: "by c, over a", 10: "by b", 25: "by the user"}))
			wantSame(t, "history", inStore(t, s, "log", "--format=%s %an <%ae> %cn", onto+".."+st.Tip),
				"do c Test <test@localhost> Test\ndo b Test <test@localhost> Test\ndo a Test <test@localhost> Test\n")
			wantSame(t, "trailer", inStore(t, s, "log", "-1", "--format=%(trailers)", st.Steps[0].Commit), "Codex-Task: a\n\n")
			wantSame(t, "one parent each", inStore(t, s, "rev-list", "--count", "--min-parents=2", onto+".."+st.Tip), "0\n")

			must(t, s.PublishBranch(ctx, "codex/run", st))
			wantSame(t, "branch", git(t, repo, "rev-parse", "refs/heads/codex/run"), st.Tip+"\n")
			wantSame(t, "checkout", git(t, repo, "status", "--porcelain", "--branch"), "## main\n")
			git(t, repo, "fsck", "--strict")
			git(t, repo, "gc", "--quiet", "--prune=now")
			must(t, os.RemoveAll(s.dir))
			git(t, repo, "checkout", "--quiet", "codex/run")
			wantSame(t, "file", readFile(t, filepath.Join(repo, "n/new")), "newer\n")
		})
	}
}

func TestStackOnTheBaseItselfNeedsNoMerge(t *testing.T) {
	r := open(t, applyRepo(t))
	s := storeIn(t, r)
	st := stackOf(t, r, s.Store, head(t, r), map[string]string{"g": "1\n"}, map[string]string{"other": "2\n"})
	if st.Steps[0].Merged || !st.Steps[1].Merged || st.Conflicts() {
		t.Errorf("%+v", st)
	}
}

func TestStackNamesConflictsAndPublishesNothing(t *testing.T) {
	ctx := context.Background()
	repo := applyRepo(t)
	r := open(t, repo)
	s := storeIn(t, r)
	base := head(t, r)
	before := snapshot(t, repo)
	st := stackOf(t, r, s.Store, base, map[string]string{"f": "all new\n"}, map[string]string{"f": lines(30, map[int]string{3: "x"}), "g": "2\n"}, map[string]string{"other": "3\n"})
	if !st.Conflicts() || st.Tip != "" || st.Steps[1].Commit != "" || st.Steps[2].Commit == "" {
		t.Errorf("%+v", st)
	}
	wantSame(t, "conflicts", st.Steps[1].Conflicts, []string{"f"})
	if err := s.PublishBranch(ctx, "b", st); err == nil {
		t.Error("published")
	}
	if err := s.PublishCheckout(ctx, st); err == nil {
		t.Error("published")
	}
	wantSame(t, "repository", snapshot(t, repo), before)
}

func TestStackRefusesWhatIsNotOfTheRepository(t *testing.T) {
	ctx := context.Background()
	repo := applyRepo(t)
	r := open(t, repo)
	s := storeIn(t, r)
	base := head(t, r)
	one := change(t, s.Store, base, "1", map[string]string{"g": "1\n"})
	for name, tt := range map[string]struct {
		onto string
		step workspace.Step
	}{
		"onto the store":   {one, workspace.Step{Start: base, Commit: one}},
		"onto nothing":     {strings.Repeat("1", 40), workspace.Step{Start: base, Commit: one}},
		"from nothing":     {base, workspace.Step{Start: strings.Repeat("1", 40), Commit: one}},
		"to an option":     {base, workspace.Step{Start: base, Commit: "--help"}},
		"NUL in a message": {base, workspace.Step{Start: base, Commit: one, Message: "a\x00b"}},
	} {
		if _, err := s.Stack(ctx, tt.onto, []workspace.Step{tt.step}); err == nil {
			t.Errorf("%s: stacked", name)
		}
	}
}

func TestCommitsAreTheUsersOwn(t *testing.T) {
	for name, tt := range map[string]struct {
		config [][2]string
		want   string
	}{
		"configured":      {nil, "Test <test@localhost> by Test <test@localhost>"},
		"of the clone":    {[][2]string{{"user.name", "Äda"}, {"user.email", "ada@localhost"}}, "Äda <ada@localhost> by Äda <ada@localhost>"},
		"author apart":    {[][2]string{{"author.name", "Writer"}, {"committer.email", "c@localhost"}}, "Writer <test@localhost> by Test <c@localhost>"},
		"no name":         {[][2]string{{"user.name", ""}}, "Codex <codex@localhost> by Codex <codex@localhost>"},
		"no address":      {[][2]string{{"user.email", " "}}, "Codex <codex@localhost> by Codex <codex@localhost>"},
		"nothing in it":   {[][2]string{{"user.name", " <>.,"}}, "Codex <codex@localhost> by Codex <codex@localhost>"},
		"an odd one":      {[][2]string{{"user.name", "A <b>\nc"}}, "A bc <test@localhost> by A bc <test@localhost>"},
		"useConfigOnly":   {[][2]string{{"user.useConfigOnly", "true"}, {"user.name", ""}}, "Codex <codex@localhost> by Codex <codex@localhost>"},
		"signs elsewhere": {[][2]string{{"commit.gpgSign", "true"}, {"gpg.program", "false"}}, "Test <test@localhost> by Test <test@localhost>"},
	} {
		t.Run(name, func(t *testing.T) {
			repo := applyRepo(t)
			for _, kv := range tt.config {
				git(t, repo, "config", kv[0], kv[1])
			}
			r := open(t, repo)
			s := storeIn(t, r)
			st := stackOf(t, r, s.Store, head(t, r), map[string]string{"g": "1\n"})
			wantSame(t, "who", inStore(t, s, "log", "-1", "--format=%an <%ae> by %cn <%ce>", st.Tip), tt.want+"\n")
		})
	}
}

func TestPublishBranchRefusesNamesThatAreTakenOrNone(t *testing.T) {
	ctx := context.Background()
	repo := applyRepo(t)
	git(t, repo, "branch", "taken")
	git(t, repo, "branch", "dir/below")
	git(t, repo, "pack-refs", "--all")
	git(t, repo, "worktree", "add", "--quiet", "--detach", filepath.Join(tempDir(t), "wt"))
	unborn := filepath.Join(tempDir(t), "unborn")
	git(t, repo, "worktree", "add", "--quiet", "--detach", unborn)
	git(t, unborn, "symbolic-ref", "HEAD", "refs/heads/unborn")
	r := open(t, repo)
	s := storeIn(t, r)
	st := stackOf(t, r, s.Store, head(t, r), map[string]string{"g": "1\n"})
	before := snapshot(t, repo)
	for name, words := range map[string]string{
		"taken": "is a branch taken", "dir": "is a branch dir/below", "taken/below": "is a branch taken", "main": "is a branch main",
		"unborn": "about to begin",
		"":       "no name", "-x": "no name", "a b": "no name", "a..b": "no name", "a.lock": "no name", "HEAD": "no name", "@": "no name",
		"@{-1}": "no name", "a\nb": "no name", "a~1": "no name", "a:b": "no name", "/a": "no name", "a/": "no name", "../../config": "no name",
		".git/x": "no name", "a\x00b": "no name", "--help": "no name",
	} {
		t.Run(name, func(t *testing.T) {
			wantRefusal(t, s.PublishBranch(ctx, name, st), words)
			wantSame(t, "repository", snapshot(t, repo), before)
		})
	}
}

func TestPublishBranchAddsABranchAndNothingElse(t *testing.T) {
	for name, repo := range kinds(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			canary := filepath.Join(tempDir(t), "canary")
			r := open(t, repo)
			write(t, r.CommonDir(), map[string]string{"hooks/reference-transaction!": "#!/bin/sh\ntouch " + canary + "\n"})
			s := storeIn(t, r)
			base := head(t, r)
			st := stackOf(t, r, s.Store, base, map[string]string{"a": "one\n"}, map[string]string{"new/x": "x\n"})
			before, treeBefore := snapshot(t, r.CommonDir()), snapshot(t, repo)
			must(t, s.PublishBranch(ctx, "codex/ü", st))
			wantUntouched(t, canary)
			wantSame(t, "what it says", git(t, repo, "show", "codex/ü:a", "codex/ü:new/x"), "one\nx\n")
			after, treeAfter := snapshot(t, r.CommonDir()), snapshot(t, repo)
			for name, entry := range after {
				if before[name] == entry || strings.HasPrefix(name, "objects") || strings.Contains(name, "heads/codex") {
					delete(after, name)
					delete(before, name)
				}
			}
			wantSame(t, "git directory", after, before)
			for name := range treeAfter {
				if strings.HasPrefix(name, ".git/") {
					delete(treeAfter, name)
				}
			}
			for name := range treeBefore {
				if strings.HasPrefix(name, ".git/") {
					delete(treeBefore, name)
				}
			}
			wantSame(t, "checkout", treeAfter, treeBefore)
			git(t, repo, "fsck", "--strict", "--no-dangling")
			wantRefusal(t, s.PublishBranch(ctx, "codex/ü", st), "is a branch codex/ü already")
		})
	}
}

// git has been bitten by names and addresses in .gitmodules (CVE-2018-11235,
// CVE-2018-17456). Such a file does not get into the repository, nor do
// submodules move.
func TestADangerousGitmodulesIsNotPublished(t *testing.T) {
	ctx := context.Background()
	for name, content := range map[string]string{
		"name": "[submodule \"../../x\"]\n\tpath = x\n\turl = ../x\n",
		"url":  "[submodule \"x\"]\n\tpath = x\n\turl = -u./payload\n",
		"path": "[submodule \"x\"]\n\tpath = -x\n\turl = ../x\n",
	} {
		t.Run(name, func(t *testing.T) {
			repo := applyRepo(t)
			r := open(t, repo)
			s := storeIn(t, r)
			st := stackOf(t, r, s.Store, head(t, r), map[string]string{".gitmodules": content})
			before := snapshot(t, repo)
			wantRefusal(t, s.PublishBranch(ctx, "b", st), "gitmodules")
			wantRefusal(t, s.PublishCheckout(ctx, st), "gitmodules")
			wantSame(t, "repository", snapshot(t, repo), before)
		})
	}
}

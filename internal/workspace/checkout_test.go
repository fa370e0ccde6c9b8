package workspace_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/workspace"
)

// withoutObjects is a snapshot without the objects that an attempt may have
// brought: nothing refers to them, and git gc takes them.
func withoutObjects(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := snapshot(t, dir)
	for name := range all {
		if strings.Contains(name, "objects/pack/pack-") {
			delete(all, name)
		}
	}
	return all
}

func TestPublishCheckoutMovesEveryKindOfCheckout(t *testing.T) {
	for name, repo := range kinds(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			canary := filepath.Join(tempDir(t), "canary")
			r := open(t, repo)
			for _, hook := range []string{"reference-transaction", "post-checkout", "post-merge", "post-index-change", "pre-merge-commit", "post-commit"} {
				write(t, r.CommonDir(), map[string]string{"hooks/" + hook + "!": "#!/bin/sh\ntouch " + canary + "\n"})
			}
			s := storeIn(t, r)
			base := head(t, r)
			branch := git(t, repo, "rev-parse", "--symbolic-full-name", "HEAD")
			must(t, os.RemoveAll(canary))
			status := git(t, repo, "status", "--porcelain")
			must(t, os.RemoveAll(canary))
			var before string
			if name == "dirty" {
				before = readFile(t, filepath.Join(repo, "a"))
			}
			st := stackOf(t, r, s.Store, base, map[string]string{"d/b": "", "e/x": "x\n"}, map[string]string{"e/y!": "y\n", "d": "->e"})
			if st.Conflicts() {
				t.Fatalf("%+v", st)
			}
			untouched := snapshot(t, r.CommonDir())
			must(t, s.CheckCheckout(ctx, st))
			wantSame(t, "git directory after a dry run", snapshot(t, r.CommonDir()), untouched)
			must(t, s.PublishCheckout(ctx, st))
			wantUntouched(t, canary)
			wantSame(t, "HEAD", head(t, r), st.Tip)
			wantSame(t, "branch", git(t, repo, "rev-parse", "--symbolic-full-name", "HEAD"), branch)
			wantSame(t, "status", git(t, repo, "status", "--porcelain"), status)
			wantSame(t, "through the link", readFile(t, filepath.Join(repo, "d/y")), "y\n")
			if before != "" {
				wantSame(t, "dirty file", readFile(t, filepath.Join(repo, "a")), before)
				wantSame(t, "staged file", git(t, repo, "show", ":staged"), "s")
			}
			wantSame(t, "reflog", git(t, repo, "reflog", "-1", "--format=%gs"), "codex-mcp-runner: apply\n")
			git(t, repo, "fsck", "--strict", "--no-dangling")
			gitDir := strings.TrimSpace(git(t, repo, "rev-parse", "--absolute-git-dir"))
			for _, left := range []string{"index.lock", "codex-mcp-runner", "codex-mcp-runner-rescued"} {
				if _, err := os.Lstat(filepath.Join(gitDir, left)); !os.IsNotExist(err) {
					t.Errorf("%s is left: %v", left, err)
				}
			}
			// Once more, on top.
			st = stackOf(t, r, s.Store, st.Onto, map[string]string{"later": "z\n"})
			must(t, s.PublishCheckout(ctx, st))
			wantSame(t, "later", readFile(t, filepath.Join(repo, "later")), "z\n")
			must(t, s.PublishCheckout(ctx, stackOf(t, r, s.Store, head(t, r))))
			wantSame(t, "nothing to do", head(t, r), st.Tip)
		})
	}
}

// The patches change f, add new/x, remove d/x, and make a directory of other.
func moves() map[string]string {
	return map[string]string{"f": lines(30, map[int]string{2: "by a task"}), "new/x": "x\n", "d/x": "", "other": "", "other/z": "z\n"}
}

func TestPublishCheckoutRefusesWhatWouldLoseSomething(t *testing.T) {
	for name, tt := range map[string]struct {
		do    func(t *testing.T, repo string)
		words string
	}{
		"HEAD moved": {func(t *testing.T, repo string) { git(t, repo, "commit", "--quiet", "--allow-empty", "-m", "x") }, "has moved meanwhile: it was on main at"},
		"switched":   {func(t *testing.T, repo string) { git(t, repo, "checkout", "--quiet", "-b", "new") }, "and is on new at"},
		"detached":   {func(t *testing.T, repo string) { git(t, repo, "checkout", "--quiet", "--detach") }, "has moved"},
		"changed file": {
			func(t *testing.T, repo string) { write(t, repo, map[string]string{"f": "mine\n", "g": "mine too\n"}) },
			"would overwrite what is in no commit: f.",
		},
		"changed file that goes": {func(t *testing.T, repo string) { write(t, repo, map[string]string{"d/x": "mine\n"}) }, "no commit: d/x."},
		"removed file":           {func(t *testing.T, repo string) { must(t, os.Remove(filepath.Join(repo, "f"))) }, "no commit: f."},
		"mode":                   {func(t *testing.T, repo string) { must(t, os.Chmod(filepath.Join(repo, "f"), 0o755)) }, "no commit: f."},
		"staged": {func(t *testing.T, repo string) {
			write(t, repo, map[string]string{"f": "mine\n"})
			git(t, repo, "add", "f")
			write(t, repo, map[string]string{"f": lines(30, nil)})
		}, "no commit: f."},
		"staged new": {func(t *testing.T, repo string) {
			write(t, repo, map[string]string{"new/x": "mine\n"})
			git(t, repo, "add", "new/x")
		}, "no commit: new/x."},
		"untracked":          {func(t *testing.T, repo string) { write(t, repo, map[string]string{"new/x": "mine\n"}) }, "no commit: new/x."},
		"untracked and same": {func(t *testing.T, repo string) { write(t, repo, map[string]string{"new/x": "x\n"}) }, "no commit: new/x."},
		"ignored": {func(t *testing.T, repo string) {
			write(t, repo, map[string]string{".git/info/exclude": "new\n", "new/x": "precious\n"})
		}, "no commit: new/x."},
		"a file where a directory goes": {func(t *testing.T, repo string) { write(t, repo, map[string]string{"new": "mine\n"}) }, "no commit: new."},
		"a link where a directory goes": {func(t *testing.T, repo string) { write(t, repo, map[string]string{"new": "->/etc"}) }, "no commit: new."},
		"a directory where a file goes": {func(t *testing.T, repo string) { write(t, repo, map[string]string{"new/x/mine": "mine\n"}) }, "no commit: new/x/mine."},
		"a link instead of a directory": {func(t *testing.T, repo string) {
			must(t, os.RemoveAll(filepath.Join(repo, "d")))
			write(t, repo, map[string]string{"d": "->/etc"})
		}, "no commit: d/x"},
		"hidden change": {func(t *testing.T, repo string) {
			git(t, repo, "update-index", "--assume-unchanged", "f")
			write(t, repo, map[string]string{"f": "mine\n"})
		}, "f"},
		"hidden change of a file left out": {func(t *testing.T, repo string) {
			git(t, repo, "update-index", "--skip-worktree", "f")
			write(t, repo, map[string]string{"f": "mine\n"})
		}, "f"},
		"several":     {func(t *testing.T, repo string) { write(t, repo, map[string]string{"f": "m", "new/x": "m", "d/x": "m"}) }, "d/x, f, new/x."},
		"git at work": {func(t *testing.T, repo string) { write(t, repo, map[string]string{".git/index.lock": ""}) }, "Another git command"},
		"checked out twice": {func(t *testing.T, repo string) {
			git(t, repo, "worktree", "add", "--quiet", "--force", filepath.Join(tempDir(t), "wt"), "main")
		}, "checked out at"},
		"bisect": {func(t *testing.T, repo string) { git(t, repo, "bisect", "start") }, "in the middle of a bisect"},
		"merge": {func(t *testing.T, repo string) {
			git(t, repo, "branch", "side")
			git(t, repo, "checkout", "--quiet", "side")
			git(t, repo, "commit", "--quiet", "--allow-empty", "-m", "side")
			git(t, repo, "checkout", "--quiet", "main")
			git(t, repo, "merge", "--quiet", "--no-commit", "--no-ff", "side")
		}, "in the middle of a merge"},
		"cherry-pick": {func(t *testing.T, repo string) {
			git(t, repo, "update-ref", "CHERRY_PICK_HEAD", "HEAD")
		}, "in the middle of a cherry-pick"},
		"rebase": {func(t *testing.T, repo string) { must(t, os.Mkdir(filepath.Join(repo, ".git/rebase-merge"), 0o755)) }, "in the middle of a rebase"},
		"unmerged": {func(t *testing.T, repo string) {
			blob := strings.TrimSpace(git(t, repo, "rev-parse", "HEAD:g"))
			shell(t, repo, "printf '0 "+strings.Repeat("0", 40)+" 0\\tg\\n100644 "+blob+" 1\\tg\\n100644 "+blob+" 2\\tg\\n' | git update-index --index-info")
		}, "not merged, such as g"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repo := applyRepo(t)
			r := open(t, repo)
			s := storeIn(t, r)
			st := stackOf(t, r, s.Store, head(t, r), moves())
			tt.do(t, repo)
			before := snapshot(t, repo)
			wantRefusal(t, s.CheckCheckout(context.Background(), st), tt.words)
			wantSame(t, "repository after a dry run", snapshot(t, repo), before)
			wantRefusal(t, s.PublishCheckout(context.Background(), st), tt.words)
			if strings.HasPrefix(name, "hidden change") { // git itself sees that one, after the objects have come
				wantSame(t, "f", readFile(t, filepath.Join(repo, "f")), "mine\n")
				return
			}
			wantSame(t, "repository", snapshot(t, repo), before)
		})
	}
}

func TestPublishCheckoutLeavesUnrelatedWorkAlone(t *testing.T) {
	repo := applyRepo(t)
	git(t, repo, "config", "filter.up.smudge", "tr a-z A-Z")
	git(t, repo, "config", "filter.up.clean", "tr A-Z a-z")
	r := open(t, repo)
	s := storeIn(t, r)
	files := moves()
	files[".gitattributes"] = "*.up filter=up\n"
	files["loud.up"] = "loud\n"
	st := stackOf(t, r, s.Store, head(t, r), files)
	write(t, repo, map[string]string{"g": "mine\n", "untracked": "mine\n", "new/mine": "mine\n", "d/mine": "mine\n", "staged": "mine\n"})
	git(t, repo, "add", "staged")
	must(t, os.Remove(filepath.Join(repo, "d/y")))
	now := filepath.Join(repo, "f") // touched, not changed
	must(t, os.WriteFile(now, []byte(readFile(t, now)), 0o644))
	must(t, s.PublishCheckout(context.Background(), st))
	wantSame(t, "status", git(t, repo, "status", "--porcelain"), " D d/y\n M g\nA  staged\n?? d/mine\n?? new/mine\n?? untracked\n")
	wantSame(t, "filtered", readFile(t, filepath.Join(repo, "loud.up")), "LOUD\n")
	wantSame(t, "f", readFile(t, now), lines(30, map[int]string{2: "by a task"}))
}

// gitThat is a git that does something in place of one command, or after it.
func gitThat(t testing.TB, pattern, before, after string) string {
	t.Helper()
	real, err := exec.LookPath("git")
	must(t, err)
	path := filepath.Join(tempDir(t), "git")
	script := fmt.Sprintf("#!/bin/sh\ncase \"$*\" in\n%s) %s\n%s \"$@\" || exit $?\n%s;;\n*) exec %s \"$@\";;\nesac\n", pattern, before, real, after, real)
	must(t, os.WriteFile(path, []byte(script), 0o755))
	return path
}

func TestAFailureHalfWayLeavesTheCheckoutAsItWas(t *testing.T) {
	for name, tt := range map[string]struct {
		setUp   func(t *testing.T, repo string)
		git     [3]string
		refusal string
	}{
		"a filter fails": {
			setUp: func(t *testing.T, repo string) {
				git(t, repo, "config", "filter.bad.smudge", "false")
				git(t, repo, "config", "filter.bad.clean", "cat")
				git(t, repo, "config", "filter.bad.required", "true")
				write(t, repo, map[string]string{".git/info/attributes": "z filter=bad\n"})
			},
			refusal: "git cannot write the files",
		},
		"the branch is locked":              {setUp: func(t *testing.T, repo string) { write(t, repo, map[string]string{".git/refs/heads/main.lock": ""}) }},
		"git is killed after its work":      {git: [3]string{"*read-tree*-u*", "", "kill -9 $$"}},
		"git is killed before its work":     {git: [3]string{"*read-tree*-u*", "kill -9 $$", ""}},
		"git fails when all is written":     {git: [3]string{"*read-tree*-u*", "", "echo no luck >&2; exit 3"}, refusal: "no luck"},
		"the branch does not follow":        {git: [3]string{"*update-ref*", "exit 4", ""}},
		"the index is gone when it matters": {git: [3]string{"*update-ref*apply*", "", "rm -f .git/codex-mcp-runner/index"}},
		"half of the files, and some more":  {git: [3]string{"*read-tree*-u*", "rm d/x other; echo half > f; mkdir other new; ln -s /etc other/z; echo x > new/x; exit 5", ""}, refusal: "git cannot write"},
	} {
		t.Run(name, func(t *testing.T) {
			repo := applyRepo(t)
			write(t, repo, map[string]string{"g": "mine\n", "untracked": "mine\n", "d/mine": "mine\n"})
			must(t, os.Chmod(filepath.Join(repo, "d"), 0o750))
			must(t, os.Chmod(filepath.Join(repo, "f"), 0o640))
			if tt.setUp != nil {
				tt.setUp(t, repo)
			}
			program := ""
			if tt.git[0] != "" {
				program = gitThat(t, tt.git[0], tt.git[1], tt.git[2])
			}
			plain := open(t, repo)
			r, err := workspace.Open(context.Background(), repo, workspace.Options{Git: program})
			must(t, err)
			s := storeIn(t, r)
			base := head(t, r)
			patch := patchOf(t, store(t, plain), base, moves()) // with a git that works
			commit, err := s.Commit(context.Background(), base, patch, "m")
			must(t, err)
			st, err := s.Stack(context.Background(), base, []workspace.Step{{TaskID: "t", Start: base, Commit: commit, Message: "m"}})
			must(t, err)
			before := withoutObjects(t, repo)
			err = s.PublishCheckout(context.Background(), st)
			if err == nil {
				t.Fatal("published")
			}
			if tt.refusal != "" {
				wantRefusal(t, err, tt.refusal)
			}
			after := withoutObjects(t, repo)
			for name := range after {
				// A branch that went there and back; what is of neither commit.
				if strings.Contains(name, "logs") || strings.Contains(name, "codex-mcp-runner-rescued") {
					delete(after, name)
					delete(before, name)
				}
			}
			wantSame(t, "repository", after, before)
			wantSame(t, "status", git(t, repo, "status", "--porcelain", "--untracked-files=no"), " M g\n")
		})
	}
}

// A user who saves a file while it is being replaced must find it again.
func TestWhatTheUserWritesDuringAMoveIsNotLost(t *testing.T) {
	for name, program := range map[string][3]string{
		"before git writes":     {"*read-tree*-u*", "echo mine > f", ""},
		"after git has written": {"*read-tree*-u*", "", "echo mine > f; exit 3"},
	} {
		t.Run(name, func(t *testing.T) {
			repo := applyRepo(t)
			was := readFile(t, filepath.Join(repo, "f"))
			r, err := workspace.Open(context.Background(), repo, workspace.Options{Git: gitThat(t, program[0], program[1], program[2])})
			must(t, err)
			s := storeIn(t, r)
			base := head(t, r)
			commit, err := s.Commit(context.Background(), base, patchOf(t, store(t, open(t, repo)), base, moves()), "m")
			must(t, err)
			st, err := s.Stack(context.Background(), base, []workspace.Step{{TaskID: "t", Start: base, Commit: commit, Message: "m"}})
			must(t, err)
			err = s.PublishCheckout(context.Background(), st)
			kept, globErr := filepath.Glob(filepath.Join(repo, ".git/codex-mcp-runner-rescued/*/f"))
			must(t, globErr)
			if err == nil || len(kept) != 1 || !strings.Contains(err.Error(), kept[0]) {
				t.Fatalf("kept %q, error %v", kept, err)
			}
			wantSame(t, "what the user wrote", readFile(t, kept[0]), "mine\n")
			wantSame(t, "the file", readFile(t, filepath.Join(repo, "f")), was)
		})
	}
}

// Root may write anywhere, so as root the test runs itself as somebody else.
func TestAnUnwritableDirectoryLeavesTheCheckoutAsItWas(t *testing.T) {
	if os.Geteuid() == 0 {
		dir := tempDir(t)
		binary, err := os.ReadFile(os.Args[0])
		must(t, err)
		copied := filepath.Join(dir, "workspace.test")
		must(t, os.WriteFile(copied, binary, 0o755))
		for d := dir; len(d) > len(os.TempDir()); d = filepath.Dir(d) {
			must(t, os.Chmod(d, 0o755))
		}
		cmd := exec.Command(copied, "-test.run=^"+t.Name()+"$", "-test.count=1", "-test.v")
		cmd.Dir = os.TempDir()
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 10001, Gid: 10001}}
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()+"/") {
			t.Errorf("as another user: %v\n%s", err, out)
		}
		return
	}
	for name, files := range map[string]map[string]string{
		"a new file":  {"a-first": "x\n", "d/new": "x\n", "z": "z\n"},
		"a changed":   {"a-first": "x\n", "d/x": "new\n", "z": "z\n"},
		"a removed":   {"a-first": "x\n", "d/x": "", "z": "z\n"},
		"all of it":   {"a-first": "x\n", "d/x": "", "d/y": "", "g": ""},
		"made a link": {"a-first": "x\n", "d": "->g"},
	} {
		t.Run(name, func(t *testing.T) {
			repo := applyRepo(t)
			r := open(t, repo)
			s := storeIn(t, r)
			st := stackOf(t, r, s.Store, head(t, r), files)
			must(t, os.Chmod(filepath.Join(repo, "d"), 0o555))
			t.Cleanup(func() { must(t, os.Chmod(filepath.Join(repo, "d"), 0o755)) })
			before := withoutObjects(t, repo)
			wantRefusal(t, s.PublishCheckout(context.Background(), st), "the checkout is as it was")
			wantSame(t, "repository", withoutObjects(t, repo), before)
			wantSame(t, "status", git(t, repo, "status", "--porcelain"), "")
		})
	}
}

func TestACancelledPublishLeavesTheCheckoutAsItWas(t *testing.T) {
	repo := applyRepo(t)
	pipe := filepath.Join(tempDir(t), "pipe")
	must(t, syscall.Mkfifo(pipe, 0o600))
	git(t, repo, "config", "filter.slow.smudge", "echo started > "+pipe+"; sleep 60")
	write(t, repo, map[string]string{".git/info/attributes": "z filter=slow\n"})
	r := open(t, repo)
	s := storeIn(t, r)
	base := head(t, r)
	commit, err := s.Commit(context.Background(), base, []byte(rawPatch("100644", "a-first", "x\n")+rawPatch("100644", "z", "x\n")), "m")
	must(t, err)
	st, err := s.Stack(context.Background(), base, []workspace.Step{{TaskID: "t", Start: base, Commit: commit, Message: "m"}})
	must(t, err)
	before := withoutObjects(t, repo)
	ctx, cancel := context.WithCancelCause(context.Background())
	stopped := errors.New("the user has had enough")
	go func() {
		_, err := os.ReadFile(pipe)
		cancel(errors.Join(stopped, err))
	}()
	if err := s.PublishCheckout(ctx, st); !errors.Is(err, stopped) {
		t.Errorf("got %v, want the cause", err)
	}
	wantSame(t, "repository", withoutObjects(t, repo), before)
}

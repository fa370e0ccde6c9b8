package workspace_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/workspace"
)

func wantUntouched(t *testing.T, canary string) {
	t.Helper()
	if _, err := os.Lstat(canary); !os.IsNotExist(err) {
		t.Errorf("something of the sandbox's ran on the host: %s exists (%v)", canary, err)
	}
}

// evilConfig runs a canary for whoever uses it.
func evilConfig(canary string) string {
	run := "touch " + canary
	return "[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tfsmonitor = \"" + run + ";:\"\n\thooksPath = hooks\n\tpager = \"" + run + "\"\n" +
		"\teditor = \"" + run + "\"\n\tsshCommand = \"" + run + "\"\n\tattributesFile = attributes\n" +
		"[filter \"evil\"]\n\tclean = \"" + run + "; cat\"\n\tsmudge = \"" + run + "; cat\"\n\tprocess = \"" + run + "\"\n\trequired = true\n" +
		"[diff]\n\texternal = \"" + run + "\"\n[diff \"evil\"]\n\ttextconv = \"" + run + "; cat\"\n\tcommand = \"" + run + "\"\n[include]\n\tpath = more\n"
}

// plantGitDir replaces the worktree's .git by a directory full of traps, and
// returns the canary that dies in them.
func plantGitDir(t *testing.T, tree string) string {
	t.Helper()
	canary := filepath.Join(tempDir(t), "canary")
	dir := filepath.Join(tree, ".git")
	must(t, os.RemoveAll(dir))
	plantRepo(t, dir, canary)
	return canary
}

func plantRepo(t *testing.T, gitDir, canary string) {
	t.Helper()
	write(t, gitDir, map[string]string{
		"HEAD": "ref: refs/heads/main\n", "config": evilConfig(canary), "objects/info/alternates": "", "refs/heads/x": "",
		"hooks/post-checkout!": "#!/bin/sh\ntouch " + canary + "\n", "hooks/post-index-change!": "#!/bin/sh\ntouch " + canary + "\n",
		"info/attributes": "* filter=evil diff=evil\n", "attributes": "* filter=evil\n",
	})
}

// TestHostileWorktrees is the attacker's side: whatever a sandbox leaves, no
// line of it runs on the host, nothing outside is read, nothing hangs, and what
// cannot be a patch is a finding.
func TestHostileWorktrees(t *testing.T) {
	canary := filepath.Join(tempDir(t), "canary")
	secret := filepath.Join(tempDir(t), "secret")
	write(t, secret, map[string]string{"file": "TOP SECRET\n", "conf/x": "TOP SECRET\n", ".gitignore": "*\n"})
	run := "touch " + canary
	repo := newRepo(t, map[string]string{
		"a": "a\n", "conf/x": "x\n", "conf/y": "y\n", "sub/.gitignore": "*.o\n", "script.py": "pass\n", ".gitattributes": "*.md text\n",
	})
	git(t, repo, "config", "filter.evil.clean", run+"; cat") // configured by the user, but not used by the base
	r := open(t, repo)

	tests := map[string]struct {
		do    func(t *testing.T, dir string, tree task.Tree)
		paths []string
		rules []string
	}{
		"nested repository": {func(t *testing.T, d string, _ task.Tree) {
			plantRepo(t, filepath.Join(d, "vendor/lib/.git"), canary)
			write(t, d, map[string]string{"vendor/lib/code": "x", "vendor/own": "x"})
		}, []string{"added vendor/own"}, []string{"nested-repository vendor/lib/.git"}},
		"real nested repository": {func(t *testing.T, d string, _ task.Tree) {
			git(t, d, "init", "--quiet", "inner")
			write(t, d, map[string]string{"inner/f": "x"})
			git(t, filepath.Join(d, "inner"), "add", "f")
			git(t, filepath.Join(d, "inner"), "commit", "--quiet", "-m", "x")
			git(t, filepath.Join(d, "inner"), "config", "core.fsmonitor", run+";:")
			must(t, os.RemoveAll(canary))
		}, nil, []string{"nested-repository inner/.git"}},
		"repository in a directory of the base": {func(t *testing.T, d string, _ task.Tree) {
			plantRepo(t, filepath.Join(d, "conf/.git"), canary)
			write(t, d, map[string]string{"conf/x": "changed\n"})
		}, []string{"modified conf/x"}, []string{"nested-repository conf/.git"}},
		".git file that points outside": {func(t *testing.T, d string, _ task.Tree) {
			outside := filepath.Join(tempDir(t), "outside")
			plantRepo(t, outside, canary)
			write(t, d, map[string]string{"n/.git": "gitdir: " + outside + "\n", "n/f": "f"})
		}, nil, []string{"nested-repository n/.git"}},
		"a pipe as HEAD of a nested repository": {func(t *testing.T, d string, _ task.Tree) {
			plantRepo(t, filepath.Join(d, "n/.git"), canary)
			must(t, os.Remove(filepath.Join(d, "n/.git/HEAD")))
			must(t, syscall.Mkfifo(filepath.Join(d, "n/.git/HEAD"), 0o666))
		}, nil, []string{"nested-repository n/.git"}},
		"ignored nested repository": {func(t *testing.T, d string, _ task.Tree) {
			plantRepo(t, filepath.Join(d, "node_modules/m/.git"), canary)
			must(t, syscall.Mkfifo(filepath.Join(d, "node_modules/pipe"), 0o666))
			write(t, d, map[string]string{".gitignore": "node_modules/\n"})
		}, []string{"added .gitignore"}, nil},
		"names like .git": {func(t *testing.T, d string, _ task.Tree) {
			write(t, d, map[string]string{".GIT/config": "x", "p/.Git": "x", "q/git~1": "x", "r/.git ": "x", "s/.g\u200cit/x": "x", "t/.git::$INDEX_ALLOCATION": "x", "u/.git\\x": "x", "ok/.gitx": "x"})
		}, []string{"added ok/.gitx"}, []string{
			"nested-repository .GIT", "nested-repository p/.Git", "nested-repository q/git~1", `nested-repository "r/.git "`,
			`nested-repository "s/.g\u200cit"`, "nested-repository t/.git::$INDEX_ALLOCATION", `nested-repository u/.git\x`,
		}},
		".git replaced by a directory": {func(t *testing.T, d string, _ task.Tree) {
			must(t, os.RemoveAll(filepath.Join(d, ".git")))
			plantRepo(t, filepath.Join(d, ".git"), canary)
			write(t, d, map[string]string{"a": "b\n"})
		}, []string{"modified a"}, []string{"git-file-replaced .git"}},
		".git replaced by a symlink": {func(t *testing.T, d string, _ task.Tree) {
			outside := filepath.Join(tempDir(t), "outside")
			plantRepo(t, outside, canary)
			write(t, d, map[string]string{".git": "->" + outside, "a": "b\n"})
		}, []string{"modified a"}, []string{"git-file-replaced .git"}},
		"attributes with filters": {func(t *testing.T, d string, _ task.Tree) {
			write(t, d, map[string]string{".gitattributes": "[attr]all filter=evil diff=evil\n* all\n* filter=evil diff=evil -diff export-ignore merge=evil\n", "a": "hidden?\n", "n": "new\n"})
		}, []string{"modified .gitattributes", "modified a", "added n"}, nil},
		"attributes that cannot be met": {func(t *testing.T, d string, _ task.Tree) {
			write(t, d, map[string]string{".gitattributes": "*.md text\nbad working-tree-encoding=UTF-16\n", "bad": "odd", "conf/x": "fine\n", "z": "z\n"})
		}, []string{"modified .gitattributes", "modified conf/x", "added z"}, []string{"not-collected bad"}},
		"symlink out": {func(t *testing.T, d string, _ task.Tree) {
			write(t, d, map[string]string{"a": "->" + secret + "/file", "l": "->/etc/passwd"})
		}, []string{"type-changed a", "added l"}, nil},
		"directory replaced by a symlink out": {func(t *testing.T, d string, _ task.Tree) {
			write(t, d, map[string]string{"conf": "->" + secret + "/conf"})
		}, []string{"added conf", "deleted conf/x", "deleted conf/y"}, nil},
		"directory replaced by a symlink in": {func(t *testing.T, d string, _ task.Tree) {
			must(t, os.Rename(filepath.Join(d, "conf"), filepath.Join(d, "moved")))
			write(t, d, map[string]string{"conf": "->moved"})
		}, []string{"added conf", "renamed conf/x -> moved/x", "renamed conf/y -> moved/y"}, nil},
		"directories swapped": {func(t *testing.T, d string, _ task.Tree) {
			must(t, os.Rename(filepath.Join(d, "conf/x"), filepath.Join(d, "conf/t")))
			must(t, os.Rename(filepath.Join(d, "conf/y"), filepath.Join(d, "conf/x")))
			must(t, os.Rename(filepath.Join(d, "conf/t"), filepath.Join(d, "conf/y")))
		}, []string{"modified conf/x", "modified conf/y"}, nil},
		"ignore file is a symlink out": {func(t *testing.T, d string, _ task.Tree) {
			write(t, d, map[string]string{"conf/.gitignore": "->" + secret + "/.gitignore", "conf/.gitattributes": "->" + secret + "/file", "conf/new": "n\n"})
		}, []string{"added conf/.gitattributes", "added conf/.gitignore", "added conf/new"}, nil},
		"pipes": {func(t *testing.T, d string, _ task.Tree) {
			for _, name := range []string{"a", ".gitignore", "conf/.gitattributes", "sub/.gitignore", ".gitmodules", ":(exclude)p"} {
				must(t, os.RemoveAll(filepath.Join(d, name)))
				must(t, syscall.Mkfifo(filepath.Join(d, name), 0o666))
			}
			write(t, d, map[string]string{"n": "n"})
		}, []string{"added n"}, []string{"special-file .gitignore", "special-file .gitmodules", "special-file :(exclude)p", "special-file a", "special-file conf/.gitattributes", "special-file sub/.gitignore"}},
		"endless ignore file": {func(t *testing.T, d string, _ task.Tree) {
			write(t, d, map[string]string{".gitignore": "", "n": "n"})
			must(t, os.Truncate(filepath.Join(d, ".gitignore"), 1<<40))
		}, []string{"added n"}, []string{"file-too-large .gitignore"}},
		"large file": {func(t *testing.T, d string, _ task.Tree) {
			write(t, d, map[string]string{"a": "", "n": "n", "big": ""})
			must(t, os.Truncate(filepath.Join(d, "a"), 1<<40))
			must(t, os.Truncate(filepath.Join(d, "big"), 1<<21))
		}, []string{"added n"}, []string{"file-too-large a", "file-too-large big"}},
		"gitmodules is a symlink": {func(t *testing.T, d string, _ task.Tree) {
			write(t, d, map[string]string{".gitmodules": "->a", "n": "n"})
		}, []string{"added n"}, []string{"unsafe-symlink .gitmodules"}},
		"lock files": {func(t *testing.T, d string, tree task.Tree) {
			write(t, d, map[string]string{"index.lock": "", "n": "n"})
			write(t, tree.GitDir, map[string]string{"index.lock": "", "HEAD.lock": "", "config.lock": ""})
		}, []string{"added index.lock", "added n"}, nil},
		"junk in the private git directory": {func(t *testing.T, d string, tree task.Tree) {
			must(t, os.RemoveAll(tree.GitDir))
			plantRepo(t, tree.GitDir, canary)
			write(t, tree.GitDir, map[string]string{"objects/info/alternates": secret + "\n", "commondir": secret, "index": "junk", "info/exclude": "*\n"})
			write(t, d, map[string]string{"n": "n"})
		}, []string{"added n"}, nil},
		"forbidden to us": {func(t *testing.T, d string, _ task.Tree) {
			write(t, d, map[string]string{"shut/in/n": "n", "a": "b\n"})
			must(t, os.Chmod(filepath.Join(d, "a"), 0))
			must(t, os.Chmod(filepath.Join(d, "shut/in"), 0))
			must(t, os.Chmod(filepath.Join(d, "shut"), 0))
		}, []string{"modified a", "added shut/in/n"}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := create(t, r)
			tt.do(t, w.Tree().Dir, w.Tree())
			var before map[string]string
			if name != "forbidden to us" {
				before = snapshot(t, w.Tree().Dir)
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			c, err := w.Collect(ctx, workspace.CollectOptions{MaxFileBytes: 1 << 20})
			must(t, err)
			wantUntouched(t, canary)
			wantSame(t, "paths", paths(c), tt.paths)
			wantSame(t, "findings", sorted(rules(c)), sorted(tt.rules))
			if !c.Applicable {
				t.Error(c.ApplyLog)
			}
			if strings.Contains(string(c.Patch), "GIT binary patch") {
				t.Errorf("text is hidden in a binary patch:\n%s", c.Patch)
			}
			if strings.Contains(string(c.Patch), "TOP SECRET") || strings.Contains(string(c.Patch), "root:") {
				t.Errorf("the patch holds what lies outside:\n%s", c.Patch)
			}
			for _, f := range c.Findings {
				if f.Severity != task.SeverityError {
					t.Errorf("%v is no error", f)
				}
			}
			if before != nil {
				wantSame(t, "worktree after collecting", snapshot(t, w.Tree().Dir), before)
			}
			must(t, w.Remove(ctx, false))
			if _, err := os.Lstat(filepath.Join(secret, "conf/x")); err != nil {
				t.Errorf("removal followed a symlink: %v", err)
			}
		})
	}
}

// A filter that the base uses runs, but not where the task could have put what
// it loads: "python -m nbstripout" looks into its working directory first.
func TestAFilterDoesNotRunInTheWorktree(t *testing.T) {
	canary := filepath.Join(tempDir(t), "canary")
	repo := newRepo(t, map[string]string{"strip.sh": "cat\n"})
	git(t, repo, "config", "filter.rel.clean", "sh ./strip.sh")
	git(t, repo, "config", "filter.rel.smudge", "cat")
	git(t, repo, "config", "filter.rel.required", "true")
	write(t, repo, map[string]string{".gitattributes": "*.nb filter=rel\n", "a.nb": "a\n"})
	git(t, repo, "add", "-A")
	git(t, repo, "commit", "--quiet", "-m", "filter")
	w := create(t, open(t, repo))
	write(t, w.Tree().Dir, map[string]string{"strip.sh": "touch " + canary + "; cat\n", "a.nb": "b\n", "c": "c\n"})
	c := collect(t, w)
	wantUntouched(t, canary)
	wantSame(t, "findings", rules(c), []string{"filter-failed a.nb"})
	wantSame(t, "paths", paths(c), []string{"added c", "modified strip.sh"})
}

func TestDeepTreesAreCollectedAndRemoved(t *testing.T) {
	repo := newRepo(t, map[string]string{"a": "a\n"})
	w := create(t, open(t, repo))
	// Step by step: no path leads this deep at once.
	root, err := os.OpenRoot(w.Tree().Dir)
	must(t, err)
	name := strings.Repeat("d", 100)
	for range 300 {
		must(t, root.Mkdir(name, 0o755))
		next, err := root.OpenRoot(name)
		must(t, err)
		must(t, root.Close())
		root = next
	}
	must(t, root.WriteFile("bottom", nil, 0o644))
	must(t, root.Close())
	c := collect(t, w)
	if len(c.Findings) != 1 || c.Findings[0].Rule != "path-too-long" {
		t.Errorf("findings: %v", c.Findings)
	}
	must(t, w.Remove(context.Background(), false))
	if _, err := os.Lstat(w.Tree().Dir); !os.IsNotExist(err) {
		t.Error("the worktree is still there")
	}
}

func TestFindingsAreBounded(t *testing.T) {
	repo := newRepo(t, map[string]string{"a": "a\n"})
	w := create(t, open(t, repo))
	for i := range 200 {
		must(t, syscall.Mkfifo(filepath.Join(w.Tree().Dir, "p"+strings.Repeat("x", i)), 0o666))
	}
	c := collect(t, w)
	if n := len(c.Findings); n != 50 {
		t.Errorf("%d findings, want 50", n)
	}
	if !strings.Contains(c.Findings[49].Detail, "more") {
		t.Errorf("the last one does not say that there are more: %v", c.Findings[49])
	}
}

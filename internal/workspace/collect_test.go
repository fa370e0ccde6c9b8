package workspace_test

import (
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// oddNames are names that break what is not careful.
var oddNames = []string{
	"with space", "quote\"s'and`ticks", "new\nline", "tab\there", "-dash", "--option=x", ":(exclude)a", ":!b", "*", "[x]?",
	"back\\slash", "latin-\xe9", "bad-utf8-\xff\xfe", "ünï ✓", "trailing ", "#hash", "\"", "{a => b}", "a -> b", "$(touch x)", "~", "dir\nwith/line\nbreak",
	"\x01\x02", "...", "..a", "@{-1}", "HEAD", "diff --git a",
}

func TestEveryKindOfChangeGoesIntoThePatch(t *testing.T) {
	base := map[string]string{
		"keep": "same\n", "edit": "one\ntwo\nthree\n", "gone": "x\n", "moved": "a\nb\nc\nd\ne\nf\n", "mode": "m\n", "exec!": "e\n",
		"empty": "", "noeol": "no newline", "bin": "\x00\x01\x02", "latin": "caf\xe9\n", "link": "->keep", "file-to-link": "f\n", "link-to-file": "->keep",
		"file-to-dir": "f\n", "dir-to-file/a": "a\n", "dir-to-file/b": "b\n", "dir-to-link/a": "a\n", "link-to-dir": "->keep",
	}
	tests := map[string]struct {
		do   func(t *testing.T, dir string)
		want []string
	}{
		"nothing": {func(*testing.T, string) {}, nil},
		"edit":    {func(t *testing.T, d string) { write(t, d, map[string]string{"edit": "one\nTWO\nthree\n"}) }, []string{"modified edit"}},
		"same size, same second": {func(t *testing.T, d string) {
			info, err := os.Stat(filepath.Join(d, "edit"))
			must(t, err)
			write(t, d, map[string]string{"edit": "ONE\ntwo\nthree\n"})
			must(t, os.Chtimes(filepath.Join(d, "edit"), info.ModTime(), info.ModTime()))
		}, []string{"modified edit"}},
		"delete": {func(t *testing.T, d string) { must(t, os.Remove(filepath.Join(d, "gone"))) }, []string{"deleted gone"}},
		"rename": {func(t *testing.T, d string) {
			must(t, os.Rename(filepath.Join(d, "moved"), filepath.Join(d, "moved to")))
		}, []string{"renamed moved -> moved to"}},
		"swap": {func(t *testing.T, d string) {
			must(t, os.Rename(filepath.Join(d, "edit"), filepath.Join(d, "tmp")))
			must(t, os.Rename(filepath.Join(d, "moved"), filepath.Join(d, "edit")))
			must(t, os.Rename(filepath.Join(d, "tmp"), filepath.Join(d, "moved")))
		}, []string{"modified edit", "modified moved"}},
		"mode":         {func(t *testing.T, d string) { must(t, os.Chmod(filepath.Join(d, "mode"), 0o755)) }, []string{"modified mode"}},
		"mode off":     {func(t *testing.T, d string) { must(t, os.Chmod(filepath.Join(d, "exec"), 0o644)) }, []string{"modified exec"}},
		"fill empty":   {func(t *testing.T, d string) { write(t, d, map[string]string{"empty": "x"}) }, []string{"modified empty"}},
		"make empty":   {func(t *testing.T, d string) { write(t, d, map[string]string{"new": "", "edit": ""}) }, []string{"modified edit", "added new"}},
		"no newline":   {func(t *testing.T, d string) { write(t, d, map[string]string{"noeol": "other", "edit": "cut"}) }, []string{"modified edit", "modified noeol"}},
		"binary":       {func(t *testing.T, d string) { write(t, d, map[string]string{"bin": "\x00\x01\x03", "b2": "\x00\xff"}) }, []string{"added b2", "modified bin"}},
		"not UTF-8":    {func(t *testing.T, d string) { write(t, d, map[string]string{"latin": "th\xe9\n", "edit": "ü\n"}) }, []string{"modified edit", "modified latin"}},
		"symlink":      {func(t *testing.T, d string) { write(t, d, map[string]string{"link": "->edit", "l2": "->/etc/passwd"}) }, []string{"added l2", "modified link"}},
		"type to link": {func(t *testing.T, d string) { write(t, d, map[string]string{"file-to-link": "->keep"}) }, []string{"type-changed file-to-link"}},
		"type to file": {func(t *testing.T, d string) {
			must(t, os.Remove(filepath.Join(d, "link-to-file")))
			write(t, d, map[string]string{"link-to-file": "x\n"})
		}, []string{"type-changed link-to-file"}},
		"file to dir": {func(t *testing.T, d string) {
			must(t, os.Remove(filepath.Join(d, "file-to-dir")))
			write(t, d, map[string]string{"file-to-dir/x/y": "other\n"})
		}, []string{"deleted file-to-dir", "added file-to-dir/x/y"}},
		"dir to file": {func(t *testing.T, d string) {
			must(t, os.RemoveAll(filepath.Join(d, "dir-to-file")))
			write(t, d, map[string]string{"dir-to-file": "zzz\n"})
		}, []string{"added dir-to-file", "deleted dir-to-file/a", "deleted dir-to-file/b"}},
		"dir to link": {func(t *testing.T, d string) {
			must(t, os.RemoveAll(filepath.Join(d, "dir-to-link")))
			write(t, d, map[string]string{"dir-to-link": "->dir-to-file"})
		}, []string{"added dir-to-link", "deleted dir-to-link/a"}},
		"link to dir": {func(t *testing.T, d string) {
			must(t, os.Remove(filepath.Join(d, "link-to-dir")))
			write(t, d, map[string]string{"link-to-dir/n": "n\n"})
		}, []string{"deleted link-to-dir", "added link-to-dir/n"}},
		"all gone": {func(t *testing.T, d string) { removeAllFiles(t, d) }, nil},
		"ignored": {func(t *testing.T, d string) {
			write(t, d, map[string]string{".gitignore": "out/\n", "out/x": "x", "in/x": "x"})
		}, []string{"added .gitignore", "added in/x"}},
		"hunk headings": {func(t *testing.T, d string) { write(t, d, map[string]string{"edit": "one\ntwo\nthree\nfour\n"}) }, []string{"modified edit"}},
	}
	repo := newRepo(t, base)
	r := open(t, repo)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := create(t, r)
			tt.do(t, w.Tree().Dir)
			c := collect(t, w)
			if tt.want != nil || name == "nothing" {
				wantSame(t, "paths", paths(c), tt.want)
			}
			checkPatch(t, repo, w.Tree().Dir, c)
			wantSame(t, "a second collection", collect(t, w), c)
		})
	}
}

func removeAllFiles(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		if e.Name() != ".git" {
			must(t, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
}

// checkPatch says that the patch is text that, applied elsewhere by plain git,
// gives what the worktree holds.
func checkPatch(t *testing.T, repo, tree string, c task.Changes) {
	t.Helper()
	if len(c.Findings) > 0 {
		t.Errorf("findings: %v", c.Findings)
	}
	if !c.Applicable || c.ApplyLog == "" {
		t.Errorf("applicable %v: %s", c.Applicable, c.ApplyLog)
	}
	if !utf8.Valid(c.Patch) {
		t.Error("the patch is not UTF-8")
	}
	want := snapshot(t, tree)
	for name := range want {
		if name == ".git" || name == "out" || filepath.Dir(name) == "out" || name == "." {
			delete(want, name)
		}
	}
	got := applied(t, repo, c.Patch)
	delete(got, ".")
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the patch gives another tree (-worktree +applied):\n%s\n%s", d, c.Patch)
	}
}

func TestNamesAreBytes(t *testing.T) {
	base := map[string]string{}
	for _, name := range oddNames {
		base["old/"+name] = "base " + name + "\n"
	}
	repo := newRepo(t, base)
	w := create(t, open(t, repo))
	dir := w.Tree().Dir
	var want []string
	for i, name := range oddNames {
		write(t, dir, map[string]string{name: "new " + name + "\n"})
		switch i % 3 {
		case 0:
			write(t, dir, map[string]string{"old/" + name: "changed\n"})
		case 1:
			must(t, os.Remove(filepath.Join(dir, "old", name)))
		}
		want = append(want, name)
	}
	c := collect(t, w)
	checkPatch(t, repo, dir, c)
	added := map[string]bool{}
	for _, f := range c.Files {
		added[f.Path] = true
	}
	for _, name := range want {
		if !added[name] {
			t.Errorf("%q is missing", name)
		}
	}
}

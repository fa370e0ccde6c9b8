package workspace_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/workspace"
)

func readFile(t *testing.T, parts ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(parts...))
	must(t, err)
	return string(content)
}

func TestLineEndings(t *testing.T) {
	repo := newRepo(t, map[string]string{".gitattributes": "* text=auto eol=crlf\n", "a": "one\ntwo\n", "b": "x\n"})
	w := create(t, open(t, repo))
	dir := w.Tree().Dir
	wantSame(t, "checked out", readFile(t, dir, "a"), "one\r\ntwo\r\n")
	wantSame(t, "fresh", paths(collect(t, w)), []string(nil))
	write(t, dir, map[string]string{"a": "one\r\nTWO\r\n", "n": "new\r\n", "b": "x\n"})
	c := collect(t, w)
	wantSame(t, "paths", paths(c), []string{"modified a", "added n"})
	if strings.Contains(string(c.Patch), "\r") || !strings.Contains(string(c.Patch), "\n-two\n+TWO\n") {
		t.Errorf("the patch is not what git would commit:\n%q", c.Patch)
	}
}

func TestTheUsersOwnConversions(t *testing.T) {
	repo := newRepo(t, map[string]string{"a": "one\n", "junk": "x"})
	git(t, repo, "config", "core.autocrlf", "true")
	global := filepath.Join(tempDir(t), "attributes")
	write(t, filepath.Dir(global), map[string]string{"attributes": "*.bin -text\n", "ignore": "*.swp\n"})
	git(t, repo, "config", "core.attributesFile", global)
	git(t, repo, "config", "core.excludesFile", filepath.Join(filepath.Dir(global), "ignore"))
	write(t, repo, map[string]string{".git/info/exclude": "*.local\n"})
	w := create(t, open(t, repo))
	wantSame(t, "checked out", readFile(t, w.Tree().Dir, "a"), "one\r\n")
	write(t, w.Tree().Dir, map[string]string{"a": "two\r\n", "x.bin": "a\r\n", "x.swp": "", "x.local": ""})
	c := collect(t, w)
	wantSame(t, "paths", paths(c), []string{"modified a", "added x.bin"})
	if got := string(c.Patch); !strings.Contains(got, "\n+two\n") || !strings.Contains(got, "\n+a\r\n") {
		t.Errorf("patch:\n%q", got)
	}
}

// A file whose content git would normalise on the next touch looks changed to
// git from the start. Nobody has changed it.
func TestWhatWasNeverTouchedIsNoChange(t *testing.T) {
	repo := newRepo(t, map[string]string{"a.txt": "one\r\ntwo\r\n", "b": "b\n"})
	write(t, repo, map[string]string{".gitattributes": "*.txt text\n"})
	git(t, repo, "add", ".gitattributes")
	git(t, repo, "commit", "--quiet", "-m", "attributes without renormalising")
	w := create(t, open(t, repo))
	wantSame(t, "fresh", paths(collect(t, w)), []string(nil))
	write(t, w.Tree().Dir, map[string]string{"b": "c\n"})
	wantSame(t, "touched", paths(collect(t, w)), []string{"modified b"})
}

func TestAnLFSPointerIsWarnedAbout(t *testing.T) {
	repo := newRepo(t, map[string]string{".gitattributes": "[attr]big filter=lfs\n*.dat big\n"})
	git(t, repo, "config", "filter.lfs.clean", "printf 'pointer %s' %f")
	w := create(t, open(t, repo))
	write(t, w.Tree().Dir, map[string]string{"big one.dat!": "content\n", "sub/d.dat": "content\n"})
	c := collect(t, w)
	wantSame(t, "findings", rules(c), []string{"filtered-content big one.dat", "filtered-content sub/d.dat"})
	wantSame(t, "modes", []uint32{c.Files[0].NewMode, c.Files[1].NewMode}, []uint32{0o100755, 0o100644})
	if !strings.Contains(string(c.Patch), "+pointer big one.dat") || c.Findings[0].Severity != task.SeverityWarning {
		t.Errorf("%v\n%s", c.Findings, c.Patch)
	}
}

func TestSubmodulesAreLeftAlone(t *testing.T) {
	lib := newRepo(t, map[string]string{"lib": "lib\n"})
	repo := newRepo(t, map[string]string{"a": "a\n"})
	git(t, repo, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", lib, "sub")
	git(t, repo, "commit", "--quiet", "-m", "submodule")
	r := open(t, repo)
	canary := filepath.Join(tempDir(t), "canary")
	for name, tt := range map[string]struct {
		do    func(t *testing.T, dir string)
		paths []string
		rules []string
	}{
		"untouched": {func(*testing.T, string) {}, nil, nil},
		"file in it": {
			func(t *testing.T, d string) { write(t, d, map[string]string{"sub/x": "x", "a": "b\n"}) },
			[]string{"modified a"},
			[]string{"submodule-edited sub"},
		},
		"repository in it": {
			func(t *testing.T, d string) { plantRepo(t, filepath.Join(d, "sub/.git"), canary) },
			nil,
			[]string{"submodule-edited sub"},
		},
		"gone": {
			func(t *testing.T, d string) { must(t, os.Remove(filepath.Join(d, "sub"))) },
			nil,
			[]string{"submodule-edited sub"},
		},
		"now a file": {func(t *testing.T, d string) {
			must(t, os.Remove(filepath.Join(d, "sub")))
			write(t, d, map[string]string{"sub": "x"})
		}, nil, []string{"submodule-edited sub"}},
		"now a symlink": {func(t *testing.T, d string) {
			must(t, os.Remove(filepath.Join(d, "sub")))
			write(t, d, map[string]string{"sub": "->" + lib})
		}, nil, []string{"submodule-edited sub"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := create(t, r)
			tt.do(t, w.Tree().Dir)
			c := collect(t, w)
			wantUntouched(t, canary)
			wantSame(t, "paths", paths(c), tt.paths)
			wantSame(t, "findings", rules(c), tt.rules)
			if !c.Applicable {
				t.Error(c.ApplyLog)
			}
		})
	}
}

func TestSparseCheckout(t *testing.T) {
	repo := newRepo(t, map[string]string{"in/a": "a\n", "out/b": "b\n", "out/c": "c\n"})
	git(t, repo, "sparse-checkout", "set", "in")
	w := create(t, open(t, repo))
	dir := w.Tree().Dir
	if _, err := os.Lstat(filepath.Join(dir, "out")); !os.IsNotExist(err) {
		t.Fatalf("the worktree is not sparse: %v", err)
	}
	wantSame(t, "fresh", paths(collect(t, w)), []string(nil))
	write(t, dir, map[string]string{"in/a": "A\n", "out/b": "B\n", "out/n": "n\n"})
	c := collect(t, w)
	wantSame(t, "paths", paths(c), []string{"modified in/a", "modified out/b", "added out/n"})
	if !c.Applicable {
		t.Error(c.ApplyLog)
	}
}

func TestPatchesAreUTF8EvenIfFilesAreNot(t *testing.T) {
	body := strings.Repeat("line\n", 10)
	heading := "func " + strings.Repeat("ü", 60) + "() {\n"
	repo := newRepo(t, map[string]string{"mixed": "caf\xe9\n" + body + "end\n", "heading.go": heading + body + "end\n", "moved-latin": "\xe9\xe8\n" + body})
	w := create(t, open(t, repo))
	dir := w.Tree().Dir
	must(t, os.Rename(filepath.Join(dir, "moved-latin"), filepath.Join(dir, "there")))
	write(t, dir, map[string]string{
		"mixed": "caf\xe9\n" + body + "END\n", "heading.go": heading + body + "END\n", "latin": "\xe9\n",
		"there": "\xe9\xe8\n" + body + "more\xff\n",
	})
	c := collect(t, w)
	checkPatch(t, repo, dir, c)
	wantSame(t, "paths", paths(c), []string{"modified heading.go", "added latin", "modified mixed", "renamed moved-latin -> there"})
	var binary []bool
	for _, f := range c.Files {
		binary = append(binary, f.Binary)
	}
	// In "mixed" the odd bytes are too far from the change to be in the patch.
	wantSame(t, "binary", binary, []bool{false, true, false, true})
	if !utf8.Valid(c.Patch) {
		t.Error("not UTF-8")
	}
}

func TestAPatchThatIsTooLargeForUsIsNotMade(t *testing.T) {
	w := create(t, open(t, newRepo(t, map[string]string{"a": "a\n"})))
	f, err := os.Create(filepath.Join(w.Tree().Dir, "huge"))
	must(t, err)
	for range 70 {
		_, err := f.WriteString(strings.Repeat("0123456789abcde\n", 1<<16))
		must(t, err)
	}
	must(t, f.Close())
	c, err := w.Collect(context.Background(), workspace.CollectOptions{})
	must(t, err)
	wantSame(t, "findings", rules(c), []string{"patch-too-large 1 files"})
	if c.Applicable || len(c.Patch) > 0 || len(c.Files) != 1 {
		t.Errorf("%d bytes, %d files, applicable %v", len(c.Patch), len(c.Files), c.Applicable)
	}
}

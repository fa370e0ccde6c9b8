package validate_test

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/folding"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func TestSymlinks(t *testing.T) {
	for _, c := range []struct {
		name  string
		files []task.Change
		want  []string // the paths that escape
	}{
		{"a neighbour", []task.Change{link("a/b", "c")}, nil},
		{"the root", []task.Change{link("a/b", "..")}, nil},
		{"a cousin", []task.Change{link("a/b/c", "../../d/e")}, nil},
		{"a file that is not there", []task.Change{link("a", "no/such/file")}, nil},
		{"absolute", []task.Change{link("a", "/etc/passwd")}, []string{"a"}},
		{"absolute, into the sandbox's workspace", []task.Change{link("a", "/workspace/b")}, []string{"a"}},
		{"one level too many", []task.Change{link("a/b", "../../x")}, []string{"a/b"}},
		{"out and back in", []task.Change{link("a", "../repo/b")}, []string{"a"}},
		{"hidden behind dots", []task.Change{link("a", "./b/.//../../x")}, []string{"a"}},
		{"empty", []task.Change{link("a", "")}, []string{"a"}},
		{"into .git", []task.Change{link("a", ".git/hooks")}, []string{"a"}},
		{"into .GIT", []task.Change{link("a/b", "../.GIT")}, []string{"a/b"}},
		{"itself", []task.Change{link("a", "a")}, []string{"a"}},
		{
			// By the text of it, l leads to a/b. But a/b/c is the root, and .. of that is outside.
			"through another symlink",
			[]task.Change{link("a/b/c", "../.."), link("l", "a/b/c/../x")},
			[]string{"l"},
		},
		{
			"through another symlink of a file system without case",
			[]task.Change{link("a/b/c", "../.."), link("l", "A/b/C/../x")},
			[]string{"l"},
		},
		{"through a chain", []task.Change{link("x/1", "../y"), link("y", "z/z"), link("z/z", "../.."), link("ok", "x/1")}, []string{"x/1", "y", "z/z", "ok"}},
		{"past a symlink that is gone", []task.Change{{Path: "a", Kind: task.Deleted, OldMode: 0o120000}, link("l", "a/../x")}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := escaping(c.files); !slices.Equal(got, c.want) {
				t.Errorf("escaping: %q, want %q", got, c.want)
			}
		})
	}
}

func escaping(files []task.Change) []string {
	var paths []string
	ev := task.Evidence{Spec: task.Spec{AllowedPaths: []string{""}}, Changes: task.Changes{Files: files, Applicable: true}}
	for _, f := range judge(ev) {
		if f.Rule == "symlink-escapes" {
			paths = append(paths, f.Evidence)
		}
	}
	return paths
}

// errEscapes is what os.Root says of a path that leaves it. It has no name.
func errEscapes(tb testing.TB) error {
	tb.Helper()
	root, err := os.OpenRoot(tb.TempDir())
	if err != nil {
		tb.Fatal(err)
	}
	defer root.Close()
	_, err = root.Stat("..")
	var at *fs.PathError
	if !errors.As(err, &at) {
		tb.Fatalf("os.Root says %v of ..", err)
	}
	return at.Err
}

// FuzzSymlinks makes the symlinks for real and asks os.Root, which resolves them
// one by one with openat(2). Where it comes to an end, it and the validator must
// agree; where it meets something that is not there, the validator may say either.
//
// The input has one symlink a line, as in "a/b -> ../c". Names are of lower
// case, for the validator also thinks of file systems without case.
func FuzzSymlinks(f *testing.F) {
	escape := errEscapes(f)
	f.Add("a -> ..")
	f.Add("a/b -> ..\nl -> a/b/../x")
	f.Add("a/b/c -> ../..\nl -> a/b/c/../x")
	f.Add("a -> b\nb -> c\nc -> a")
	f.Add("a -> /etc\nb -> a/passwd")
	f.Add("d/a -> ../e//f/./\ne/f -> ../d/b\nd/b -> ../../d")
	f.Fuzz(func(t *testing.T, input string) { compareWithKernel(t, escape, input) })
}

// Bytes at random seldom make a chain of symlinks; words at random often do.
func TestRandomSymlinksEscapeAsTheKernelSays(t *testing.T) {
	escape := errEscapes(t)
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(words ...string) string { return words[random.IntN(len(words))] }
	for range 300 {
		var input strings.Builder
		for range 2 + random.IntN(4) {
			name := []string{pick("a", "b", "c"), pick("d", "e"), pick("f", "g")}[:1+random.IntN(3)]
			var target []string
			for range 1 + random.IntN(6) {
				target = append(target, pick("..", "..", "a", "b", "c", "d", "e", "f", ".", ""))
			}
			input.WriteString(strings.Join(name, "/") + " -> " + strings.Join(target, "/") + "\n")
		}
		compareWithKernel(t, escape, input.String())
	}
}

func compareWithKernel(t *testing.T, escape error, input string) {
	t.Helper()
	dir := t.TempDir()
	files := plant(dir, input)
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()

	said := escaping(files)
	for _, c := range files {
		_, err := root.Stat(c.Path)
		ours := slices.Contains(said, c.Path)
		switch {
		case errors.Is(err, escape) && !ours:
			t.Errorf("%s -> %s escapes, and nothing was found in\n%s", c.Path, c.LinkTarget, input)
		case err == nil && ours:
			t.Errorf("%s -> %s stays inside, and was refused in\n%s", c.Path, c.LinkTarget, input)
		}
	}
}

// plant makes the symlinks of input below dir, and every directory that a
// target names, so that few resolutions end early. It returns what it made.
func plant(dir, input string) []task.Change {
	var files []task.Change
	lines := strings.Split(input, "\n")
	for _, line := range lines[:min(len(lines), 6)] {
		name, target, ok := strings.Cut(line, " -> ")
		if !ok || name == "" || name != path.Clean(name) || !filepath.IsLocal(name) || name == "." ||
			strings.ContainsRune(line, 0) || folding.Name(line) != line || strings.Contains(line, "git") ||
			len(name) > 40 || len(target) > 60 || strings.Count(target, "/") > 12 {
			continue
		}
		// A name that is already there, or that has a symlink for a parent, cannot be in a tree.
		if clash(files, name) || os.MkdirAll(filepath.Join(dir, path.Dir(name)), 0o755) != nil {
			continue
		}
		if os.Symlink(target, filepath.Join(dir, name)) != nil {
			continue
		}
		files = append(files, link(name, target))
	}
	for _, c := range files {
		if strings.HasPrefix(c.LinkTarget, "/") {
			continue
		}
		at := path.Dir(c.Path)
		for part := range strings.SplitSeq(c.LinkTarget, "/") {
			at = path.Join(at, part)
			if filepath.IsLocal(at) && !clash(files, at) {
				os.MkdirAll(filepath.Join(dir, at), 0o755) // a name too long is one that is not there
			}
		}
	}
	return files
}

func clash(files []task.Change, name string) bool {
	for _, c := range files {
		if c.Path == name || strings.HasPrefix(name, c.Path+"/") || strings.HasPrefix(c.Path, name+"/") {
			return true
		}
	}
	return false
}

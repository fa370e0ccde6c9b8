package workspace_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// neighbours are "mode path" or "mode path -> target", in order.
func neighbours(c task.Changes) []string {
	var out []string
	for _, n := range c.Neighbours {
		s := fmt.Sprintf("%06o %s", n.Mode, n.Path)
		if n.Mode == 0o120000 && n.LinkTarget != "" {
			s += " -> " + n.LinkTarget
		}
		out = append(out, s)
	}
	return sorted(out)
}

func TestWhatDidNotChangeIsToldOnlyIfAChangeMeetsIt(t *testing.T) {
	repo := newRepo(t, map[string]string{
		"README": "r", "Src/a": "a", "Src/Deep/b": "b", "both/x": "1", "Both/y": "2", "stra\u00dfe": "s", "k": "k", "i\u0307": "i",
		"caf\u00e9/menu": "m", "l\xff": "l", "Docs": "->/etc", "lib/in": "->../Src", "tool": "t", "gone/a": "g",
	})
	for _, c := range []struct {
		name string
		do   func(t *testing.T, dir string)
		want []string
	}{
		{"an edit", func(t *testing.T, dir string) { write(t, dir, map[string]string{"README": "other", "both/x": "other"}) }, nil},
		{"a new file like no other", func(t *testing.T, dir string) { write(t, dir, map[string]string{"Src/Deep/new": "n"}) }, nil},
		{"a new file in one of two directories", func(t *testing.T, dir string) { write(t, dir, map[string]string{"both/z": "n"}) }, nil},
		{"a deletion", func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, "README"))) }, nil},
		{"a new case", func(t *testing.T, dir string) { write(t, dir, map[string]string{"readme": "n"}) }, []string{"100644 README"}},
		{
			"a new case of a directory", func(t *testing.T, dir string) { write(t, dir, map[string]string{"src/DEEP/B": "n"}) },
			[]string{"040000 Src", "040000 Src/Deep", "100644 Src/Deep/b"},
		},
		{
			"a case of its own below", func(t *testing.T, dir string) { write(t, dir, map[string]string{"Src/deep/b": "n"}) },
			[]string{"040000 Src/Deep", "100644 Src/Deep/b"},
		},
		{
			"below a symlink of another case", func(t *testing.T, dir string) { write(t, dir, map[string]string{"docs/passwd": "n"}) },
			[]string{"120000 Docs"},
		},
		{"odd folds", func(t *testing.T, dir string) {
			write(t, dir, map[string]string{"STRASSE": "1", "\u212a": "2", "\u0130": "3", "cafe\u0301/MENU": "4", "L\xff": "5", "l\xfe": "6", "to\u200dol": "7"})
		}, []string{"040000 caf\u00e9", "100644 caf\u00e9/menu", "100644 i\u0307", "100644 k", "100644 l\xff", "100644 stra\u00dfe", "100644 tool"}},
		{"a rename that changes the case alone", func(t *testing.T, dir string) {
			must(t, os.Rename(filepath.Join(dir, "README"), filepath.Join(dir, "readme")))
			must(t, os.Rename(filepath.Join(dir, "gone"), filepath.Join(dir, "GONE")))
		}, nil},
		{"half of a directory moved", func(t *testing.T, dir string) {
			write(t, dir, map[string]string{"src/a": "a"})
			must(t, os.Remove(filepath.Join(dir, "Src/a")))
		}, []string{"040000 Src"}},
		{
			"a new symlink", func(t *testing.T, dir string) { write(t, dir, map[string]string{"new": "->Docs/passwd"}) },
			[]string{"120000 Docs -> /etc", "120000 lib/in -> ../Src"},
		},
		{
			"a symlink taken away", func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, "lib/in"))) },
			[]string{"120000 Docs -> /etc"},
		},
		{
			"a file made a symlink", func(t *testing.T, dir string) { write(t, dir, map[string]string{"tool": "->k"}) },
			[]string{"120000 Docs -> /etc", "120000 lib/in -> ../Src"},
		},
		{"an ignored collision", func(t *testing.T, dir string) {
			write(t, dir, map[string]string{".gitignore": "readme\n", "readme": "n"})
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := create(t, open(t, repo))
			c.do(t, w.Tree().Dir)
			got := collect(t, w)
			wantSame(t, "neighbours", neighbours(got), c.want)
			if !got.Applicable || len(got.Files) == 0 {
				t.Errorf("%v: %s", paths(got), got.ApplyLog)
			}
		})
	}
}

func TestSubmodulesAndSparseFilesAreNeighboursToo(t *testing.T) {
	repo := newRepo(t, map[string]string{"keep/a": "a", "Left/Out": "->/etc", "z": "z"})
	git(t, repo, "update-index", "--add", "--cacheinfo", "160000,"+git(t, repo, "rev-parse", "HEAD")[:40]+",Lib")
	git(t, repo, "commit", "--quiet", "-m", "submodule")
	git(t, repo, "sparse-checkout", "set", "keep")
	w := create(t, open(t, repo))
	write(t, w.Tree().Dir, map[string]string{"lib/x": "x", "left/out": "y", "keep/l": "->../Left/Out"})
	wantSame(t, "neighbours", neighbours(collect(t, w)), []string{"040000 Left", "120000 Left/Out", "120000 Left/Out -> /etc", "160000 Lib"})
}

// Whatever a task does, what is told must be little beside the tree.
func TestNeighboursAreFewInALargeTree(t *testing.T) {
	w := create(t, open(t, bigRepo(t, 5000)))
	write(t, w.Tree().Dir, map[string]string{"D7/f7.go": "x", "D8/new": "x", "d9/F9.GO": "x", "other/x": "x", "l": "->d9"})
	wantSame(t, "neighbours", neighbours(collect(t, w)), []string{"040000 d7", "040000 d8", "100644 d7/f7.go", "100644 d9/f9.go"})
}

func BenchmarkCollectNewNamesAndLinks(b *testing.B) {
	w := create(b, open(b, bigRepo(b, 20_000)))
	write(b, w.Tree().Dir, map[string]string{"D7/f7.go": "package changed\n", "stra\u00dfe/new": "new\n", "l": "->d9"})
	for b.Loop() {
		if c := collect(b, w); len(c.Files) != 3 || !slices.ContainsFunc(c.Neighbours, func(n task.Neighbour) bool { return n.Path == "d7/f7.go" }) {
			b.Fatal(c.Files, c.Neighbours)
		}
	}
}

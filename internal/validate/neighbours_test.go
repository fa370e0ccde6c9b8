package validate_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func added(path string) task.Change {
	return task.Change{Path: path, Kind: task.Added, NewMode: 0o100644}
}

func unlinked(path string) task.Change {
	return task.Change{Path: path, Kind: task.Deleted, OldMode: 0o120000}
}

// old is what the base has and the patch leaves: a -> b is a symlink, a/ a directory.
func old(paths ...string) []task.Neighbour {
	var all []task.Neighbour
	for _, p := range paths {
		n := task.Neighbour{Path: p, Mode: 0o100644}
		if name, target, ok := strings.Cut(p, " -> "); ok {
			n = task.Neighbour{Path: name, Mode: 0o120000, LinkTarget: target}
		} else if name, ok := strings.CutSuffix(p, "/"); ok {
			n = task.Neighbour{Path: name, Mode: 0o040000}
		}
		all = append(all, n)
	}
	return all
}

func TestChangesThatMeetWhatTheBaseHas(t *testing.T) {
	for _, c := range []struct {
		name  string
		files []task.Change
		old   []task.Neighbour
		want  []judged
	}{
		{"a new file", []task.Change{added("readme")}, old("README"), []judged{{bad, "case-collision", "readme"}}},
		{"a new file in a directory of another case", []task.Change{added("src/x")}, old("Src/"), []judged{{bad, "case-collision", "src/x"}}},
		{"a new file below a symlink of another case", []task.Change{added("docs/x")}, old("Docs -> /etc"), []judged{{bad, "case-collision", "docs/x"}}},
		{
			"a file moved onto one of another form",
			[]task.Change{{Path: "cafe\u0301", OldPath: "tea", Kind: task.Renamed, OldMode: 0o100644, NewMode: 0o100644}},
			old("caf\u00e9"),
			[]judged{{bad, "case-collision", "cafe\u0301"}},
		},
		{"sharp s", []task.Change{added("STRASSE")}, old("stra\u00dfe"), []judged{{bad, "case-collision", "STRASSE"}}},
		{"Kelvin sign", []task.Change{added("\u212a")}, old("k"), []judged{{bad, "case-collision", "\u212a"}}},
		{"no UTF-8", []task.Change{added("A\xff")}, old("a\xff"), []judged{{bad, "case-collision", "A\xff"}, {warning, "odd-name", "A\xff"}}},
		{"another byte that is no UTF-8", []task.Change{added("a\xff")}, old("a\xfe"), []judged{{warning, "odd-name", "a\xff"}}},
		{"a name without letters", []task.Change{added("\u200b/x")}, old("\u200c/"), []judged{{bad, "case-collision", "\u200b/x"}, {warning, "odd-name", "\u200b/x"}}},
		{"what the base has in two cases, edited", []task.Change{file("xt_mark.h")}, old("xt_MARK.h"), []judged{}},
		{
			"what the base has in two cases, made a symlink",
			[]task.Change{{Path: "Docs", Kind: task.TypeChanged, OldMode: 0o100644, NewMode: 0o120000, LinkTarget: "x"}},
			old("docs/"),
			[]judged{{info, "mode-change", "Docs"}, {bad, "case-collision", "Docs"}},
		},

		{"a symlink through one that is absolute", []task.Change{link("a", "out/passwd")}, old("out -> /etc"), []judged{{bad, "symlink-escapes", "a"}}},
		{"a symlink through one that leads to the root", []task.Change{link("d/a", "../b/c/x")}, old("b/c -> .."), []judged{}},
		{"a symlink through one that leaves, up", []task.Change{link("d/a", "../b/c/../x")}, old("b/c -> ../."), []judged{{bad, "symlink-escapes", "d/a"}}},
		{"a symlink through one of another case", []task.Change{link("a", "OUT/passwd")}, old("out -> /etc"), []judged{{bad, "symlink-escapes", "a"}}},
		{"a symlink through one of another form", []task.Change{link("a", "e\u0301/passwd")}, old("\u00e9 -> /etc"), []judged{{bad, "symlink-escapes", "a"}}},
		{"a symlink through one that is not there", []task.Change{link("a", "out/x")}, old("out -> "), []judged{{bad, "symlink-escapes", "a"}}},
		{
			"a chain, old and new",
			[]task.Change{link("a", "1"), link("2", "3")},
			old("1 -> 2", "3 -> .."),
			[]judged{{bad, "symlink-escapes", "a"}, {bad, "symlink-escapes", "2"}, {bad, "symlink-escapes", "1"}},
		},
		{"an old symlink that leaves and nobody uses", []task.Change{link("a", "b")}, old("out -> /etc"), []judged{}},
		{"a symlink through one that stays", []task.Change{link("a", "in/x")}, old("in -> src"), []judged{}},
		{
			// src/now was a directory; now that it is src, .. of it is the root.
			"an old symlink led elsewhere by a new one",
			[]task.Change{link("src/now", ".")},
			old("l -> src/now/../../x"),
			[]judged{{bad, "symlink-escapes", "l"}},
		},
		{
			"an old symlink led elsewhere by one that went",
			[]task.Change{unlinked("d")},
			old("l -> d/../../x"),
			[]judged{{bad, "symlink-escapes", "l"}},
		},
		{
			"an old symlink led elsewhere by one that was moved away",
			[]task.Change{{Path: "e/f", OldPath: "d", Kind: task.Renamed, OldMode: 0o120000, NewMode: 0o120000, LinkTarget: "x/y"}},
			old("l -> d/../../x"),
			[]judged{{bad, "symlink-escapes", "l"}},
		},

		{"a file below what was a symlink", []task.Change{unlinked("d"), added("d/x"), added("d/y")}, nil, []judged{{warning, "symlink-replaced", "d/x"}}},
		{"a file below what was a symlink of another case", []task.Change{unlinked("D"), added("d/x")}, nil, []judged{{warning, "symlink-replaced", "d/x"}}},
		{
			"a file moved below what was a symlink",
			[]task.Change{unlinked("a/d"), {Path: "a/d/x", OldPath: "x", Kind: task.Renamed, OldMode: 0o100644, NewMode: 0o100644}},
			nil,
			[]judged{{warning, "symlink-replaced", "a/d/x"}},
		},
		{
			"a file below a symlink that moved into it",
			[]task.Change{{Path: "d/l", OldPath: "d", Kind: task.Renamed, OldMode: 0o120000, NewMode: 0o120000, LinkTarget: "x"}},
			nil,
			[]judged{{warning, "symlink-replaced", "d/l"}},
		},
		{"a file beside what was a symlink", []task.Change{unlinked("d"), added("dd/x")}, nil, []judged{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ev := task.Evidence{
				Spec:    task.Spec{AllowedPaths: []string{""}},
				Changes: task.Changes{Files: c.files, Neighbours: c.old, Patch: []byte("diff"), Applicable: true},
			}
			if diff := cmp.Diff(c.want, judge(ev)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// Which symlinks are the patch's and which were there before must not matter
// to where one of the patch leads.
func TestOldSymlinksAreFollowedAsNewOnesAre(t *testing.T) {
	files := []task.Change{link("x/1", "../y"), link("y", "z/z"), link("z/z", "../.."), link("ok", "x/1"), link("fine", "x/../y/../w"), link("w", "v")}
	all := escaping(files)
	for i, c := range files {
		var others []task.Neighbour
		for _, o := range slices.Delete(slices.Clone(files), i, i+1) {
			others = append(others, task.Neighbour{Path: o.Path, Mode: o.NewMode, LinkTarget: o.LinkTarget})
		}
		ev := task.Evidence{
			Spec:    task.Spec{AllowedPaths: []string{""}},
			Changes: task.Changes{Files: []task.Change{c}, Neighbours: others, Applicable: true},
		}
		got := slices.ContainsFunc(judge(ev), func(f judged) bool { return f.Rule == "symlink-escapes" && f.Evidence == c.Path })
		if want := slices.Contains(all, c.Path); got != want {
			t.Errorf("%s escapes: %t alone, %t together", c.Path, got, want)
		}
	}
}

// A task can make as many symlinks as it likes, as long as Linux allows, each
// leading through the others. The verdict must not take hours for that.
func TestSymlinksMadeToTakeLong(t *testing.T) {
	const n = 1000
	for name, target := range map[string]func(i int) string{
		"doubling": func(i int) string { return fmt.Sprintf("l%d/../l%d", i+1, i+1) },
		"one line": func(i int) string { return fmt.Sprintf("l%d", i+1) },
		"long":     func(i int) string { return strings.Repeat("d/", 2000) + strings.Repeat("../", 30) + "l0" },
		"circle":   func(i int) string { return strings.Repeat(fmt.Sprintf("l%d/", (i+1)%n), 500) },
		"widening": func(i int) string { return fmt.Sprintf("l%d/", i+1) + strings.Repeat("d/", 2000) },
	} {
		var files []task.Change
		for i := range n {
			files = append(files, link(fmt.Sprintf("l%d", i), target(i)))
		}
		t.Run(name, func(*testing.T) { escaping(files) }) // hours are beyond the patience of go test
	}
}

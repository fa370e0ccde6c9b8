package workspace

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// FuzzParseDiff: what is printed for changes of any names is read back the same,
// and other bytes are an error, not a panic.
func FuzzParseDiff(f *testing.F) {
	f.Add("a", "b", []byte(":100644 100644 0 0 M\x00a\x001\t2\ta\x00"))
	f.Add("tab\t", ":100644", []byte("-\t-\t\x00a\x00b\x00"))
	f.Add("new\nline", "\xff", []byte(":"))
	f.Fuzz(func(t *testing.T, one, two string, junk []byte) {
		_, _ = parseDiff(junk)
		if one == "" || two == "" || one == two || bytes.ContainsRune([]byte(one+two), 0) {
			return
		}
		printed := fmt.Sprintf(":100644 100755 aa bb R090\x00%s\x00%s\x00:000000 120000 00 cc A\x00%s\x00"+
			"-\t-\t\x00%s\x00%s\x001\t0\t%s\x00", one, two, one, one, two, one)
		got, err := parseDiff([]byte(printed))
		if err != nil {
			t.Fatal(err)
		}
		want := []rawChange{
			{task.Change{Path: two, OldPath: one, Kind: task.Renamed, OldMode: 0o100644, NewMode: 0o100755, Binary: true}, "bb"},
			{task.Change{Path: one, Kind: task.Added, NewMode: 0o120000}, "cc"},
		}
		if d := cmp.Diff(want, got, cmp.AllowUnexported(rawChange{})); d != "" {
			t.Error(d)
		}
	})
}

// FuzzParseMerge: what is printed about a merge of any names is read back the
// same, and other bytes are an error, not a panic.
func FuzzParseMerge(f *testing.F) {
	f.Add("a", "b", []byte("1111111111111111111111111111111111111111\x00\x00"))
	f.Add("new\nline", "1", []byte("1111111111111111111111111111111111111111\x00a\x00\x0099999999999\x00a\x00"))
	f.Add("\xff", " ", []byte("1111111111111111111111111111111111111111\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, one, two string, junk []byte) {
		if m, err := parseMerge(junk); err == nil && !isObjectID(m.tree) {
			t.Errorf("took %q for a tree", m.tree)
		}
		if one == "" || two == "" || bytes.ContainsRune([]byte(one+two), 0) {
			return
		}
		tree := strings.Repeat("ab", 20)
		printed := fmt.Sprintf("%s\x00%s\x00%s\x00\x001\x00%s\x00Auto-merging\x00x\n\x002\x00%s\x00%s\x00CONFLICT (contents)\x00y\n\x00", tree, one, two, one, two, one)
		got, err := parseMerge([]byte(printed))
		if err != nil {
			t.Fatal(err)
		}
		want := merged{tree: tree, paths: []string{one, two}, notes: []mergeNote{
			{[]string{one}, "Auto-merging"}, {[]string{two, one}, "CONFLICT (contents)"},
		}}
		if d := cmp.Diff(want, got, cmp.AllowUnexported(merged{}, mergeNote{})); d != "" {
			t.Error(d)
		}
	})
}

// Some conflicts leave no entry, only a message.
func TestConflictsComeFromMessagesIfThereAreNoEntries(t *testing.T) {
	m := merged{notes: []mergeNote{{[]string{"a"}, "Auto-merging"}, {[]string{"b~1", "a", "b"}, "CONFLICT (x)"}}}
	if d := cmp.Diff([]string{"a", "b"}, m.conflicts("1", "2")); d != "" {
		t.Error(d)
	}
}

// FuzzParseCommit: a commit is read however broken its committer is, and its
// time is one that git takes.
func FuzzParseCommit(f *testing.F) {
	f.Add("A <a@b> 1700000000 +0000")
	f.Add("> 99999999999999999999 +0")
	f.Add("<>>  -5")
	f.Fuzz(func(t *testing.T, committer string) {
		if strings.Contains(committer, "\n") {
			return
		}
		tree := strings.Repeat("ab", 32)
		got, err := parseCommit([]byte("tree " + tree + "\nparent x\ncommitter " + committer + "\n\ntree is not a header here\n"))
		if err != nil || got.tree != tree || got.when < 0 || got.when >= 1<<40 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// FuzzAlternates: every list of paths survives being written and read.
func FuzzAlternates(f *testing.F) {
	f.Add("/a", "relative")
	f.Add("\"quoted", "#hash")
	f.Add("back\\slash\nline", "/x:y")
	f.Fuzz(func(t *testing.T, one, two string) {
		if one == "" || two == "" {
			return
		}
		got := parseAlternates(formatAlternates([]string{one, two}))
		if d := cmp.Diff([]string{one, two}, got); d != "" {
			t.Error(d)
		}
	})
}

// FuzzDrivers: a task's words cannot name a filter that the user has not, and
// no line of attributes is too odd to read past.
func FuzzDrivers(f *testing.F) {
	f.Add("*.dat filter=lfs -text\n")
	f.Add("[attr]big filter=lfs\n\"quo ted\" filter=lfs\n")
	f.Add("\"\n\"\"\n[attr]\n\" \n! -\n* !\n* -\n* =")
	s := settings{filters: map[string]map[string]string{"lfs": {"clean": "x"}}}
	f.Fuzz(func(t *testing.T, attributes string) {
		used := s.drivers([]byte(attributes + "\n*.x filter=lfs\n"))
		if len(used) != 1 || used["lfs"]["clean"] != "x" {
			t.Errorf("%q: %v", attributes, used)
		}
		for name := range s.drivers([]byte(attributes)) {
			if !bytes.Contains([]byte(attributes), []byte("filter="+name)) {
				t.Errorf("%q names no %s", attributes, name)
			}
		}
	})
}

func TestObjectStoresFollowsAlternatesOnce(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a, b, c := filepath.Join(dir, "a"), filepath.Join(dir, "b\nb"), filepath.Join(dir, "c")
	for path, alternates := range map[string][]string{a: {b, "../c"}, b: {c, filepath.Join(dir, "gone")}, c: {a}} {
		if err := (gitDir{objectFormat: "sha1"}).write(path); err != nil {
			t.Fatal(err)
		}
		if err := writeAlternates(filepath.Join(path), alternates); err != nil {
			t.Fatal(err)
		}
	}
	got, err := objectStores(a)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{a, b, c}, got); d != "" {
		t.Error(d)
	}
	if _, err := objectStores(filepath.Join(dir, "gone")); err == nil {
		t.Error("a repository without objects was accepted")
	}
}

func writeAlternates(store string, paths []string) error {
	return os.WriteFile(alternatesFile(store), []byte(formatAlternates(paths)), 0o600)
}

// FuzzIndexNames: whatever an index holds, the names come in order, each once,
// none longer than a path can be; and those that are written are read.
func FuzzIndexNames(f *testing.F) {
	head := strings.Repeat("\x00", 60)
	f.Add([]byte("DIRC\x00\x00\x00\x02\x00\x00\x00\x01"+head+"\x00\x01a\x00\x00\x00\x00\x00\x00\x00\x00\x00"), "a", "b")
	f.Add([]byte("DIRC\x00\x00\x00\x04\x00\x00\x00\x02"+head+"\x00\x01\x00abc\x00"+head+"\x40\x01\x20\x00\x01d\x00"), "src/a", "src/b")
	f.Add([]byte("DIRC\x00\x00\x00\x04\x00\x00\x00\x01"+head+"\x00\x01\xff\xff\xff\xff\xff"), "", "\xff")
	f.Fuzz(func(t *testing.T, junk []byte, one, two string) {
		for _, length := range []int{20, 32} {
			last := ""
			_ = indexNames(junk, length, func(name string) bool {
				if name <= last || len(name) >= maxPath || strings.Contains(name, "\x00") {
					t.Errorf("%q after %q", name, last)
				}
				last = name
				return true
			})
		}
		if one == "" || one >= two || len(two) >= maxPath || len(one) > 127 || strings.Contains(one+two, "\x00") {
			return
		}
		kept := 0
		for kept < len(one) && one[kept] == two[kept] {
			kept++
		}
		index := "DIRC\x00\x00\x00\x04\x00\x00\x00\x02" + head + "\x00\x00\x00" + one + "\x00" +
			head + "\x00\x00" + string(rune(len(one)-kept)) + two[kept:] + "\x00"
		var got []string
		err := indexNames([]byte(index), 20, func(name string) bool { got = append(got, name); return true })
		if diff := cmp.Diff([]string{one, two}, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
}

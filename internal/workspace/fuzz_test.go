package workspace_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/workspace"
)

// FuzzNameRoundTrip makes a file of any name and wants it back, byte for byte,
// or a finding that says why not; and the patch must make the same file.
func FuzzNameRoundTrip(f *testing.F) {
	for _, name := range oddNames {
		f.Add(name)
	}
	for _, name := range []string{".git", ".GIT", "git~1", ".gitmodules", ".gitignore", "a/.git", "a\\.git", ".git:x", ".g\u200cit"} {
		f.Add(name)
	}
	repo := newRepo(f, map[string]string{"base": "base\n"})
	r := open(f, repo)
	w := create(f, r)
	dir := w.Tree().Dir
	f.Fuzz(func(t *testing.T, name string) {
		if !filepath.IsLocal(name) || strings.ContainsRune(name, 0) || len(name) > 150 || filepath.Clean(name) != name || name == "." || name == ".git" || strings.HasPrefix(name, ".git/") || name == "base" {
			return
		}
		first, _, _ := strings.Cut(name, "/")
		if first == "base" {
			return
		}
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("content\n"), 0o644))
		defer func() { must(t, os.RemoveAll(filepath.Join(dir, first))) }()
		c, err := w.Collect(context.Background(), workspace.CollectOptions{})
		must(t, err)
		if len(c.Findings) > 0 {
			if len(c.Files) > 0 || len(c.Patch) > 0 {
				t.Errorf("%q: refused and taken: %v %v", name, c.Findings, c.Files)
			}
			for _, finding := range c.Findings {
				if !utf8.ValidString(finding.Evidence + finding.Detail) {
					t.Errorf("%q: a finding that is not UTF-8: %q", name, finding)
				}
			}
			return
		}
		if len(c.Files) != 1 || c.Files[0].Path != name || !c.Applicable || !utf8.Valid(c.Patch) {
			t.Fatalf("%q: %v %s %q", name, c.Files, c.ApplyLog, c.Patch)
		}
	})
}

// FuzzEdits reads a script of edits from the fuzzer's bytes. Whatever it does,
// the patch must apply and give what the worktree holds.
func FuzzEdits(f *testing.F) {
	f.Add([]byte("\x00a\x01b\x02c"))
	f.Add([]byte("\x03a\x04b\x05c\x06d"))
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0xff, 0xfe, 0, 0, 5, 3})
	base := map[string]string{"a": "1\n2\n3\n4\n5\n6\n7\n8\n", "b": "x", "d/c": "\x00bin", "d/e!": "#!\n", "l": "->a", "z/latin": "caf\xe9\nx\ny\n"}
	repo := newRepo(f, base)
	r := open(f, repo)
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 60 {
			return
		}
		w := create(t, r)
		dir := w.Tree().Dir
		names := []string{"a", "b", "d/c", "d/e", "l", "z/latin", "d", "z", "n", "n/m", "x y", "q\"\n\xff"}
		root, err := os.OpenRoot(dir)
		must(t, err)
		defer root.Close()
		// Edits that make no sense fail, and that is as good.
		for len(script) >= 3 {
			op, name, arg := script[0]%8, names[int(script[1])%len(names)], script[2]
			script = script[3:]
			switch op {
			case 0:
				_ = root.WriteFile(name, []byte(strings.Repeat(string([]byte{arg, '\n'}), int(arg%7))), 0o644)
			case 1:
				if old, err := root.ReadFile(name); err == nil {
					_ = root.WriteFile(name, append(old, arg), 0o644)
				}
			case 2:
				_ = root.RemoveAll(name)
			case 3:
				_ = root.Rename(name, names[int(arg)%len(names)])
			case 4:
				if info, err := root.Lstat(name); err == nil && info.Mode().IsRegular() {
					_ = root.Chmod(name, 0o644|os.FileMode(arg)&0o111)
				}
			case 5:
				_ = root.Symlink(names[int(arg)%len(names)], name)
			case 6:
				_ = root.MkdirAll(name, 0o755)
			case 7:
				if old, err := root.ReadFile(name); err == nil {
					lines := strings.SplitAfter(string(old), "\n")
					slices.Reverse(lines)
					_ = root.WriteFile(name, []byte(strings.Join(lines, "")), 0o644)
				}
			}
		}
		c := collect(t, w)
		if !c.Applicable || len(c.Findings) > 0 || !utf8.Valid(c.Patch) {
			t.Fatalf("%s %v %q", c.ApplyLog, c.Findings, c.Patch)
		}
		want := contents(t, dir)
		got := contentsOf(applied(t, repo, c.Patch))
		wantSame(t, "applied", got, want)
	})
}

// FuzzHostilePatch: whatever bytes come as a patch, what is committed is a tree
// that git itself finds nothing wrong with, and the repository does not change.
func FuzzHostilePatch(f *testing.F) {
	f.Add([]byte(rawPatch("100644", ".git/config", "x\n")))
	f.Add([]byte(rawPatch("160000", "n", "Subproject commit 1111111111111111111111111111111111111111\n")))
	f.Add([]byte(rawPatch("120000", "l", "/etc") + rawPatch("100644", "l/x", "x\n")))
	f.Add([]byte("diff --git a/a b/../b\nsimilarity index 100%\nrename from a\nrename to ../b\n"))
	f.Add([]byte("diff --git a/a b/a\nold mode 100644\nnew mode 100755\n"))
	f.Add([]byte("diff --git a/a b/a\ndeleted file mode 100644\n--- a/a\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n"))
	repo := newRepo(f, map[string]string{"a": "a\n", "link": "->/etc"})
	r := open(f, repo)
	s := storeIn(f, r)
	base := head(f, r)
	before := snapshot(f, repo)
	f.Fuzz(func(t *testing.T, patch []byte) {
		commit, err := s.Commit(context.Background(), base, patch, "m")
		if err != nil || commit == base {
			return
		}
		listed := inStore(t, s, "ls-tree", "-r", "-z", commit)
		for entry := range strings.SplitSeq(listed, "\x00") {
			mode, name, _ := strings.Cut(entry, "\t")
			for part := range strings.SplitSeq(name, "/") {
				if strings.EqualFold(part, ".git") || part == ".." || part == "." || strings.HasPrefix(mode, "160000") {
					t.Errorf("committed %q", entry)
				}
			}
		}
		inStore(t, s, "fsck", "--strict", "--no-dangling")
		wantSame(t, "repository", snapshot(t, repo), before)
	})
}

// contents are the files that git would see: no directories, and of a mode
// only whether the owner may execute.
func contents(t *testing.T, dir string) map[string]string {
	all := snapshot(t, dir)
	delete(all, ".git")
	return contentsOf(all)
}

func contentsOf(all map[string]string) map[string]string {
	files := map[string]string{}
	for name, entry := range all {
		mode, content, ok := strings.Cut(entry, " ")
		if mode[0] != 'd' && ok {
			files[name] = mode[:1] + mode[3:4] + " " + content
		}
	}
	return files
}

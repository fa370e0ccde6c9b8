//go:build integration

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func TestNamesAndContentsOfAnyKindComeBack(t *testing.T) {
	t.Parallel()
	h := newHost(t, conversation("", patient(`
		printf 1 >'a b'; printf 2 >"quo\"te'"; printf 3 >$'new\nline'; printf 4 >$'t\tab'; printf 5 >$'latin\xe9'; printf 6 >'-rf'; printf 7 >'ümlaut'; printf 8 >'back\slash'
		head -c 3000 /dev/urandom >bin; unlink README.md; mv old.txt 'new name.txt'; chmod +x src/sum.js; ln -s src/sum.js link; mkdir -p deep/er; printf 9 >deep/er/x; : >empty`), say("Done.")))
	got := h.serve().start(map[string]any{"tasks": []any{map[string]any{"task_id": "t", "prompt": "x"}}}).result()
	r := got.Results[0]
	if r.Status != task.Success || !r.PatchApplicable {
		t.Fatalf("%s %+v %+v %s", r.Status, r.Failure, r.Findings, r.ApplyCheckLog)
	}
	want := []string{ // in the order of their bytes
		"-rf", "README.md", "a b", `back\slash`, "bin", "deep/er/x", "empty", "latin\xe9", "link", "new\nline", "new name.txt",
		"old.txt", `quo"te'`, "src/sum.js", "t\tab", "ümlaut",
	}
	_, paths := h.applied(got.BaseCommit, r, map[string]string{
		"a b": "1", `quo"te'`: "2", "new\nline": "3", "t\tab": "4", "latin\xe9": "5", "-rf": "6", "ümlaut": "7", `back\slash`: "8", "deep/er/x": "9", "empty": "",
	})
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Errorf("git sees in the patch (-want +got):\n%s", diff)
	}
	told := slices.Clone(r.FilesChanged)
	want[7] = "latin\uFFFD" // what JSON cannot say
	slices.Sort(want)
	slices.Sort(told)
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("files_changed (-want +got):\n%s", diff)
	}
	for _, rule := range []string{"odd-name", "mode-change"} {
		if !has(r, rule) {
			t.Errorf("no finding %s: %+v", rule, r.Findings)
		}
	}
}

func TestAnEmptyPatchIsNoFailure(t *testing.T) {
	t.Parallel()
	h := newHost(t, does("cat README.md; printf '# sample\n' >README.md; mkdir empty"))
	r := h.serve().run("x")
	if r.Status != task.Success || r.Patch != "" || r.PatchPath != "" || len(r.FilesChanged) != 0 {
		t.Errorf("%s %+v %q %q", r.Status, r.Failure, r.Patch, r.FilesChanged)
	}
}

func TestALinkOutOfTheTreeIsFoundAndNotFollowed(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("of the host"), 0o644); err != nil {
		t.Fatal(err)
	}
	h := newHost(t, does("ln -s "+secret+" out; mv src gone; ln -s /etc src; ln -sf ../../../../etc/passwd README.md"))
	s := h.serve()
	r := s.run("x")
	if r.Status != task.Failed || r.Failure.Kind != task.FailRule || !has(r, "symlink-escapes") {
		t.Errorf("%s %+v %+v", r.Status, r.Failure, r.Findings)
	}
	if b, err := os.ReadFile(secret); err != nil || string(b) != "of the host" || strings.Contains(s.wire.String(), "of the host") {
		t.Errorf("the link was followed: %q %v", b, err)
	}
}

// shapes are repositories that are not as git init makes them. Each changes
// where the tasks of a host start from.
func TestRepositoriesOfAnyShape(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		shape func(h *host, dir string)
	}{
		{"a detached HEAD", func(h *host, _ string) { h.git(h.repo, "checkout", "-q", "--detach") }},
		{"a linked worktree", func(h *host, dir string) {
			h.git(h.repo, "worktree", "add", "-q", "-b", "side", dir+"/linked")
			h.repo = dir + "/linked"
		}},
		{"a submodule", func(h *host, dir string) {
			h.git(dir, "init", "-q", "-b", "main", "super")
			h.git(dir+"/super", "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", h.repo, "sub")
			h.git(dir+"/super", "commit", "-q", "-m", "super")
			h.repo = dir + "/super/sub"
		}},
		{"sha256", func(h *host, dir string) {
			h.git(dir, "init", "-q", "-b", "main", "--object-format=sha256", "sha256")
			h.copied(dir + "/sha256")
		}},
		{"a shallow clone", func(h *host, dir string) {
			h.commit("second")
			h.git(dir, "clone", "-q", "--depth=1", "file://"+h.repo, "shallow")
			h.repo = dir + "/shallow"
		}},
		{"a clone with alternates", func(h *host, dir string) {
			h.git(dir, "clone", "-q", "--shared", h.repo, "shared")
			h.repo = dir + "/shared"
		}},
		{"packed, with reftable-less refs", func(h *host, _ string) { h.git(h.repo, "gc", "-q") }},
		{"a subdirectory as the working directory", func(*host, string) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, conversation("", run("git status --porcelain; git log --oneline | head -3; git diff HEAD --stat"), patch(fixSum), run("git diff --stat"), say("Done.")))
			c.shape(h, t.TempDir())
			root := h.repo
			if strings.HasPrefix(c.name, "a subdirectory") {
				h.before = h.snapshot()
				h.repo = filepath.Join(root, "src")
			}
			s := h.serve()
			h.repo = root
			r := s.run("x")
			if r.Status != task.Success || !cmp.Equal(r.FilesChanged, []string{"src/sum.js"}) || !strings.Contains(r.Patch, "a + b") {
				t.Errorf("%s %+v %q %+v", r.Status, r.Failure, r.FilesChanged, r.Findings)
			}
			if heard := h.heard(); strings.Contains(heard, "fatal:") || !strings.Contains(heard, "1 file changed") {
				t.Errorf("git does not work in the sandbox:\n%s", heard)
			}
		})
	}
}

// copied moves the host to another directory with the same files, committed.
func (h *host) copied(dir string) {
	h.t.Helper()
	for _, name := range []string{"README.md", "src/sum.js", "old.txt", ".mcp-codex.json"} {
		b, err := os.ReadFile(filepath.Join(h.repo, name))
		if err != nil {
			h.t.Fatal(err)
		}
		from := h.repo
		h.repo = dir
		h.write(name, string(b))
		h.repo = from
	}
	h.repo = dir
	h.commit("base")
}

func TestARepositoryOfTwentyThousandFiles(t *testing.T) {
	t.Parallel()
	h := newHost(t, conversation("", patch(fixSum), run("git status --porcelain; echo y >d7/f7; unlink d199/f99"), say("Done.")))
	h.many(20_000)
	s := h.serve()
	r := s.run("x")
	slices.Sort(r.FilesChanged)
	if r.Status != task.Success || !cmp.Equal(r.FilesChanged, []string{"d199/f99", "d7/f7", "src/sum.js"}) {
		t.Errorf("%s %+v %q", r.Status, r.Failure, r.FilesChanged)
	}
	t.Logf("it took %d ms: %v", r.DurationMS, s.phases())
}

// many commits n more files, 100 to a directory, in one pack.
func (h *host) many(n int) {
	h.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "commit refs/heads/main\ncommitter t <t@t> 1700000000 +0000\ndata 4\nmany\nfrom %s\n", h.git(h.repo, "rev-parse", "HEAD"))
	for i := range n {
		text := fmt.Sprintf("file %d\n", i)
		fmt.Fprintf(&b, "M 100644 inline d%d/f%d\ndata %d\n%s\n", i/100, i%100, len(text), text)
	}
	c := exec.Command("git", "fast-import", "--quiet")
	c.Dir, c.Stdin = h.repo, strings.NewReader(b.String())
	if out, err := c.CombinedOutput(); err != nil {
		h.t.Fatalf("%v\n%s", err, out)
	}
	h.git(h.repo, "reset", "-q", "--hard", "main")
}

package workspace_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/workspace"
)

// TestMain gives git a home of its own: the developer's settings must not
// decide how a test ends.
func TestMain(m *testing.M) {
	os.Exit(func() int {
		home, err := os.MkdirTemp("", "workspace-home-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(home)
		for key, value := range map[string]string{"HOME": home, "XDG_CONFIG_HOME": filepath.Join(home, ".config")} {
			if err := os.Setenv(key, value); err != nil {
				return 1
			}
		}
		settings := "[user]\n\tname = Test\n\temail = test@localhost\n[protocol \"file\"]\n\tallow = always\n[init]\n\tdefaultBranch = main\n"
		if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(settings), 0o600); err != nil {
			return 1
		}
		return m.Run()
	}())
}

// sandboxUID owns worktrees in tests as it does in life: somebody else if we
// are root, else ourselves.
func sandboxUID() (uid, gid int) {
	if os.Geteuid() == 0 {
		return 10001, 10001
	}
	return os.Getuid(), os.Getgid()
}

// git runs git as the user would, in dir, and returns what it printed.
func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %q in %s: %v\n%s", args, dir, err, stderr.String())
	}
	return string(out)
}

// write writes files, by path below dir; a path that ends with ! is executable,
// and content that begins with -> makes a symlink.
func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, strings.TrimSuffix(name, "!"))
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		if target, ok := strings.CutPrefix(content, "->"); ok {
			must(t, os.RemoveAll(path))
			must(t, os.Symlink(target, path))
			continue
		}
		must(t, os.WriteFile(path, []byte(content), 0o644))
		if strings.HasSuffix(name, "!") {
			must(t, os.Chmod(path, 0o755))
		}
	}
}

// newRepo makes a repository with one commit of these files.
func newRepo(t testing.TB, files map[string]string, initArgs ...string) string {
	t.Helper()
	dir := filepath.Join(tempDir(t), "repo")
	git(t, tempDir(t), append([]string{"init", "--quiet", dir}, initArgs...)...)
	write(t, dir, files)
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "--quiet", "--allow-empty", "-m", "base")
	return dir
}

// tempDir is t.TempDir, with real path and open to the sandbox's uid.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	return dir
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, dir string) *workspace.Repository {
	t.Helper()
	r, err := workspace.Open(context.Background(), dir, workspace.Options{})
	must(t, err)
	return r
}

// create makes a workspace at HEAD, and removes it when the test ends.
func create(t testing.TB, r *workspace.Repository) *workspace.Workspace {
	t.Helper()
	ctx := context.Background()
	commit, err := r.Resolve(ctx, "")
	must(t, err)
	return createAt(t, store(t, r), commit)
}

// store makes an object store of a run.
func store(t testing.TB, r *workspace.Repository) *workspace.Store {
	t.Helper()
	s, err := r.OpenStore(context.Background(), filepath.Join(tempDir(t), "store"))
	must(t, err)
	return s
}

// createAt makes a workspace at a commit, and removes it when the test ends.
func createAt(t testing.TB, s *workspace.Store, commit string) *workspace.Workspace {
	t.Helper()
	uid, gid := sandboxUID()
	w, err := s.Create(context.Background(), workspace.CreateOptions{
		Name: "run-task", Commit: commit, Dir: filepath.Join(tempDir(t), "ws"), UID: uid, GID: gid,
	})
	must(t, err)
	t.Cleanup(func() {
		if err := w.Remove(context.Background(), false); err != nil {
			t.Error(err)
		}
	})
	return w
}

func collect(t testing.TB, w *workspace.Workspace) task.Changes {
	t.Helper()
	changes, err := w.Collect(context.Background(), workspace.CollectOptions{})
	must(t, err)
	return changes
}

// rules are the findings' rules and evidence.
func rules(c task.Changes) []string {
	var out []string
	for _, f := range c.Findings {
		out = append(out, f.Rule+" "+f.Evidence)
	}
	return out
}

// paths are "kind path" or "renamed old -> new".
func paths(c task.Changes) []string {
	var out []string
	for _, f := range c.Files {
		if f.OldPath != "" {
			out = append(out, fmt.Sprintf("%s %s -> %s", f.Kind, f.OldPath, f.Path))
		} else {
			out = append(out, fmt.Sprintf("%s %s", f.Kind, f.Path))
		}
	}
	return out
}

func wantSame(t testing.TB, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// snapshot is every file below dir: mode, and content or target.
func snapshot(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		entry := info.Mode().String()
		switch {
		case info.Size() > 1<<20:
			entry += fmt.Sprint(info.Size())
		case info.Mode().IsRegular():
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			entry += " " + string(content)
		case info.Mode().Type() == fs.ModeSymlink:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			entry += " " + target
		}
		all[name] = entry
		return nil
	}))
	return all
}

// applied applies a patch to a fresh clone of the repository with a git that
// knows nothing of this package, and returns the files that result.
func applied(t testing.TB, repo string, patch []byte) map[string]string {
	t.Helper()
	dir := filepath.Join(tempDir(t), "clone")
	git(t, repo, "clone", "--quiet", "--no-hardlinks", repo, dir)
	if len(patch) > 0 {
		file := filepath.Join(tempDir(t), "task.patch")
		must(t, os.WriteFile(file, patch, 0o600))
		git(t, dir, "apply", "--index", "--whitespace=nowarn", file)
	}
	must(t, os.RemoveAll(filepath.Join(dir, ".git")))
	return snapshot(t, dir)
}

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}

// shell runs a line of shell, for what needs redirection.
func shell(t testing.TB, dir, line string) {
	t.Helper()
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
}

package workspace_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/workspace"
)

// inside moves a workspace's private git directory to where git can use it
// without a container: paths of the container become those of the mounts. It
// returns git as the sandbox's user would run it.
func inside(t *testing.T, tree task.Tree) func(args ...string) (stdout, stderr string) {
	t.Helper()
	toHost := func(s string) string {
		for i, store := range tree.Objects {
			s = strings.ReplaceAll(s, fmt.Sprintf("%s/%d", task.ObjectsDir, i), store)
		}
		return strings.ReplaceAll(s, task.GitDir, tree.GitDir)
	}
	must(t, filepath.WalkDir(tree.GitDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Type() == fs.ModeSymlink {
			target, err := os.Readlink(path)
			must(t, err)
			must(t, os.Remove(path))
			return os.Symlink(toHost(target), path)
		}
		if d.Name() == "alternates" {
			return os.WriteFile(path, []byte(toHost(readFile(t, path))), 0o644)
		}
		return nil
	}))
	content := readFile(t, tree.GitFile)
	wantSame(t, "git file", content, "gitdir: "+task.GitDir+"\n")
	must(t, os.Remove(filepath.Join(tree.Dir, ".git")))
	must(t, os.WriteFile(filepath.Join(tree.Dir, ".git"), []byte(toHost(content)), 0o444))
	must(t, os.Lchown(filepath.Join(tree.Dir, ".git"), tree.UID, tree.GID))
	openUp(t, tree)

	return func(args ...string) (string, string) {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir = tree.Dir
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent"}
		if os.Geteuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(tree.UID), Gid: uint32(tree.GID)}}
		}
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			t.Errorf("git %q: %v\n%s", args, err, stderr.String())
		}
		return stdout.String(), stderr.String()
	}
}

// openUp lets another uid come to the directories that a container would mount.
func openUp(t *testing.T, tree task.Tree) {
	t.Helper()
	for _, dir := range append([]string{tree.Dir, tree.GitDir}, tree.Objects...) {
		for d := filepath.Dir(dir); len(d) > len(os.TempDir()); d = filepath.Dir(d) {
			info, err := os.Stat(d)
			must(t, err)
			must(t, os.Chmod(d, info.Mode().Perm()|0o011))
		}
	}
}

func TestCodexCanUseGitAndNothingOfItReachesTheUser(t *testing.T) {
	for name, repo := range kinds(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := open(t, repo)
			before := snapshot(t, r.CommonDir())
			w := create(t, r)
			tree := w.Tree()
			registered := snapshot(t, r.CommonDir())
			g := inside(t, tree)

			out, complaints := g("status", "--porcelain")
			wantSame(t, "fresh status", out+complaints, "")
			base := strings.TrimSpace(git(t, repo, "rev-parse", "HEAD"))
			out, _ = g("rev-parse", "HEAD")
			wantSame(t, "HEAD", strings.TrimSpace(out), base)
			out, complaints = g("log", "--format=%s")
			wantSame(t, "log", out+complaints, git(t, repo, "log", "--format=%s"))

			write(t, tree.Dir, map[string]string{"a": "changed\n", "n": "new\n"})
			out, _ = g("diff", "--stat")
			if !strings.Contains(out, "a | 2 +-") {
				t.Errorf("diff: %q", out)
			}
			_, complaints = g("add", "-A")
			wantSame(t, "complaints about add", complaints, "")
			g("commit", "--quiet", "-m", "by Codex")
			g("checkout", "--quiet", "-b", "branch")
			g("stash", "list")
			out, complaints = g("fsck")
			if strings.Contains(out+complaints, "missing") || strings.Contains(complaints, "error") {
				t.Errorf("fsck: %s%s", out, complaints)
			}
			out, _ = g("show", "--format=%an <%ae> %s", "--name-only")
			wantSame(t, "commit", out, "Codex <codex@localhost> by Codex\n\na\nn\n")

			wantSame(t, "the user's git directory", snapshot(t, r.CommonDir()), registered)
			c := collect(t, w)
			wantSame(t, "what was committed is still a change", paths(c), []string{"modified a", "added n"})
			must(t, w.Remove(context.Background(), false))
			wantSame(t, "the user's git directory", snapshot(t, r.CommonDir()), before)
		})
	}
}

func TestUnreadableObjectsAreRefused(t *testing.T) {
	repo := newRepo(t, map[string]string{"a": "a\n"})
	must(t, os.Chmod(filepath.Join(repo, ".git", "objects"), 0o700))
	r := open(t, repo)
	commit, err := r.Resolve(context.Background(), "")
	must(t, err)
	dir := filepath.Join(tempDir(t), "ws")
	_, err = store(t, r).Create(context.Background(), workspace.CreateOptions{Name: "n", Commit: commit, Dir: dir, UID: 20002, GID: 20002})
	wantRefusal(t, err, "cannot be read by uid 20002")
	if want := "chmod -R go+rX '" + filepath.Join(r.CommonDir(), "objects") + "'"; !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := os.Lstat(dir); !os.IsNotExist(err) {
		t.Error("the directory is still there")
	}
}

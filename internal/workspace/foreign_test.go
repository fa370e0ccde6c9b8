package workspace_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/workspace"
)

// What a plain clone brings along may look like a repository of its own, whose
// configuration names programs. Whoever starts in it runs none of them.
func TestARepositoryInsideAClonesFilesIsNone(t *testing.T) {
	canary := filepath.Join(tempDir(t), "canary")
	repo := newRepo(t, map[string]string{"a": "a"})
	pkg := filepath.Join(repo, "pkg")
	git(t, repo, "init", "--quiet", "--bare", pkg)
	write(t, pkg, map[string]string{
		"config": "[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = .\n" +
			"[filter \"x\"]\n\tclean = touch " + canary + "\n\tsmudge = touch " + canary + "\n",
		".gitattributes": "* filter=x\n", "file": "x\n",
	})
	git(t, pkg, "add", ".gitattributes")
	git(t, pkg, "commit", "--quiet", "-m", "x")
	must(t, os.WriteFile(filepath.Join(pkg, "file"), []byte("y\n"), 0o644))
	_ = os.Remove(canary)

	_, err := workspace.Open(context.Background(), pkg, workspace.Options{})
	wantRefusal(t, err, "no working tree")
	if _, err := os.Stat(canary); err == nil {
		t.Error("a program of its configuration was run")
	}
}

// A repository may name any directory as one of its stores of objects, and
// sandboxes see those.
func TestAStoreThatHoldsOtherThingsIsRefused(t *testing.T) {
	secrets := tempDir(t)
	write(t, secrets, map[string]string{"id_rsa": "secret", "pack/x": "", "ab/c": ""})
	for name, spoil := range map[string]func(repo string){
		"an alternate": func(repo string) {
			write(t, repo, map[string]string{".git/objects/info/alternates": secrets + "\n"})
		},
		"a symlink": func(repo string) {
			objects := filepath.Join(repo, ".git", "objects")
			must(t, os.CopyFS(secrets, os.DirFS(objects)))
			must(t, os.RemoveAll(objects))
			must(t, os.Symlink(secrets, objects))
		},
	} {
		t.Run(name, func(t *testing.T) {
			repo := newRepo(t, map[string]string{"a": "a"})
			spoil(repo)
			r := open(t, repo)
			_, err := store(t, r).Create(context.Background(), workspace.CreateOptions{Name: "x", Dir: filepath.Join(tempDir(t), "x"), Commit: head(t, r), UID: 12345, GID: 12345})
			wantRefusal(t, err, "holds id_rsa")
		})
	}
}

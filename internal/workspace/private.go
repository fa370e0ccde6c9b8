package workspace

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// makePrivate writes the git directory that the container gets, with an index
// that matches the files on disk.
func (w *Workspace) makePrivate(ctx context.Context, s settings) error {
	private := w.layout.private()
	alternates, err := w.mountStores(private)
	if err != nil {
		return err
	}
	shallow, err := readIfPresent(filepath.Join(w.repo.commonDir, "shallow"))
	if err != nil {
		return err
	}
	dir := gitDir{
		objectFormat: w.repo.objectFormat,
		head:         w.commit + "\n",
		settings: append(s.conversion[:len(s.conversion):len(s.conversion)], [][3]string{
			{"core", "logallrefupdates", "true"},
			{"user", "name", storeName},
			{"user", "email", storeEmail},
			{"gc", "auto", "0"},
		}...),
		alternates: alternates,
		exclude:    s.exclude,
		attributes: s.attributes,
		shallow:    shallow,
	}
	if err := dir.write(private); err != nil {
		return err
	}
	index, err := os.ReadFile(w.index())
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(private, "index"), index, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(w.layout.gitFile(), []byte("gitdir: "+task.GitDir+"\n"), 0o444); err != nil {
		return err
	}
	if w.uid == os.Geteuid() && w.gid == os.Getegid() {
		return nil
	}
	return w.givePrivate(ctx, private)
}

// mountStores says by which paths git in the container finds the object stores,
// and makes a facade for each that has alternates of its own.
func (w *Workspace) mountStores(private string) (alternates []string, err error) {
	for i, store := range w.objects {
		mounted := fmt.Sprintf("%s/%d", task.ObjectsDir, i)
		if !hasAlternates(store) {
			alternates = append(alternates, mounted)
			continue
		}
		name := fmt.Sprintf("stores/%d", i)
		if err := facade(filepath.Join(private, name), store, mounted); err != nil {
			return nil, err
		}
		alternates = append(alternates, task.GitDir+"/"+name)
	}
	return alternates, nil
}

// givePrivate makes the sandbox's user the owner of the private git directory.
func (w *Workspace) givePrivate(ctx context.Context, private string) error {
	// The change of owner shows in the index: without this, git in the container
	// would read every file to see that none has changed. Status 1 says that
	// some have, as files that a filter has been at do.
	_, err := w.repo.git.run(ctx, call{
		dir:  w.layout.empty(),
		env:  tameEnv(w.layout.reading(), w.layout.tree(), filepath.Join(private, "index"), w.ownObjects()),
		args: []string{"update-index", "-q", "--refresh"},
	})
	if err != nil && exitCode(err) != 1 {
		return err
	}
	// git checks that one user owns .git, the directory it names, and the worktree.
	if err := os.Lchown(w.layout.gitFile(), w.uid, w.gid); err != nil {
		return err
	}
	return filepath.WalkDir(private, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, w.uid, w.gid)
	})
}

package workspace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/folding"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

const (
	// maxPath is Linux's PATH_MAX: git cannot name anything beyond.
	maxPath = 4096
	// maxControl bounds a .gitignore or .gitattributes, which git reads whole.
	maxControl = 1 << 20
)

// survey is what our own eyes saw in a hostile worktree, before git looks.
type survey struct {
	// touched are files of the base that no longer look as they did when fresh;
	// present are all files of the base that are still regular files or symlinks.
	touched, present map[string]stat
	// refused are files of the base that have become something that we do not
	// take: they stay in the tree as they were.
	refused map[string]bool
	// dirs are the real directories; no way to them leads over a symlink.
	dirs map[string]bool
	// nested are directories that hold a .git.
	nested map[string]bool
	// suspects are findings about names that an ignore rule may excuse.
	suspects []suspect
}

type suspect struct {
	path, rule, detail string
}

// walk looks at every file of the worktree without following a symlink, opening
// a file, or asking git. What would make git hang, or lead it into another
// repository, it moves aside; restore puts that back.
type walk struct {
	w    *Workspace
	dir  *os.Root // of the workspace
	root *os.Root // of the worktree
	survey
	findings *findings
	moved    []move
}

func (w *Workspace) newWalk(f *findings) (*walk, error) {
	dir, err := os.OpenRoot(w.layout.dir)
	if err != nil {
		return nil, err
	}
	root, err := dir.OpenRoot(w.layout.name)
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return &walk{w: w, dir: dir, root: root, findings: f, survey: survey{
		touched: map[string]stat{}, present: map[string]stat{}, refused: map[string]bool{},
		dirs: map[string]bool{".": true}, nested: map[string]bool{},
	}}, nil
}

// run goes through all directories, one open at a time: a deep tree must not
// use up our file descriptors.
func (k *walk) run(ctx context.Context) error {
	if err := k.checkGitFile(); err != nil {
		return err
	}
	queue := []string{"."}
	for len(queue) > 0 {
		dir := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		below, err := k.directory(dir)
		if err != nil {
			return fmt.Errorf("look at worktree: %s: %w", show(dir), err)
		}
		queue = append(queue, below...)
	}
	for link := range k.w.gitlinks {
		if !k.dirs[path.Dir(link)] || k.missing(link) {
			k.findings.add("submodule-edited", task.SeverityWarning,
				"The directory of a submodule is gone; the patch leaves the submodule as it was.", link)
		}
	}
	return nil
}

func (k *walk) missing(name string) bool {
	_, err := k.root.Lstat(name)
	return errors.Is(err, fs.ErrNotExist)
}

// checkGitFile says so if the worktree's own .git is not what git wrote. We do
// not use it, but whoever runs git in the worktree does.
func (k *walk) checkGitFile() error {
	info, err := k.root.Lstat(".git")
	if err == nil && info.Mode().IsRegular() && info.Size() == int64(len(k.w.gitFile)) {
		now, err := k.root.ReadFile(".git")
		if err == nil && string(now) == string(k.w.gitFile) {
			return nil
		}
	}
	k.findings.add("git-file-replaced", task.SeverityError,
		"The worktree's own .git has been replaced; do not run git in the worktree.", ".git")
	return nil
}

// directory looks at one directory and returns those below it.
func (k *walk) directory(dir string) (below []string, err error) {
	d, err := k.open(dir)
	if errors.Is(err, fs.ErrPermission) {
		k.findings.add("unreadable", task.SeverityError, "A directory cannot be read.", dir)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	list, err := d.Open(".")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, list.Close()) }()

	for {
		entries, err := list.ReadDir(1024)
		for _, e := range entries {
			descend, err := k.entry(d, dir, e)
			if err != nil {
				return nil, err
			}
			if descend {
				below = append(below, path.Join(dir, e.Name()))
			}
		}
		if errors.Is(err, io.EOF) {
			return below, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// open opens a directory of the worktree, and makes it readable if its mode forbids.
func (k *walk) open(dir string) (*os.Root, error) {
	d, err := k.root.OpenRoot(dir)
	if err == nil {
		var f *os.File
		if f, err = d.Open("."); err == nil {
			return d, f.Close()
		}
		err = errors.Join(err, d.Close())
	}
	if !errors.Is(err, fs.ErrPermission) {
		return nil, err
	}
	if info, lerr := k.root.Lstat(dir); lerr != nil || !info.IsDir() {
		return nil, err
	}
	if cerr := k.root.Chmod(dir, 0o700); cerr != nil {
		return nil, err
	}
	return k.root.OpenRoot(dir)
}

// entry looks at one name in a directory and says whether to go down into it.
func (k *walk) entry(d *os.Root, dir string, e fs.DirEntry) (descend bool, err error) {
	name := path.Join(dir, e.Name())
	kind := e.Type()
	switch {
	case name == ".git":
		return false, nil
	case len(name) >= maxPath:
		k.findings.add("path-too-long", task.SeverityError, "A path is longer than Linux allows.", name[:80])
		return false, nil
	case folding.IsDotGit(e.Name()):
		if dir != "." {
			k.nested[dir] = true
		}
		k.suspects = append(k.suspects, suspect{
			name, "nested-repository",
			"A file or directory that some file system takes for .git makes a repository inside the repository.",
		})
		if strings.EqualFold(e.Name(), ".git") {
			return false, k.setAside(name)
		}
		return false, nil
	case k.w.gitlinks[name]:
		return false, k.gitlink(d, e, name)
	case kind.IsDir():
		k.dirs[name] = true
		return true, nil
	case !kind.IsRegular() && kind != fs.ModeSymlink:
		k.special(name)
		if isControl(e.Name()) {
			return false, k.setAside(name)
		}
		return false, nil
	}

	fresh, ofBase := k.w.snapshot[filepath.FromSlash(name)]
	if !ofBase && !isControl(e.Name()) {
		return false, nil
	}
	info, err := d.Lstat(e.Name())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	now := statOf(info)
	if isControl(e.Name()) && kind.IsRegular() && info.Size() > maxControl {
		k.findings.add("file-too-large", task.SeverityError,
			fmt.Sprintf("A file that git reads whole is larger than %d bytes.", maxControl), name)
		k.refused[name] = ofBase
		return false, k.setAside(name)
	}
	if ofBase {
		k.present[name] = now
		if now != fresh {
			k.touched[name] = now
		}
	}
	return false, nil
}

func (k *walk) special(name string) {
	if _, ofBase := k.w.snapshot[name]; ofBase {
		k.refused[name] = true
	}
	k.suspects = append(k.suspects, suspect{
		name, "special-file",
		"A pipe, socket or device is no content for a repository.",
	})
}

// gitlink looks at the directory of a submodule: empty, or somebody was there.
func (k *walk) gitlink(d *os.Root, e fs.DirEntry, name string) error {
	detail := "A submodule has been replaced; the patch leaves it as it was."
	if e.IsDir() {
		f, err := d.Open(e.Name())
		if err == nil {
			_, err = f.Readdirnames(1)
			err = errors.Join(err, f.Close())
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		detail = "The directory of a submodule is no longer empty; the patch leaves the submodule as it was."
	}
	k.findings.add("submodule-edited", task.SeverityError, detail, name)
	return nil
}

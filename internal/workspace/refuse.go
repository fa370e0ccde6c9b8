package workspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// refuseMoved returns a *task.Refusal if HEAD is not what Stack built on.
func (c *checkout) refuseMoved(ctx context.Context) error {
	branch, commit, err := c.repo.head(ctx)
	if err != nil {
		return err
	}
	if branch == c.st.branch && commit == c.st.Onto {
		return nil
	}
	return &task.Refusal{
		What: fmt.Sprintf("The checkout has moved meanwhile: it was %s, and is %s.",
			place(c.st.branch, c.st.Onto), place(branch, commit)),
		Mend: "Apply again.",
	}
}

func place(branch, commit string) string {
	commit = commit[:min(len(commit), 12)]
	if branch == "" {
		return "at " + commit
	}
	return fmt.Sprintf("on %s at %s", show(strings.TrimPrefix(branch, "refs/heads/")), commit)
}

// operations are what git can be in the middle of, and the file or directory
// that says so. The refs among these may lie in a table instead.
var operations = []struct{ name, what string }{
	{"MERGE_HEAD", "merge"},
	{"CHERRY_PICK_HEAD", "cherry-pick"},
	{"REVERT_HEAD", "revert"},
	{"rebase-merge", "rebase"},
	{"rebase-apply", "rebase or git am"},
	{"sequencer", "cherry-pick or revert"},
	{"BISECT_LOG", "bisect"},
}

// refuseBusy returns a *task.Refusal if git is in the middle of something, or
// another worktree stands on the same branch and would fall behind it.
func (c *checkout) refuseBusy(ctx context.Context) error {
	var heads strings.Builder
	for _, op := range operations {
		if strings.HasSuffix(op.name, "_HEAD") {
			heads.WriteString(op.name + "\n")
		}
	}
	out, err := c.repo.git.run(ctx, call{
		dir: c.repo.root, env: noFetch, args: []string{"cat-file", "--batch-check"}, stdin: strings.NewReader(heads.String()),
	})
	if err != nil {
		return err
	}
	for _, op := range operations {
		_, err := os.Lstat(filepath.Join(c.gitDir, op.name))
		ref := strings.HasSuffix(op.name, "_HEAD") && !strings.Contains(string(out.stdout), op.name+" missing\n")
		if err == nil || ref {
			return &task.Refusal{
				What: fmt.Sprintf("The checkout is in the middle of a %s.", op.what),
				Mend: "Finish or abort it, or apply to a branch.",
			}
		}
	}
	if c.st.branch == "" {
		return nil
	}
	places, err := c.repo.checkouts(ctx, c.st.branch)
	if err != nil {
		return err
	}
	for _, other := range places {
		own := other.main
		if c.gitDir != c.repo.commonDir {
			real, err := filepath.EvalSymlinks(other.path)
			own = err == nil && real == c.repo.root
		}
		if !own {
			return &task.Refusal{
				What: fmt.Sprintf("The branch %s is checked out at %s too.", show(strings.TrimPrefix(c.st.branch, "refs/heads/")), show(other.path)),
				Mend: "Switch one of them to another branch, or apply to a new branch.",
			}
		}
	}
	return nil
}

// refuseLoss returns a *task.Refusal if the move would overwrite or remove what
// is in no commit.
func (c *checkout) refuseLoss(ctx context.Context) error {
	out, err := c.git(ctx, "status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=no", "--ignore-submodules=all")
	if err != nil {
		return err
	}
	dirty := map[string]bool{}
	for _, field := range splitNul(out.stdout) {
		if len(field) < 4 || field[2] != ' ' {
			return fmt.Errorf("look for changes: git answered %q", field)
		}
		code, name := string(field[:2]), string(field[3:])
		if strings.Contains(code, "U") || code == "AA" || code == "DD" {
			return &task.Refusal{
				What: fmt.Sprintf("The checkout has files that are not merged, such as %s.", show(name)),
				Mend: "Resolve them and commit, or apply to a branch.",
			}
		}
		dirty[name] = true
	}
	lost := map[string]bool{}
	old := map[string]bool{}
	for _, ch := range c.changes {
		old[ch.Path] = ch.OldMode != 0
		if dirty[ch.Path] {
			lost[ch.Path] = true
		}
	}
	for _, ch := range c.changes {
		if ch.NewMode == 0 {
			continue
		}
		in, err := c.inTheWay(ch.Path, old)
		if err != nil {
			return err
		}
		for _, name := range in {
			lost[name] = true
		}
	}
	if len(lost) == 0 {
		return nil
	}
	var names []string
	for name := range lost {
		names = append(names, name)
	}
	slices.Sort(names)
	return &task.Refusal{
		What: fmt.Sprintf("The patches would overwrite what is in no commit: %s.", nameSome(names)),
		Mend: "Commit, stash or move it, or apply to a branch.",
	}
}

// inTheWay lists what lies where a file is to go and is not of the old commit,
// ignored files included: git itself would overwrite those.
func (c *checkout) inTheWay(name string, old map[string]bool) ([]string, error) {
	for dir := range parents(name) {
		info, err := c.root.Lstat(dir)
		if err == nil && !info.IsDir() && !old[dir] {
			return []string{dir}, nil
		}
	}
	info, err := c.root.Lstat(name)
	switch {
	case old[name], isGone(err):
		return nil, nil
	case err != nil:
		return nil, err
	case !info.IsDir():
		return []string{name}, nil
	}
	var found []string
	err = fs.WalkDir(c.root.FS(), name, func(file string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !old[file] {
			found = append(found, file)
		}
		if len(found) > maxNamed || errors.Is(err, fs.ErrPermission) {
			found = append(found, path.Dir(file))
			return fs.SkipAll
		}
		return err
	})
	return found, err
}

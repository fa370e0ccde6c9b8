package workspace

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// CheckBranchName returns a *task.Refusal if git would not take name for a new
// branch. Whether it exists already is another question.
func (r *Repository) CheckBranchName(ctx context.Context, name string) error {
	refuse := func(err error) error {
		return &task.Refusal{
			Where: "branch",
			What:  fmt.Sprintf("%s is no name for a branch.", show(name)),
			Mend:  "Name it like codex/fix-login: no spaces, no .., none of ~^:?*[\\, no dash in front.",
			Err:   err,
		}
	}
	// "@" is another word for HEAD, though git takes it for a branch.
	if name == "@" || strings.Contains(name, "\x00") {
		return refuse(nil)
	}
	out, err := r.git.run(ctx, call{dir: r.root, args: []string{"check-ref-format", "--branch", name}})
	if exitCode(err) > 0 {
		return refuse(err)
	}
	if err != nil {
		return fmt.Errorf("check branch name: %w", err)
	}
	// "@{-1}" and its like are names of other branches.
	if strings.TrimSuffix(string(out.stdout), "\n") != name {
		return refuse(nil)
	}
	return nil
}

// PublishBranch moves the commits of a Stacked into the user's repository and
// makes a new branch of them. Nothing that is there changes. It returns a
// *task.Refusal, and has done nothing, if the name is none for a branch, or is
// taken.
func (s *Store) PublishBranch(ctx context.Context, branch string, st Stacked) error {
	if st.Conflicts() {
		return fmt.Errorf("publish branch: %w", errConflicts)
	}
	if err := s.repo.CheckBranchName(ctx, branch); err != nil {
		return err
	}
	unlock, err := lockRepository(ctx, s.repo.commonDir)
	if err != nil {
		return fmt.Errorf("publish branch: %w", err)
	}
	defer unlock()
	ref := "refs/heads/" + branch
	if err := s.repo.refuseTaken(ctx, ref); err != nil {
		return err
	}
	if err := s.export(ctx, st); err != nil {
		return fmt.Errorf("publish branch: %w", err)
	}
	// An old value of zeros: the ref must not exist. Between our look and now
	// somebody may have made it.
	zeros := strings.Repeat("0", len(st.Tip))
	args := append(quiet[:len(quiet):len(quiet)], "update-ref", "-m", "codex-mcp-runner: branch", ref, st.Tip, zeros)
	if _, err := s.repo.git.run(ctx, call{dir: s.repo.root, args: args}); err != nil {
		return errors.Join(s.repo.refuseTaken(ctx, ref), fmt.Errorf("publish branch: %w", err))
	}
	return nil
}

// refuseTaken returns a *task.Refusal if a branch exists, or cannot be since
// another is named like a directory of its path, or the other way round, or if
// a checkout is waiting for it with its first commit.
func (r *Repository) refuseTaken(ctx context.Context, ref string) error {
	refs, err := r.refs(ctx)
	if err != nil {
		return fmt.Errorf("look for branch: %w", err)
	}
	branch := strings.TrimPrefix(ref, "refs/heads/")
	for name := range refs {
		if name == ref || strings.HasPrefix(name, ref+"/") || strings.HasPrefix(ref, name+"/") {
			return &task.Refusal{
				Where: "branch",
				What:  fmt.Sprintf("There is a branch %s already.", show(strings.TrimPrefix(name, "refs/heads/"))),
				Mend:  fmt.Sprintf("Choose another name than %s, or rename or delete that one.", show(branch)),
			}
		}
	}
	places, err := r.checkouts(ctx, ref)
	if err != nil {
		return err
	}
	if len(places) > 0 {
		return &task.Refusal{
			Where: "branch",
			What:  fmt.Sprintf("The checkout at %s is about to begin the branch %s.", show(places[0].path), show(branch)),
			Mend:  "Choose another name, or commit there first.",
		}
	}
	return nil
}

// worktree is one checkout of the repository.
type worktree struct {
	path string
	// main is that of the repository itself. If its git directory lies elsewhere,
	// path is that directory.
	main bool
}

// checkouts lists the worktrees that have a branch checked out.
func (r *Repository) checkouts(ctx context.Context, ref string) ([]worktree, error) {
	out, err := r.git.run(ctx, call{dir: r.root, args: []string{"worktree", "list", "--porcelain", "-z"}})
	if err != nil {
		return nil, fmt.Errorf("look for worktrees: %w", err)
	}
	// "worktree <path>", "branch <ref>" and others; an empty field ends each
	// worktree, and the main one comes first.
	var found []worktree
	var path string
	seen := 0
	for _, field := range splitNul(out.stdout) {
		key, value, _ := strings.Cut(string(field), " ")
		switch {
		case key == "worktree":
			path = value
			seen++
		case key == "branch" && value == ref:
			found = append(found, worktree{path, seen == 1})
		}
	}
	return found, nil
}

// export copies what a Stacked has made into the user's repository, as one
// pack: it appears at once, or not at all.
func (s *Store) export(ctx context.Context, st Stacked) (err error) {
	dir, err := os.MkdirTemp(s.calls(), "export-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path, err := s.pack(ctx, dir, st.Tip, st.Onto)
	if err != nil || path == "" {
		return err
	}
	// git looks for what it would not let in from a remote, such as a .gitmodules
	// that older versions trip over. Here, where what it leaves behind goes too.
	_, err = s.run(ctx, call{args: []string{"index-pack", "--fsck-objects", "-o", filepath.Join(dir, "checked.idx"), path}})
	if exitCode(err) > 0 {
		return &task.Refusal{
			What: "git takes something in the patches for dangerous or broken: " + complaint(err),
			Mend: "Look at the patches, .gitmodules above all; what is in there cannot be applied like this.",
			Err:  err,
		}
	}
	if err != nil {
		return err
	}
	pack, err := os.Open(path)
	if err != nil {
		return err
	}
	defer pack.Close()
	args := append(quiet[:len(quiet):len(quiet)], "index-pack", "--stdin")
	_, err = s.repo.git.run(ctx, call{dir: s.repo.root, args: args, stdin: pack})
	return err
}

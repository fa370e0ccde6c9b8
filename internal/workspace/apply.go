package workspace

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Step is one task's change on its way into the user's repository.
type Step struct {
	TaskID string
	// Start is the commit that the patch stands on, Commit is Start and the
	// patch; both of the store or the repository.
	Start, Commit string
	// Message is the whole commit message, trailers included.
	Message string
}

// Stacked is what Stack made of its steps, all of it still in the store.
type Stacked struct {
	// Onto is the commit that the first step was put on.
	Onto string
	// Tip is the last commit; Onto if no step had anything to add, empty if a
	// step did not fit.
	Tip   string
	Steps []StackedStep

	// branch is what the user had checked out, empty for a detached HEAD.
	branch string
}

// StackedStep is one step of a Stacked.
type StackedStep struct {
	TaskID string
	// Commit is empty if the change was there already, or did not fit.
	Commit string
	// FilesChanged are the paths that Commit changes, as bytes, sorted.
	FilesChanged []string
	// Merged is true if the tip was another tree than the one that the patch
	// was made on.
	Merged bool
	// Conflicts are the paths that did not merge, as bytes, sorted.
	Conflicts []string
}

// Conflicts says whether a step did not fit, which leaves nothing to publish.
func (st Stacked) Conflicts() bool { return st.Tip == "" }

// Stack puts each step's change on top of onto, one commit after the other, by
// a three-way merge where the tree below has moved. The commits are the user's
// own. A step that conflicts is left out, and the next ones are tried all the
// same: those that build on it may conflict for that reason alone. Nothing
// outside the store changes.
func (s *Store) Stack(ctx context.Context, onto string, steps []Step) (Stacked, error) {
	st := Stacked{Onto: onto}
	info, err := s.look(ctx, onto)
	if err != nil {
		return Stacked{}, fmt.Errorf("stack patches: %w", err)
	}
	if info.base != onto {
		return Stacked{}, fmt.Errorf("stack patches: %s is no commit of the repository", onto)
	}
	author, committer, err := s.repo.identities(ctx)
	if err != nil {
		return Stacked{}, fmt.Errorf("stack patches: %w", err)
	}
	if st.branch, _, err = s.repo.head(ctx); err != nil {
		return Stacked{}, fmt.Errorf("stack patches: %w", err)
	}
	tip, tipTree, fits := onto, info.tree, true
	for _, step := range steps {
		done, tree, err := s.place(ctx, tipTree, step)
		if err != nil {
			return Stacked{}, fmt.Errorf("stack patch of %s: %w", step.TaskID, err)
		}
		fits = fits && len(done.Conflicts) == 0
		if tree != tipTree {
			changes, err := s.changes(ctx, tipTree, tree)
			if err != nil {
				return Stacked{}, fmt.Errorf("stack patch of %s: %w", step.TaskID, err)
			}
			if path, ok := changedGitlink(changes); ok {
				return Stacked{}, fmt.Errorf("stack patch of %s: it changes the submodule %s", step.TaskID, show(path))
			}
			for _, c := range changes {
				done.FilesChanged = append(done.FilesChanged, c.Path)
			}
			if done.Commit, err = s.writeCommit(ctx, author, committer, nil, tree, step.Message, tip); err != nil {
				return Stacked{}, fmt.Errorf("stack patch of %s: %w", step.TaskID, err)
			}
			tip, tipTree = done.Commit, tree
		}
		st.Steps = append(st.Steps, done)
	}
	if fits {
		st.Tip = tip
	}
	return st, nil
}

// place says which tree comes of a step on top of tipTree; after a conflict it
// is tipTree.
func (s *Store) place(ctx context.Context, tipTree string, step Step) (done StackedStep, tree string, err error) {
	done.TaskID = step.TaskID
	start, err := s.look(ctx, step.Start)
	if err != nil {
		return done, "", err
	}
	end, err := s.look(ctx, step.Commit)
	if err != nil {
		return done, "", err
	}
	done.Merged = start.tree != tipTree
	switch tipTree {
	case start.tree:
		return done, end.tree, nil
	case end.tree:
		return done, tipTree, nil
	}
	if start.tree == end.tree {
		return done, tipTree, nil
	}
	tree, done.Conflicts, err = s.threeWay(ctx, start.tree, tipTree, end.tree)
	if len(done.Conflicts) > 0 {
		tree = tipTree
	}
	return done, tree, err
}

// threeWay merges two trees over a third. The git merge-tree of 2.38 finds the
// base itself, so it gets commits that have no other.
func (s *Store) threeWay(ctx context.Context, base, ours, theirs string) (tree string, conflicts []string, err error) {
	below, err := s.commitTree(ctx, base, "base")
	if err != nil {
		return "", nil, err
	}
	left, err := s.commitTree(ctx, ours, "ours", below)
	if err != nil {
		return "", nil, err
	}
	right, err := s.commitTree(ctx, theirs, "theirs", below)
	if err != nil {
		return "", nil, err
	}
	return s.mergeTrees(ctx, left, right)
}

// identities are who the user's own git would say made a commit here. Without
// a name and an address in the configuration it is Codex: what git makes up from
// the host's name is nobody's.
func (r *Repository) identities(ctx context.Context) (author, committer identity, err error) {
	out, err := r.git.run(ctx, call{dir: r.root, args: []string{
		"config", "-z", "--get-regexp", `^(user|author|committer)\.(name|email)$`,
	}})
	if err != nil && exitCode(err) != 1 { // 1: none is set
		return author, committer, fmt.Errorf("read git configuration: %w", err)
	}
	set := map[string]string{}
	for _, field := range splitNul(out.stdout) {
		key, value, _ := strings.Cut(string(field), "\n")
		set[key] = value
	}
	of := func(role string) identity {
		id := identity{set[role+".name"], set[role+".email"]}
		if blank(id.name) {
			id.name = set["user.name"]
		}
		if blank(id.email) {
			id.email = set["user.email"]
		}
		if blank(id.name) || blank(id.email) {
			return identity{storeName, storeEmail}
		}
		return id
	}
	return of("author"), of("committer"), nil
}

// blank says whether git would find nothing in a name: it drops these at its ends.
func blank(s string) bool { return strings.Trim(s, " .,:;<>\"\\'\t\r\n") == "" }

var errConflicts = errors.New("a step did not fit")

package workspace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// storeName and storeEmail make the commits of a store, and those in a container.
const (
	storeName  = "Codex"
	storeEmail = "codex@localhost"
)

// Commit puts a patch on top of start, a commit of the repository or of the
// store; with an empty patch, or one that changes nothing, commit is start. A
// patch that does not apply, or that touches a submodule, is an error.
func (s *Store) Commit(ctx context.Context, start string, patch []byte, message string) (commit string, err error) {
	info, err := s.look(ctx, start)
	if err != nil {
		return "", fmt.Errorf("commit patch: %w", err)
	}
	if len(patch) == 0 {
		return start, nil
	}
	tree, err := s.apply(ctx, info.tree, patch)
	if err != nil {
		return "", fmt.Errorf("commit patch on %s: %w", start, err)
	}
	if tree == info.tree {
		return start, nil
	}
	changes, err := s.changes(ctx, info.tree, tree)
	if err != nil {
		return "", fmt.Errorf("commit patch on %s: %w", start, err)
	}
	if path, ok := changedGitlink(changes); ok {
		return "", fmt.Errorf("commit patch on %s: it changes the submodule %s", start, show(path))
	}
	commit, err = s.commitTree(ctx, tree, message, start)
	if err != nil {
		return "", fmt.Errorf("commit patch on %s: %w", start, err)
	}
	return commit, nil
}

// apply applies a patch to a tree, in an index of its own. git refuses paths
// that lead out of the tree, into .git or through a symlink.
func (s *Store) apply(ctx context.Context, tree string, patch []byte) (_ string, err error) {
	dir, err := os.MkdirTemp(s.calls(), "apply-*")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	env := []string{"GIT_INDEX_FILE=" + filepath.Join(dir, "index")}
	if _, err := s.run(ctx, call{env: env, args: []string{"read-tree", tree}}); err != nil {
		return "", err
	}
	if _, err := s.run(ctx, call{
		env: env, args: []string{"apply", "--cached", "--whitespace=nowarn", "-"}, stdin: bytes.NewReader(patch),
	}); err != nil {
		return "", err
	}
	// Files that the user's partial or sparse clone lacks stay what they were.
	return s.object(ctx, call{env: env, args: []string{"write-tree", "--missing-ok"}})
}

// changes lists the paths in which two trees differ; a rename is two of them.
func (s *Store) changes(ctx context.Context, from, to string) ([]rawChange, error) {
	out, err := s.run(ctx, call{args: []string{"diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--no-renames", from, to}})
	if err != nil {
		return nil, err
	}
	return parseDiff(out.stdout)
}

// commitTree makes a commit of ours. It is a second younger than its youngest
// parent: a clock would make equal commits differ, and with a date before its
// parent's git walks all of history to find a merge base.
func (s *Store) commitTree(ctx context.Context, tree, message string, parents ...string) (string, error) {
	info := commitInfo{tree: tree}
	for i, parent := range parents {
		p, err := s.look(ctx, parent)
		if err != nil {
			return "", err
		}
		info.when = max(info.when, p.when)
		if i == 0 {
			info.base = p.base
		}
	}
	info.when++
	date := fmt.Sprintf("@%d +0000", info.when)
	commit, err := s.writeCommit(ctx, identity{storeName, storeEmail}, identity{storeName, storeEmail},
		[]string{"GIT_AUTHOR_DATE=" + date, "GIT_COMMITTER_DATE=" + date}, tree, message, parents...)
	if err != nil {
		return "", err
	}
	s.remember(commit, info)
	return commit, nil
}

// identity is a name and address in a commit.
type identity struct{ name, email string }

func (s *Store) writeCommit(ctx context.Context, author, committer identity, env []string, tree, message string, parents ...string) (string, error) {
	args := []string{"commit-tree", tree, "-F", "-"}
	for _, parent := range parents {
		args = append(args, "-p", parent)
	}
	return s.object(ctx, call{args: args, stdin: strings.NewReader(message), env: append([]string{
		"GIT_AUTHOR_NAME=" + author.name, "GIT_AUTHOR_EMAIL=" + author.email,
		"GIT_COMMITTER_NAME=" + committer.name, "GIT_COMMITTER_EMAIL=" + committer.email,
	}, env...)})
}

// pack writes what tip has and base lacks into a pack below dir, and nothing
// else: no commit of another task. It returns the pack's path, or "" if there
// is nothing to pack.
func (s *Store) pack(ctx context.Context, dir, tip, base string) (string, error) {
	if tip == base {
		return "", nil
	}
	name, err := s.object(ctx, call{
		args: []string{"pack-objects", "-q", "--revs", "--missing=allow-any", filepath.Join(dir, "pack")},
		// The order does not matter; a caret leaves out.
		stdin: strings.NewReader(tip + "\n^" + base + "\n"),
	})
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "pack-"+name+".pack"), nil
}

// packFor fills an object directory with what a worktree of commit needs beside
// the repository's objects, readable for all.
func (s *Store) packFor(ctx context.Context, objects, commit, base string) error {
	dir := filepath.Join(objects, "pack")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if _, err := s.pack(ctx, dir, commit, base); err != nil {
		return err
	}
	return filepath.WalkDir(objects, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(path, 0o755)
		}
		return os.Chmod(path, 0o444)
	})
}

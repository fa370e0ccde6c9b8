package workspace

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxMergeOutput is how much git may say about a merge.
const maxMergeOutput = 64 << 20

// Merge joins commits of the store or the repository, one after the other, each
// step a commit with two parents. One commit gives itself, and one that the
// others have in their history adds nothing. If they do not merge, commit is
// empty and conflicts names the paths of the first step that failed, as bytes,
// sorted.
//
// The three-way merge of contents is git's own. No merge driver runs, and no
// attribute has a say, not even merge=union.
func (s *Store) Merge(ctx context.Context, commits []string, message string) (commit string, conflicts []string, err error) {
	for _, c := range commits {
		if _, err := s.look(ctx, c); err != nil {
			return "", nil, fmt.Errorf("merge commits: %w", err)
		}
	}
	if commits, err = s.independent(ctx, commits); err != nil {
		return "", nil, fmt.Errorf("merge commits: %w", err)
	}
	tip := commits[0]
	for _, next := range commits[1:] {
		tree, conflicts, err := s.mergeTrees(ctx, tip, next)
		if err != nil {
			return "", nil, fmt.Errorf("merge %s: %w", next, err)
		}
		if len(conflicts) > 0 {
			return "", conflicts, nil
		}
		if tip, err = s.commitTree(ctx, tree, message, tip, next); err != nil {
			return "", nil, fmt.Errorf("merge %s: %w", next, err)
		}
	}
	return tip, nil, nil
}

// independent leaves out the commits that others of them have in their history.
func (s *Store) independent(ctx context.Context, commits []string) ([]string, error) {
	if len(commits) == 0 {
		return nil, errors.New("there are none")
	}
	out, err := s.run(ctx, call{args: append([]string{"merge-base", "--independent"}, commits...)})
	if err != nil {
		return nil, err
	}
	keep := map[string]bool{}
	for line := range strings.Lines(string(out.stdout)) {
		keep[strings.TrimSpace(line)] = true
	}
	var kept []string
	for _, c := range commits {
		if keep[c] {
			kept = append(kept, c)
			keep[c] = false
		}
	}
	if len(kept) == 0 {
		return nil, fmt.Errorf("git answered %.200q", out.stdout)
	}
	return kept, nil
}

// mergeTrees gives the tree that joins two commits with a common history, or
// the paths that stand against it.
func (s *Store) mergeTrees(ctx context.Context, ours, theirs string) (tree string, conflicts []string, err error) {
	out, err := s.run(ctx, call{
		args: []string{"merge-tree", "--write-tree", "-z", "--name-only", "--messages", ours, theirs}, limit: maxMergeOutput,
	})
	clean := err == nil
	if !clean && exitCode(err) != 1 { // 1: there are conflicts
		return "", nil, err
	}
	m, err := parseMerge(out.stdout)
	if err != nil {
		return "", nil, err
	}
	if clean {
		if len(m.paths) > 0 {
			return "", nil, fmt.Errorf("merge trees: git found no conflict, and names %q", m.paths)
		}
		return m.tree, nil, nil
	}
	if conflicts = m.conflicts(ours, theirs); len(conflicts) == 0 {
		return "", nil, errors.New("merge trees: git found a conflict, and does not say where")
	}
	return "", conflicts, nil
}

// merged is what git merge-tree said.
type merged struct {
	tree string
	// paths are those that conflict.
	paths []string
	notes []mergeNote
}

// mergeNote is one message: about which paths, and of what kind, as in
// "Auto-merging" or "CONFLICT (contents)".
type mergeNote struct {
	paths []string
	kind  string
}

// parseMerge reads what git merge-tree --write-tree -z --name-only --messages
// prints:
//
//	<tree> NUL {path NUL} NUL {count NUL {path NUL} kind NUL text NUL}
func parseMerge(out []byte) (m merged, err error) {
	fields := splitNul(out)
	bad := func() (merged, error) { return merged{}, fmt.Errorf("merge trees: git answered %.200q", out) }
	if len(out) == 0 || out[len(out)-1] != 0 || !isObjectID(string(fields[0])) {
		return bad()
	}
	m.tree = string(fields[0])
	fields = fields[1:]
	for len(fields) > 0 && len(fields[0]) > 0 {
		m.paths = append(m.paths, string(fields[0]))
		fields = fields[1:]
	}
	if len(fields) == 0 {
		return bad() // the empty field that ends the paths
	}
	fields = fields[1:]
	for len(fields) > 0 {
		count, err := strconv.ParseUint(string(fields[0]), 10, 31)
		if err != nil || uint64(len(fields)) < count+3 {
			return bad()
		}
		note := mergeNote{kind: string(fields[count+1])}
		for _, path := range fields[1 : count+1] {
			note.paths = append(note.paths, string(path))
		}
		m.notes = append(m.notes, note)
		fields = fields[count+3:]
	}
	return m, nil
}

// conflicts are the paths that did not merge, sorted, each once. Where a file
// and a directory meet, git moves the file out of the way to a name that ends
// with its commit: that end is cut off.
func (m merged) conflicts(ours, theirs string) []string {
	paths := m.paths
	if len(paths) == 0 {
		// Some conflicts leave no entry behind, only a message.
		for _, note := range m.notes {
			if strings.HasPrefix(note.kind, "CONFLICT") {
				paths = append(paths, note.paths...)
			}
		}
	}
	all := make([]string, len(paths))
	for i, path := range paths {
		path = strings.TrimSuffix(path, "~"+ours)
		all[i] = strings.TrimSuffix(path, "~"+theirs)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

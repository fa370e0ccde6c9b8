package workspace

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// CollectOptions bound what is taken. Zero means no bound.
type CollectOptions struct {
	// MaxFileBytes: a larger changed file is a finding, and is not read.
	MaxFileBytes int64
}

// Collect compares the worktree with its base. The container must be gone. It
// may be called again, and leaves the worktree as it found it. What it would
// not take is a finding; an error means that our own machinery broke.
//
// The findings are special-file, nested-repository, file-too-large,
// submodule-edited, git-file-replaced, unsafe-symlink, unreadable,
// path-too-long, not-collected, filter-failed, filtered-content and
// patch-too-large.
func (w *Workspace) Collect(ctx context.Context, o CollectOptions) (task.Changes, error) {
	var f findings
	tree, err := w.collectTree(ctx, o, &f)
	if err != nil {
		return task.Changes{}, fmt.Errorf("collect changes of %s: %w", w.layout.name, err)
	}
	changes, err := w.describe(ctx, tree, o, &f)
	if err != nil {
		return task.Changes{}, fmt.Errorf("describe changes of %s: %w", w.layout.name, err)
	}
	changes.Findings = f.list
	return changes, nil
}

// collectTree turns the worktree into a tree object of ours.
func (w *Workspace) collectTree(ctx context.Context, o CollectOptions, f *findings) (tree string, err error) {
	k, err := w.newWalk(f)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, k.close()) }()
	if err := k.run(ctx); err != nil {
		return "", err
	}

	index := filepath.Join(w.layout.collect(), "index")
	if err := w.readBase(ctx, index); err != nil {
		return "", err
	}
	s := &staging{w: w, walk: k, index: index, findings: f}
	if err := s.remove(ctx, k.gone()); err != nil {
		return "", err
	}
	candidates, err := s.candidates(ctx)
	if err != nil {
		return "", err
	}
	if err := s.reportSuspects(ctx); err != nil {
		return "", err
	}
	if err := s.add(ctx, s.admit(candidates, o.MaxFileBytes)); err != nil {
		return "", err
	}
	out, err := w.readingGit(ctx, index, call{args: []string{
		// Files that the user's partial or sparse clone lacks stay what they were.
		"write-tree", "--missing-ok",
	}})
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(out.stdout)), nil
}

// gone lists files of the base that the worktree no longer has.
func (k *walk) gone() []string {
	var gone []string
	for name := range k.w.snapshot {
		if _, ok := k.present[name]; !ok && !k.refused[name] {
			gone = append(gone, name)
		}
	}
	slices.Sort(gone)
	return gone
}

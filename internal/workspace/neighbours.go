package workspace

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/folding"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

const modeDirectory = 0o040000

// neighbours finds, in the index of the collected tree, what did not change but
// matters to a change. Most patches edit files that were there; they cost
// nothing here.
func (w *Workspace) neighbours(ctx context.Context, index string, changes []rawChange) ([]task.Neighbour, error) {
	fresh := newNames(changes)
	relinked := changesLinks(changes)
	if len(fresh) == 0 && !relinked {
		return nil, nil
	}
	entries, err := w.indexEntries(ctx, index)
	if err != nil {
		return nil, err
	}
	changed := map[string]bool{}
	for _, c := range changes {
		changed[c.Path] = true
		fresh.forgetAbove(oldPath(c))
	}
	left := entries[:0]
	for _, e := range entries {
		if !changed[e.path] {
			left = append(left, e)
			fresh.forgetAbove(e.path)
		}
	}
	found := fresh.near(left)
	if !relinked {
		return found, nil
	}
	links, err := w.linksAmong(ctx, left)
	return append(found, links...), err
}

// oldPath is where the base had the file; empty if it had none.
func oldPath(c rawChange) string {
	switch {
	case c.OldPath != "":
		return c.OldPath
	case c.OldMode != 0:
		return c.Path
	}
	return ""
}

// changesLinks says whether a symlink came, went or changed.
func changesLinks(changes []rawChange) bool {
	for _, c := range changes {
		if c.OldMode == modeSymlink || c.NewMode == modeSymlink {
			return true
		}
	}
	return false
}

// names are paths, and directories above paths, that the base may lack.
type names map[string]bool

// newNames lists what the changes bring, directories included. A file that
// became a symlink counts: what the base had beside it under a like name was
// harmless and is so no longer.
func newNames(changes []rawChange) names {
	n := names{}
	for _, c := range changes {
		switch {
		case c.Kind == task.Added || c.Kind == task.Renamed:
			n[c.Path] = true
			for dir := range parents(c.Path) {
				n[dir] = true
			}
		case c.Kind == task.TypeChanged && c.NewMode == modeSymlink:
			n[c.Path] = true
		}
	}
	return n
}

// forgetAbove drops the directories above a path of the base.
func (n names) forgetAbove(name string) {
	if len(n) == 0 || name == "" {
		return
	}
	for dir := range parents(name) {
		delete(n, dir)
	}
}

// near finds the entries, and directories above entries, that have the fold of
// one of the names: the first for each fold.
func (n names) near(entries []indexEntry) []task.Neighbour {
	if len(n) == 0 {
		return nil
	}
	folds := folder{".": ""}
	wanted := map[string]bool{}
	for name := range n {
		wanted[folds.dir(path.Dir(name))+"/"+folding.Name(path.Base(name))] = true
	}
	var found []task.Neighbour
	take := func(name, fold string, mode uint32) {
		if wanted[fold] {
			delete(wanted, fold)
			found = append(found, task.Neighbour{Path: name, Mode: mode})
		}
	}
	seen := map[string]bool{".": true}
	for _, e := range entries {
		dir := path.Dir(e.path)
		if !seen[dir] {
			for above := range parents(e.path) {
				if seen[above] {
					break
				}
				seen[above] = true
				take(above, folds.dir(above), modeDirectory)
			}
		}
		take(e.path, folds.dir(dir)+"/"+folding.Name(path.Base(e.path)), e.mode)
	}
	return found
}

// folder remembers the folds of directories.
type folder map[string]string

func (f folder) dir(dir string) string {
	fold, ok := f[dir]
	if !ok {
		fold = f.dir(path.Dir(dir)) + "/" + folding.Name(path.Base(dir))
		f[dir] = fold
	}
	return fold
}

// linksAmong gives the symlinks with their targets.
func (w *Workspace) linksAmong(ctx context.Context, entries []indexEntry) ([]task.Neighbour, error) {
	var links []task.Neighbour
	var oids []string
	for _, e := range entries {
		if e.mode == modeSymlink {
			links = append(links, task.Neighbour{Path: e.path, Mode: e.mode})
			oids = append(oids, e.oid)
		}
	}
	targets, err := w.linkTargets(ctx, oids)
	if err != nil {
		return nil, err
	}
	for i, target := range targets {
		links[i].LinkTarget = target
	}
	return links, nil
}

// linkTargets reads blobs that are symlinks. The target is empty if a blob is
// missing, as in a partial clone.
func (w *Workspace) linkTargets(ctx context.Context, oids []string) ([]string, error) {
	if len(oids) == 0 {
		return nil, nil
	}
	out, err := w.plainGit(ctx, call{
		args: []string{"cat-file", "--batch"}, stdin: strings.NewReader(strings.Join(oids, "\n") + "\n"),
	})
	if err != nil {
		return nil, err
	}
	// For each object "<oid> blob <size>\n<content>\n" or "<oid> missing\n".
	targets := make([]string, len(oids))
	rest := out.stdout
	for i, oid := range oids {
		head, after, _ := bytes.Cut(rest, []byte("\n"))
		if string(head) == oid+" missing" {
			rest = after
			continue
		}
		var size int
		if _, err := fmt.Sscanf(string(head), oid+" blob %d", &size); err != nil || size < 0 || size >= len(after) {
			return nil, fmt.Errorf("read symlinks: git answered %q", head)
		}
		targets[i], rest = string(after[:size]), after[size+1:]
	}
	return targets, nil
}

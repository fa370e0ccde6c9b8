package workspace

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// git's modes, as they stand in trees and indexes.
const (
	modeFile       = 0o100644
	modeExecutable = 0o100755
	modeSymlink    = 0o120000
	modeGitlink    = 0o160000
)

// indexEntry is one line of git ls-files --stage.
type indexEntry struct {
	mode uint32
	oid  string
	path string
}

// readBase writes an index that holds the base and knows nothing of any file on
// disk, so that git takes none of them for unchanged.
func (w *Workspace) readBase(ctx context.Context, index string) error {
	if err := os.RemoveAll(index); err != nil {
		return err
	}
	_, err := w.repo.git.run(ctx, call{
		dir:  w.layout.empty(),
		env:  tameEnv(w.layout.reading(), w.layout.empty(), index, w.ownObjects()),
		args: []string{"read-tree", w.baseTree},
	})
	return err
}

func (w *Workspace) indexEntries(ctx context.Context, index string) ([]indexEntry, error) {
	out, err := w.repo.git.run(ctx, call{
		dir:  w.layout.empty(),
		env:  tameEnv(w.layout.reading(), w.layout.empty(), index, w.ownObjects()),
		args: []string{"ls-files", "-z", "--stage"},
	})
	if err != nil {
		return nil, err
	}
	var entries []indexEntry
	for _, field := range splitNul(out.stdout) {
		e, err := parseIndexEntry(field)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// parseIndexEntry reads "100644 <oid> 0\t<path>".
func parseIndexEntry(field []byte) (indexEntry, error) {
	head, path, ok := bytes.Cut(field, []byte("\t"))
	words := bytes.Split(head, []byte(" "))
	if !ok || len(words) != 3 || len(path) == 0 {
		return indexEntry{}, fmt.Errorf("read index: git answered %q", field)
	}
	mode, err := strconv.ParseUint(string(words[0]), 8, 32)
	if err != nil {
		return indexEntry{}, fmt.Errorf("read index: %w", err)
	}
	return indexEntry{uint32(mode), string(words[1]), string(path)}, nil
}

// readingGit runs git on the hostile worktree: with our git directory, our
// configuration, the given index, and no filter.
func (w *Workspace) readingGit(ctx context.Context, index string, c call) (output, error) {
	c.dir = w.layout.empty()
	c.env = append(tameEnv(w.layout.reading(), w.layout.tree(), index, w.ownObjects()), c.env...)
	return w.repo.git.run(ctx, c)
}

// plainGit runs git on objects alone: the worktree is empty, there is no
// index, and no attribute says how to look at a file.
func (w *Workspace) plainGit(ctx context.Context, c call) (output, error) {
	c.dir = w.layout.empty()
	none := filepath.Join(w.layout.plain(), "index")
	env := append(tameEnv(w.layout.plain(), w.layout.empty(), none, w.ownObjects()), "GIT_ATTR_NOSYSTEM=1")
	c.env = append(env, c.env...)
	return w.repo.git.run(ctx, c)
}

// splitNul takes the output of git's -z apart. Every field ends with a NUL.
func splitNul(out []byte) [][]byte {
	if len(out) == 0 {
		return nil
	}
	return bytes.Split(bytes.TrimSuffix(out, []byte{0}), []byte{0})
}

// joinNul is what git's --stdin -z reads.
func joinNul(paths []string) *bytes.Buffer {
	var b bytes.Buffer
	for _, p := range paths {
		b.WriteString(p)
		b.WriteByte(0)
	}
	return &b
}

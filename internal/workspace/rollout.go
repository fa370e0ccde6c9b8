package workspace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
)

const (
	// sessionDepth is how many names a session file's path may have. Codex makes
	// four: year/month/day/rollout-<time>-<id>.jsonl.
	sessionDepth = 5
	// maxSessionEntries is how many names are looked at.
	maxSessionEntries = 10_000
)

// Rollout reads the session file that Codex has left: at most limit bytes of
// the rollout-*.jsonl with the largest name, which is the newest, since the
// names are dates. It is nil if there is none. The container must be gone.
//
// The directory is hostile. No symlink is followed, nothing but regular files
// of the task's own with a single name is opened, and of a flood of names only
// the first are looked at.
func (w *Workspace) Rollout(ctx context.Context, limit int64) (_ []byte, err error) {
	root, err := os.OpenRoot(w.layout.sessions())
	if err != nil {
		return nil, fmt.Errorf("read session file of %s: %w", w.layout.name, err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	newest, found, err := w.newestRollout(ctx, root)
	if err != nil || newest == "" {
		return nil, err
	}
	// O_NONBLOCK: should it be a pipe by now, opening must not wait for a writer.
	f, err := root.OpenFile(newest, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrPermission) {
		return nil, nil // the task has shut it
	}
	if err != nil {
		return nil, fmt.Errorf("read session file of %s: %w", w.layout.name, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read session file of %s: %w", w.layout.name, err)
	}
	if statOf(info) != found {
		return nil, fmt.Errorf("read session file of %s: it has changed meanwhile", w.layout.name)
	}
	content, err := io.ReadAll(io.LimitReader(f, limit))
	if err != nil {
		return nil, fmt.Errorf("read session file of %s: %w", w.layout.name, err)
	}
	return content, nil
}

// newestRollout finds the file to read, and how it looks.
func (w *Workspace) newestRollout(ctx context.Context, root *os.Root) (newest string, found stat, err error) {
	seen := 0
	queue := []string{"."}
	for len(queue) > 0 && seen < maxSessionEntries {
		dir := queue[0]
		queue = queue[1:]
		if ctx.Err() != nil {
			return "", stat{}, context.Cause(ctx)
		}
		entries, err := readNames(root, dir, maxSessionEntries-seen)
		if err != nil {
			return "", stat{}, fmt.Errorf("look for session file of %s: %w", w.layout.name, err)
		}
		seen += len(entries)
		for _, e := range entries {
			name := path.Join(dir, e.Name())
			depth := strings.Count(name, "/") + 1
			switch {
			case e.IsDir() && depth < sessionDepth:
				queue = append(queue, name)
			case e.Type().IsRegular() && isRollout(e.Name()) && path.Base(newest) < e.Name():
				info, err := root.Lstat(name)
				if err == nil && w.ownFile(info) {
					newest, found = name, statOf(info)
				}
			}
		}
	}
	return newest, found, nil
}

// readNames lists a directory that is no symlink, at most limit names. One that
// the task has shut or replaced is empty.
func readNames(root *os.Root, dir string, limit int) (_ []fs.DirEntry, err error) {
	before, err := root.Lstat(dir)
	if err != nil || !before.IsDir() {
		return nil, nil //nolint:nilerr // it is gone, or out of reach
	}
	f, err := root.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil //nolint:nilerr // likewise
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if opened, err := f.Stat(); err != nil || !os.SameFile(before, opened) {
		return nil, err
	}
	entries, err := f.ReadDir(limit)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return entries, err
}

func isRollout(name string) bool {
	return strings.HasPrefix(name, "rollout-") && strings.HasSuffix(name, ".jsonl")
}

// ownFile says whether a file is the task's own, under one name: not another
// file of the host that somebody has linked here.
func (w *Workspace) ownFile(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.Mode().IsRegular() && st.Nlink == 1 && int(st.Uid) == w.uid
}

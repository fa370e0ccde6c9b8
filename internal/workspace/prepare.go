package workspace

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// ownObjects is where collecting puts new objects.
func (w *Workspace) ownObjects() string { return filepath.Join(w.layout.reading(), "objects") }

// prepareCollecting writes the git directories that are never mounted, from
// what the repository says before anything hostile has run.
func (w *Workspace) prepareCollecting(ctx context.Context, s settings) error {
	w.conversion = s.conversion
	if err := os.WriteFile(w.layout.attrs(), s.globalAttributes, 0o600); err != nil {
		return err
	}
	behind := w.objects[:1:1] // git finds its alternates itself
	if w.commit != w.registered {
		behind = append(behind, w.layout.objects())
	}
	reading := gitDir{
		objectFormat: w.repo.objectFormat, head: nowhere, alternates: behind,
		settings: append(tame(w.layout.attrs()), s.conversion...),
		exclude:  s.exclude, attributes: s.attributes,
	}
	plain := gitDir{objectFormat: w.repo.objectFormat, head: nowhere, settings: tame(os.DevNull)}
	if err := errors.Join(reading.write(w.layout.reading()), plain.write(w.layout.plain())); err != nil {
		return err
	}

	index := filepath.Join(w.layout.collect(), "base-index")
	if err := w.readBase(ctx, index); err != nil {
		return err
	}
	entries, err := w.indexEntries(ctx, index)
	if err != nil {
		return err
	}
	w.gitlinks = map[string]bool{}
	for _, e := range entries {
		if e.mode == modeGitlink {
			w.gitlinks[e.path] = true
		} else if !w.sparse {
			_, err := os.Lstat(filepath.Join(w.layout.tree(), e.path))
			w.sparse = errors.Is(err, fs.ErrNotExist)
		}
	}
	return nil
}

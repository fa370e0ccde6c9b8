package workspace

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path"
)

// checkOut fills the worktree. The files of the repository's commit come as the
// user's own checkout would have them. What a commit of the store has beside
// these is a task's work, and as hostile here as it was in its worktree: a filter
// would run in this one, where "sh ./strip.sh" finds what the task has put there,
// and .gitattributes may name any filter that the user has. So git writes these
// files with no filter at all; smudgeChanged has the rest.
func (w *Workspace) checkOut(ctx context.Context, s *Store, conf settings) error {
	if w.commit == w.registered {
		if err := w.readTree(ctx, nil, "--reset", "-u", "--no-recurse-submodules", w.commit); err != nil {
			return err
		}
		return w.findDrivers(ctx, s, conf)
	}
	if err := w.findDrivers(ctx, s, conf); err != nil {
		return err
	}
	env := []string{
		"GIT_INDEX_FILE=" + w.index(),
		"GIT_ALTERNATE_OBJECT_DIRECTORIES=" + quotePath(w.layout.objects()),
	}
	if len(w.drivers) > 0 {
		if err := w.readTree(ctx, env, "--reset", "-u", "--no-recurse-submodules", w.registered); err != nil {
			return err
		}
		if err := w.takeAway(ctx, s, env); err != nil {
			return err
		}
	}
	// What is in the index stays as it is on disk, so -m writes the rest alone.
	if err := w.readTree(ctx, append(env, configEnv(conf.noFilters())...), "-m", "-u", "--no-recurse-submodules", w.commit); err != nil {
		return err
	}
	// For whoever looks at the worktree with git: an index that it can read.
	return w.readTree(ctx, nil, w.registered)
}

// readTree runs git read-tree in the worktree.
func (w *Workspace) readTree(ctx context.Context, env []string, args ...string) error {
	args = append(append(quiet[:len(quiet):len(quiet)], "read-tree"), args...)
	_, err := w.repo.git.run(ctx, call{dir: w.layout.tree(), env: env, args: args})
	return err
}

// findDrivers finds the filters that files go through: those of the repository's
// commit, whatever a commit of the store says.
func (w *Workspace) findDrivers(ctx context.Context, s *Store, conf settings) error {
	attributes, err := s.attributesOf(ctx, w.registered)
	w.drivers = conf.drivers(attributes)
	return err
}

// attributesOf are all .gitattributes of a commit, one after the other.
func (s *Store) attributesOf(ctx context.Context, commit string) ([]byte, error) {
	s.mu.Lock()
	attributes, ok := s.attributes[commit]
	s.mu.Unlock()
	if ok {
		return attributes, nil
	}
	out, err := s.run(ctx, call{args: []string{"ls-tree", "-r", "-z", "--full-tree", commit}})
	if err != nil {
		return nil, err
	}
	for _, field := range splitNul(out.stdout) {
		// "100644 blob <oid>\t<path>"
		head, name, _ := bytes.Cut(field, []byte("\t"))
		words := bytes.Fields(head)
		if path.Base(string(name)) != ".gitattributes" || len(words) != 3 || string(words[1]) != "blob" || string(words[0]) == "120000" {
			continue
		}
		blob, err := s.run(ctx, call{args: []string{"cat-file", "blob", string(words[2])}})
		if err != nil {
			return nil, err
		}
		attributes = append(append(attributes, blob.stdout...), '\n')
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attributes[commit] = attributes
	return attributes, nil
}

// noFilters switches off every filter that the user has.
func (s settings) noFilters() (off [][2]string) {
	for name := range s.filters {
		for _, variable := range []string{"clean", "smudge", "process"} {
			off = append(off, [2]string{"filter." + name + "." + variable, ""})
		}
		off = append(off, [2]string{"filter." + name + ".required", "false"})
	}
	return off
}

// takeAway takes the files that the commit changes out of worktree and index.
func (w *Workspace) takeAway(ctx context.Context, s *Store, env []string) (err error) {
	changes, err := s.changes(ctx, w.registered, w.commit)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(w.layout.tree())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	var names []string
	for _, c := range changes {
		if c.OldMode == 0 {
			continue
		}
		names = append(names, c.Path)
		if err := root.Remove(c.Path); err != nil && !isGone(err) {
			return err
		}
	}
	if len(names) == 0 {
		return nil
	}
	_, err = w.repo.git.run(ctx, call{
		dir: w.layout.tree(), env: env, stdin: joinNul(names),
		args: append(quiet[:len(quiet):len(quiet)], "update-index", "--force-remove", "-z", "--stdin"),
	})
	return err
}

// maxSmudged is how much a filter may make of one file.
const maxSmudged = 256 << 20

// smudgeChanged sends the files that a commit of the store changes through the
// filters of the base, each by itself and away from the worktree, as
// addFiltered does on the way back. A file that its filter refuses stays as it is
// in the commit: that of Git LFS has no content of a task's work, for one.
func (w *Workspace) smudgeChanged(ctx context.Context, s *Store) (err error) {
	if w.commit == w.registered || len(w.drivers) == 0 {
		return nil
	}
	changes, err := s.changes(ctx, w.registered, w.commit)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(w.layout.tree())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	var files []candidate
	objects := map[string]string{}
	for _, c := range changes {
		info, err := root.Lstat(c.Path)
		if err != nil || !info.Mode().IsRegular() {
			continue // removed, left out by a sparse checkout, or no file
		}
		files = append(files, candidate{c.Path, statOf(info)})
		objects[c.Path] = c.newOID
	}
	through, _, err := w.byFilter(ctx, w.index(), files)
	if err != nil {
		return err
	}
	for _, file := range through {
		out, err := w.filterGit(ctx, file, call{
			args: []string{"cat-file", "--filters", "--path=" + file.path, objects[file.path]}, limit: maxSmudged,
		})
		if errors.Is(err, errOutputLimit) || exitCode(err) > 0 {
			w.repo.git.log.InfoContext(ctx, "leave file unfiltered", "path", file.path, "filter", file.driver, "err", err)
			continue
		}
		if err == nil {
			err = root.WriteFile(file.path, out.stdout, 0o600) // it is there: its mode stays
		}
		if err != nil {
			return err
		}
	}
	return nil
}

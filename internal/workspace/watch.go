package workspace

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// repositoryState is what no task can reach.
type repositoryState struct {
	// refs is by name: the object, and the ref that it points to if it is symbolic.
	refs map[string]string
	// head is the branch's full name, or the commit of a detached HEAD.
	head  string
	files map[fileKind]map[string]watched
	// staged is a digest of what the index says, without what it knows of the
	// files on disk: that changes with every git status. Empty: not known.
	staged string
}

// fileKind groups files that are one thing to a person.
type fileKind int

const (
	indexFile fileKind = iota
	configFiles
	hookFiles
	infoFiles
	alternatesFiles
	shallowFile
)

// changedRule is the rule of every finding of Watch.
const changedRule = "repository-changed"

// maxNamed is how many names a finding lists.
const maxNamed = 5

// fromOutside is what it means that something has changed which a user's everyday
// work leaves alone.
const fromOutside = "Nothing in a sandbox can reach it: somebody or something else on this machine did it, or a hole was found."

// Watch remembers what no task can change: the refs, HEAD and index of the
// user's checkout, and the repository's own configuration (without the files
// that it includes), hooks, info/attributes, info/exclude, alternates and
// shallow. changed may be called any number of times; it says what is no longer
// as it was, with one finding for each kind: a warning for what people seldom
// touch, an info for what their everyday work moves.
func (r *Repository) Watch(ctx context.Context) (changed func(context.Context) ([]task.Finding, error), err error) {
	places, err := r.watchPlaces(ctx)
	if err != nil {
		return nil, fmt.Errorf("watch repository: %w", err)
	}
	before, err := r.readState(ctx, places, repositoryState{})
	if err != nil {
		return nil, fmt.Errorf("watch repository: %w", err)
	}
	return func(ctx context.Context) ([]task.Finding, error) {
		now, err := r.readState(ctx, places, before)
		if err != nil {
			return nil, fmt.Errorf("compare repository with what it was: %w", err)
		}
		return before.compare(now), nil
	}, nil
}

// watchPlaces says where the files of each kind are.
func (r *Repository) watchPlaces(ctx context.Context) (map[fileKind][]string, error) {
	var gitDir, hooks string
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { gitDir, err = r.gitDir(gctx); return err })
	g.Go(func() (err error) { hooks, err = r.gitPath(gctx, "--git-path", "hooks"); return err })
	if err := g.Wait(); err != nil {
		return nil, err
	}
	common := func(name string) string { return filepath.Join(r.commonDir, name) }
	places := map[fileKind][]string{
		indexFile:       {filepath.Join(gitDir, "index")},
		configFiles:     {common("config"), common("config.worktree")},
		hookFiles:       {common("hooks")},
		infoFiles:       {common("info/attributes"), common("info/exclude"), common("info/grafts")},
		alternatesFiles: {common("objects/info/alternates")},
		shallowFile:     {common("shallow")},
	}
	if gitDir != r.commonDir {
		places[configFiles] = append(places[configFiles], filepath.Join(gitDir, "config.worktree"))
	}
	// Hooks that lie elsewhere, in the checkout say, are the user's files like others.
	if within(r.commonDir, hooks) && hooks != common("hooks") {
		places[hookFiles] = append(places[hookFiles], hooks)
	}
	return places, nil
}

// gitDir is the git directory of the user's checkout: that of the repository,
// or that of a linked worktree.
func (r *Repository) gitDir(ctx context.Context) (string, error) {
	dir, err := r.gitPath(ctx, "--absolute-git-dir")
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(dir)
}

// gitPath asks git rev-parse for one absolute path.
func (r *Repository) gitPath(ctx context.Context, args ...string) (string, error) {
	out, err := r.git.run(ctx, call{dir: r.root, args: append([]string{"rev-parse", "--path-format=absolute"}, args...)})
	if err != nil {
		return "", err
	}
	return filepath.Clean(strings.TrimSuffix(string(out.stdout), "\n")), nil
}

func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

// readState reads all that is watched; a file that looks as it did before is
// not read again.
func (r *Repository) readState(ctx context.Context, places map[fileKind][]string, before repositoryState) (repositoryState, error) {
	now := repositoryState{files: map[fileKind]map[string]watched{}}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { now.refs, err = r.refs(gctx); return err })
	g.Go(func() error {
		branch, commit, err := r.head(gctx)
		now.head = branch
		if branch == "" {
			now.head = commit
		}
		return err
	})
	for kind, paths := range places {
		files := map[string]watched{}
		for _, path := range paths {
			if err := lookAt(files, r.commonDir, path, before.files[kind]); err != nil {
				return now, joinWait(g, err)
			}
		}
		now.files[kind] = files
	}
	now.staged = before.staged
	// The others write to now meanwhile: no copy of it before the end.
	if len(differing(digests(before.files[indexFile]), digests(now.files[indexFile]))) > 0 {
		g.Go(func() error { now.staged = r.staged(gctx); return nil })
	}
	err := g.Wait()
	return now, err
}

// staged is the digest of repositoryState; empty if git cannot read the index.
func (r *Repository) staged(ctx context.Context) string {
	args := append(quiet[:len(quiet):len(quiet)], "ls-files", "--stage", "-v", "-z")
	out, err := r.git.run(ctx, call{dir: r.root, env: noFetch, args: args})
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%x", sha256.Sum256(out.stdout))
}

// joinWait ends a group that is no longer needed because of err.
func joinWait(g *errgroup.Group, err error) error {
	g.Go(func() error { return err })
	return g.Wait()
}

// refs asks git, which knows loose refs, packed ones and tables of them.
func (r *Repository) refs(ctx context.Context) (map[string]string, error) {
	out, err := r.git.run(ctx, call{dir: r.root, env: noFetch, args: []string{
		"for-each-ref", "--format=%(refname) %(objectname) %(symref)",
	}})
	if err != nil {
		return nil, err
	}
	refs := map[string]string{}
	for line := range bytes.Lines(out.stdout) {
		name, value, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), " ")
		refs[name] = value
	}
	return refs, nil
}

// head reads HEAD of the user's checkout: the branch's full name, empty if HEAD
// is detached, and the commit, empty if the branch has none yet.
func (r *Repository) head(ctx context.Context) (branch, commit string, err error) {
	out, err := r.git.run(ctx, call{dir: r.root, args: []string{"symbolic-ref", "--quiet", "HEAD"}})
	if err != nil && exitCode(err) != 1 { // 1: detached
		return "", "", err
	}
	branch = strings.TrimSuffix(string(out.stdout), "\n")
	commit, err = r.revParse(ctx, "HEAD")
	if err != nil && (branch == "" || exitCode(err) != 1) {
		return "", "", err
	}
	return branch, commit, nil
}

// compare makes a finding of every kind that has changed.
func (s repositoryState) compare(now repositoryState) []task.Finding {
	var found []task.Finding
	add := func(severity task.Severity, detail string, names []string) {
		if len(names) > 0 {
			found = append(found, task.Finding{Rule: changedRule, Severity: severity, Detail: detail, Evidence: nameSome(names)})
		}
	}
	for _, k := range []struct {
		kind fileKind
		what string
	}{
		{configFiles, "The repository's configuration changed during the run."},
		{hookFiles, "The repository's hooks changed during the run."},
		{infoFiles, "The repository's attributes or ignore rules changed during the run."},
		{alternatesFiles, "The repository's list of object stores changed during the run."},
	} {
		add(task.SeverityWarning, k.what+" "+fromOutside, s.differing(now, k.kind))
	}
	if s.head != now.head {
		add(task.SeverityInfo, "HEAD moved during the run; the user may have switched branches.", []string{s.head + " -> " + now.head})
	}
	add(task.SeverityInfo, "Refs changed during the run; the user may have committed or fetched.", differing(s.refs, now.refs))
	if len(s.differing(now, indexFile)) > 0 && (s.staged == "" || s.staged != now.staged) {
		add(task.SeverityInfo, "The index changed during the run; the user may have staged something.", []string{"index"})
	}
	if len(s.differing(now, shallowFile)) > 0 {
		add(task.SeverityInfo, "The depth of the history changed during the run; the user may have fetched.", []string{"shallow"})
	}
	return found
}

// differing lists the files of a kind that have changed, as below the common directory.
func (s repositoryState) differing(now repositoryState, kind fileKind) []string {
	return differing(digests(s.files[kind]), digests(now.files[kind]))
}

// differing lists the keys under which two maps do not have the same, sorted.
func differing(a, b map[string]string) []string {
	names := map[string]bool{}
	for name, v := range a {
		if w, ok := b[name]; !ok || v != w {
			names[name] = true
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// nameSome lists a few names and says how many more there are.
func nameSome(names []string) string {
	var shown []string
	for _, name := range names[:min(len(names), maxNamed)] {
		shown = append(shown, show(name))
	}
	text := strings.Join(shown, ", ")
	if more := len(names) - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

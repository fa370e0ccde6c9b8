package workspace

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Options say how a Repository works.
type Options struct {
	// Log gets one debug line for each run of git. Nil: none.
	Log *slog.Logger
	// Git is the program; empty means "git" on PATH.
	Git string
}

// Repository is the user's repository. It is safe for concurrent use.
type Repository struct {
	git          git
	root         string
	commonDir    string
	objectFormat string
}

// Open finds the repository that dir lies in. It returns a *task.Refusal if
// there is no such directory, no repository, no worktree (a bare repository, or
// a place inside .git), a line break in its path, or no git of at least version
// 2.38.
func Open(ctx context.Context, dir string, o Options) (*Repository, error) {
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		return nil, &task.Refusal{
			What: fmt.Sprintf("There is no directory %s.", show(dir)),
			Mend: "Name a directory inside a git repository.",
			Err:  err,
		}
	}
	g, err := findGit(ctx, o)
	if err != nil {
		return nil, err
	}
	r := &Repository{git: g}

	out, err := r.git.run(ctx, call{dir: dir, args: []string{
		"rev-parse", "--is-inside-work-tree", "--show-object-format", "--path-format=absolute", "--git-common-dir",
	}})
	if err != nil {
		return nil, notRepository(dir, err)
	}
	words := strings.SplitN(string(out.stdout), "\n", 3)
	if len(words) != 3 {
		return nil, fmt.Errorf("open repository at %s: git answered %q", dir, out.stdout)
	}
	if words[0] != "true" {
		return nil, noWorkingTree(dir, nil)
	}
	r.objectFormat = words[1]
	if r.commonDir, err = filepath.EvalSymlinks(strings.TrimSuffix(words[2], "\n")); err != nil {
		return nil, fmt.Errorf("find git directory of %s: %w", dir, err)
	}
	if out, err = r.git.run(ctx, call{dir: dir, args: []string{"rev-parse", "--show-toplevel"}}); err != nil {
		return nil, notRepository(dir, err)
	}
	if r.root, err = filepath.EvalSymlinks(strings.TrimSuffix(string(out.stdout), "\n")); err != nil {
		return nil, fmt.Errorf("find top level of %s: %w", dir, err)
	}
	for _, path := range []string{r.root, r.commonDir} {
		// git's own records of worktrees end a path with a line break, and so do ours.
		if strings.ContainsAny(path, lineBreaks) {
			return nil, &task.Refusal{
				What: fmt.Sprintf("The path of the repository, %s, holds a line break.", show(path)),
				Mend: "Move the repository to a path without line breaks.",
			}
		}
	}
	return r, nil
}

func noWorkingTree(dir string, err error) error {
	return &task.Refusal{
		What: fmt.Sprintf("%s has no working tree: the repository is bare, or this is its git directory.", show(dir)),
		Mend: "Name a directory of a checkout.", Err: err,
	}
}

func notRepository(dir string, err error) error {
	var ge *gitError
	switch {
	case !errors.As(err, &ge):
		return fmt.Errorf("open repository at %s: %w", dir, err)
	case strings.Contains(ge.stderr, "not a git repository"):
		return &task.Refusal{
			What: fmt.Sprintf("%s lies in no git repository.", show(dir)),
			Mend: "Name a directory inside a repository, or make one with git init and a first commit.",
			Err:  err,
		}
	case strings.Contains(ge.stderr, "cannot use bare repository"):
		return noWorkingTree(dir, err)
	case strings.Contains(ge.stderr, "dubious ownership"), strings.Contains(ge.stderr, "unsafe repository"):
		return &task.Refusal{
			What: fmt.Sprintf("git does not trust the repository at %s, since somebody else owns it.", show(dir)),
			Mend: "Run as its owner, or run: git config --global --add safe.directory " + shellQuote(dir),
			Err:  err,
		}
	}
	return &task.Refusal{
		What: fmt.Sprintf("git cannot open the repository at %s: %s.", show(dir), brief(ge.stderr)),
		Mend: "Run git status there and mend what it complains about.",
		Err:  err,
	}
}

// Root is the top level of the user's checkout: absolute, symlinks resolved.
func (r *Repository) Root() string { return r.root }

// CommonDir is the git directory that all worktrees of the repository share:
// absolute, symlinks resolved.
func (r *Repository) CommonDir() string { return r.commonDir }

// Version 2.38 is the first that has merge-tree --write-tree. Collecting relies
// on 2.32: it knows GIT_CONFIG_GLOBAL and GIT_CONFIG_SYSTEM, and follows no
// .gitattributes or .gitignore that is a symlink.
const minMajor, minMinor = 2, 38

func findGit(ctx context.Context, o Options) (git, error) {
	g := git{path: o.Git, log: o.Log}
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	if g.path == "" {
		g.path = "git"
	}
	path, err := exec.LookPath(g.path)
	if err != nil {
		return g, &task.Refusal{
			What: fmt.Sprintf("There is no program %s.", show(g.path)),
			Mend: fmt.Sprintf("Install git %d.%d or newer.", minMajor, minMinor),
			Err:  err,
		}
	}
	if g.path, err = filepath.Abs(path); err != nil {
		return g, fmt.Errorf("find git: %w", err)
	}
	out, err := g.run(ctx, call{args: []string{"version"}})
	if err != nil {
		return g, err
	}
	var major, minor int
	if _, err := fmt.Sscanf(string(out.stdout), "git version %d.%d", &major, &minor); err != nil {
		return g, fmt.Errorf("read version of %s from %q: %w", g.path, out.stdout, err)
	}
	if major < minMajor || major == minMajor && minor < minMinor {
		return g, &task.Refusal{
			What: fmt.Sprintf("git %d.%d at %s is too old.", major, minor, show(g.path)),
			Mend: fmt.Sprintf("Install git %d.%d or newer.", minMajor, minMinor),
		}
	}
	return g, nil
}

package workspace

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// layout is where the parts of one workspace lie. All are below dir; what is
// ours begins with a dot, which the name of a worktree cannot.
//
//	dir/.codex-workspace   says that we made dir, so that it may be removed
//	dir/<name>/            the worktree
//	dir/.git-private/      mounted as the container's git directory
//	dir/.git-file          mounted over the worktree's .git
//	dir/.objects/          mounted read-only: what the commit has of the run's store
//	dir/.sessions/         mounted, for Codex's session files
//	dir/.collect/          never mounted: what collecting needs
//	dir/.collect/git/      git directory for reading the worktree
//	dir/.collect/plain/    git directory without any attributes, for diff and apply
//	dir/.collect/empty/    a worktree with nothing in it
//	dir/.collect/aside/    what git must not meet while it reads the worktree
type layout struct {
	dir  string
	name string
}

// lineBreaks may be in no path of ours: git ends its records of a worktree with one.
const lineBreaks = "\n\r"

const markerName = ".codex-workspace"

func (l layout) marker() string    { return filepath.Join(l.dir, markerName) }
func (l layout) tree() string      { return filepath.Join(l.dir, l.name) }
func (l layout) private() string   { return filepath.Join(l.dir, ".git-private") }
func (l layout) gitFile() string   { return filepath.Join(l.dir, ".git-file") }
func (l layout) objects() string   { return filepath.Join(l.dir, ".objects") }
func (l layout) sessions() string  { return filepath.Join(l.dir, ".sessions") }
func (l layout) collect() string   { return filepath.Join(l.dir, ".collect") }
func (l layout) reading() string   { return filepath.Join(l.collect(), "git") }
func (l layout) plain() string     { return filepath.Join(l.collect(), "plain") }
func (l layout) empty() string     { return filepath.Join(l.collect(), "empty") }
func (l layout) attrs() string     { return filepath.Join(l.collect(), "attributes") }
func (l layout) asideName() string { return filepath.Join(".collect", "aside") }

var validName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$`)

// makeLayout creates the directory, which must be new or empty, and marks it as ours.
func makeLayout(dir, name string) (layout, error) {
	l := layout{dir: filepath.Clean(dir), name: name}
	if !validName.MatchString(name) {
		return l, fmt.Errorf("create workspace: %q is no name for a worktree", name)
	}
	if !filepath.IsAbs(dir) {
		return l, fmt.Errorf("create workspace: %q is no absolute path", dir)
	}
	if strings.ContainsAny(l.dir, lineBreaks) {
		return l, fmt.Errorf("create workspace: %w", &task.Refusal{
			What: fmt.Sprintf("The path of the directory for the worktree, %s, holds a line break.", show(l.dir)),
			Mend: "Point XDG_STATE_HOME at a directory without line breaks in its path.",
		})
	}
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return l, fmt.Errorf("create workspace: %w", err)
	}
	// git writes the real path into its records; ours must be the same.
	real, err := filepath.EvalSymlinks(l.dir)
	if err != nil {
		return l, fmt.Errorf("create workspace: %w", err)
	}
	l.dir = real
	present, err := os.ReadDir(l.dir)
	if err != nil {
		return l, fmt.Errorf("create workspace: %w", err)
	}
	if len(present) > 0 {
		return l, fmt.Errorf("create workspace: %s is not empty", l.dir)
	}
	if err := os.WriteFile(l.marker(), []byte(name+"\n"), 0o600); err != nil {
		return l, fmt.Errorf("create workspace: %w", err)
	}
	if err := errors.Join(
		os.MkdirAll(l.empty(), 0o700), os.MkdirAll(filepath.Join(l.dir, l.asideName()), 0o700), os.Mkdir(l.sessions(), 0o700),
	); err != nil {
		return l, errors.Join(fmt.Errorf("create workspace: %w", err), removeDir(l.dir))
	}
	return l, nil
}

package validate

import (
	"fmt"
	"path"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// maxHops bounds how many symlinks one resolution follows. Linux gives up after 40.
const maxHops = 255

// links checks that no symlink of the patch leads out of the tree or into its
// .git, on its own or through other symlinks of the patch. Symlinks that the
// base already holds are not in the evidence, so what leads through one of
// those is not seen here.
func links(files []task.Change) []task.Finding {
	exact, folded := linkMap{}, linkMap{fold: strings.ToLower}
	for _, c := range files {
		if isLink(c) {
			exact.add(c.Path, c.LinkTarget)
			folded.add(c.Path, c.LinkTarget)
		}
	}
	var found []task.Finding
	for _, c := range files {
		if !isLink(c) {
			continue
		}
		why := exact.escapes(c.Path)
		if why == "" {
			// A host whose file system ignores case follows other links.
			why = folded.escapes(c.Path)
		}
		if why != "" {
			found = append(found, task.Finding{
				Rule:     "symlink-escapes",
				Severity: task.SeverityError,
				Detail:   fmt.Sprintf("The symlink %s -> %s %s.", show(c.Path), show(c.LinkTarget), why),
				Evidence: c.Path,
			})
		}
	}
	return found
}

func isLink(c task.Change) bool { return present(c) && c.NewMode == modeLink }

// linkMap is the symlinks of a patch by path.
type linkMap struct {
	targets map[string]string
	// fold maps names that the file system takes for the same to the same; nil: none.
	fold func(string) string
}

func (m *linkMap) add(name, target string) {
	if m.targets == nil {
		m.targets = map[string]string{}
	}
	m.targets[m.key(name)] = target
}

func (m *linkMap) key(name string) string {
	if m.fold == nil {
		return name
	}
	return m.fold(name)
}

// escapes follows the symlink at name as a kernel would and says how it leaves
// the tree, or nothing if it does not. Whatever is no symlink of the patch
// counts as a directory: a target that does not exist yet may exist later.
func (m *linkMap) escapes(name string) string {
	// The parents of a path in a git tree are directories, never symlinks.
	dir := splitPath(path.Dir(name))
	todo := []string{path.Base(name)}
	for hops := 0; len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			if len(dir) == 0 {
				return "leads out of the repository"
			}
			dir = dir[:len(dir)-1]
			continue
		}
		if isGitDir(part) {
			return "leads into a .git directory"
		}
		here := path.Join(path.Join(dir...), part)
		target, ok := m.targets[m.key(here)]
		if !ok {
			dir = append(dir[:len(dir):len(dir)], part)
			continue
		}
		hops++
		switch {
		case target == "":
			return "has no target"
		case strings.HasPrefix(target, "/"):
			return "has an absolute target"
		case hops > maxHops:
			return "cannot be followed to an end inside the repository"
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	return ""
}

func splitPath(p string) []string {
	if p == "." {
		return nil
	}
	return strings.Split(p, "/")
}

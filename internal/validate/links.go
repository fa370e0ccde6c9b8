package validate

import (
	"fmt"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/folding"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// maxHops bounds how many symlinks one resolution follows. Linux gives up after 40.
const maxHops = 255

const noEnd = "cannot be followed to an end inside the repository"

// links checks that no symlink of the patch leads out of the tree or into its
// .git, on its own or through other symlinks, new or old, and that the patch
// leads no old symlink there: a directory that becomes a symlink gives the ..
// behind it another meaning. An old symlink that led out already is no finding
// until the patch makes use of it.
func links(c task.Changes) []task.Finding {
	// A host whose file system ignores case follows other links.
	exact := newLinkTree(c, func(name string) string { return name })
	folded := newLinkTree(c, folding.Name)
	var found []task.Finding
	report := func(name, format string, args ...any) {
		found = append(found, task.Finding{
			Rule: "symlink-escapes", Severity: task.SeverityError,
			Detail: fmt.Sprintf(format, args...), Evidence: name,
		})
	}
	for i, l := range exact.links {
		end := exact.follow(l, 0)
		if other := folded.follow(folded.links[i], 0); end.why == "" || !end.relinked && !l.changed {
			end = other
		}
		switch {
		case end.why == "":
		case l.changed:
			report(l.path, "The symlink %s -> %s %s.", show(l.path), show(l.target), end.why)
		case end.relinked:
			report(l.path, "The patch changes where the symlink %s -> %s leads, which it does not touch: it now %s.",
				show(l.path), show(l.target), end.why)
		}
	}
	return found
}

func isLink(c task.Change) bool { return present(c) && c.NewMode == modeLink }

// linkTree is the symlinks of the collected tree, and nothing else of it: what
// is no symlink counts as a directory, for a target that does not exist yet may
// exist later.
type linkTree struct {
	root *node
	// links are those of the patch, then the others; in that order in every tree.
	links []*symlink
	// fold maps names that the file system takes for the same to the same.
	fold func(string) string
}

// node is a symlink, or a directory with a symlink somewhere below.
type node struct {
	above *node
	below map[string]*node
	link  *symlink
	// relinked says that the patch made a symlink here, or took one away.
	relinked bool
}

type symlink struct {
	path, target string
	dir          *node
	changed      bool
	state        int
	end          end
}

// The states of a symlink that is being followed.
const (
	unknown = iota
	underway
	done
)

// end is where a symlink leads.
type end struct {
	place
	// why says how it leaves the tree; empty if it does not.
	why  string
	hops int
	// relinked says that the patch has changed something on the way.
	relinked bool
}

// place is a directory of the tree: depth levels below at, where no symlinks are.
type place struct {
	at    *node
	depth int
}

func newLinkTree(c task.Changes, fold func(string) string) *linkTree {
	t := &linkTree{root: &node{}, fold: fold}
	for _, f := range c.Files {
		if isLink(f) {
			n := t.add(&symlink{path: f.Path, target: f.LinkTarget, changed: true})
			n.relinked = true
		}
		if gone, ok := linkGone(f); ok {
			t.node(gone).relinked = true
		}
	}
	for _, n := range c.Neighbours {
		if n.Mode == modeLink {
			t.add(&symlink{path: n.Path, target: n.LinkTarget})
		}
	}
	return t
}

// add puts a symlink into the tree. Of two that have the same fold, the first,
// which is the patch's, is the one that others lead through.
func (t *linkTree) add(l *symlink) *node {
	n := t.node(l.path)
	l.dir = n.above
	if n.link == nil {
		n.link = l
	}
	t.links = append(t.links, l)
	return n
}

func (t *linkTree) node(name string) *node {
	at := t.root
	for part := range strings.SplitSeq(name, "/") {
		key := t.fold(part)
		next := at.below[key]
		if next == nil {
			next = &node{above: at}
			if at.below == nil {
				at.below = map[string]*node{}
			}
			at.below[key] = next
		}
		at = next
	}
	return at
}

// follow says where a symlink leads, as a kernel would find out. Each is
// followed once: a patch may hold thousands, all of them through each other.
// chain is how many are being followed already.
func (t *linkTree) follow(l *symlink, chain int) end {
	switch {
	case l.state == underway, l.state == unknown && chain > maxHops:
		return end{why: noEnd}
	case l.state == unknown:
		l.state = underway
		l.end = t.walk(l, chain)
		l.state = done
	}
	return l.end
}

func (t *linkTree) walk(l *symlink, chain int) end {
	// The parents of a path in a git tree are directories, never symlinks.
	e := end{place: place{at: l.dir}, hops: 1}
	switch {
	case l.target == "":
		e.why = "has no target"
	case strings.HasPrefix(l.target, "/"):
		e.why = "has an absolute target"
	}
	if e.why != "" {
		return e
	}
	for part := range strings.SplitSeq(l.target, "/") {
		switch {
		case part == "" || part == ".":
			continue
		case part == ".." && e.depth > 0:
			e.depth--
			continue
		case part == "..":
			if e.at = e.at.above; e.at == nil {
				e.why = "leads out of the repository"
				return e
			}
			continue
		case folding.IsDotGit(part):
			e.why = "leads into a .git directory"
			return e
		}
		var next *node
		if e.depth == 0 {
			next = e.at.below[t.fold(part)]
		}
		if next == nil {
			e.depth++
			continue
		}
		e.relinked = e.relinked || next.relinked
		if next.link == nil {
			e.at = next
			continue
		}
		through := t.follow(next.link, chain+1)
		e.place = through.place
		e.hops += through.hops
		e.relinked = e.relinked || through.relinked
		if e.why = through.why; e.why == "" && e.hops > maxHops {
			e.why = noEnd
		}
		if e.why != "" {
			return e
		}
	}
	return e
}

package workspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/folding"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// staging brings our index up to what the worktree holds.
type staging struct {
	w        *Workspace
	walk     *walk
	index    string
	findings *findings
}

// candidate is a file whose content may differ from the base.
type candidate struct {
	path string
	stat stat
}

// remove takes names out of the index without a look at the worktree.
func (s *staging) remove(ctx context.Context, paths []string) error {
	if len(paths) == 0 {
		return nil
	}
	_, err := s.w.readingGit(ctx, s.index, call{
		args:  []string{"update-index", "--force-remove", "-z", "--stdin"},
		stdin: joinNul(paths),
	})
	return err
}

// candidates are the touched files of the base and the files that git would
// add, which is to say those that no ignore rule excludes, or that Codex has
// staged in spite of one.
func (s *staging) candidates(ctx context.Context) ([]candidate, error) {
	var found []candidate
	for name, st := range s.walk.touched {
		found = append(found, candidate{name, st})
	}
	out, err := s.w.readingGit(ctx, s.index, call{args: []string{"ls-files", "-z", "--others", "--exclude-standard"}})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, field := range splitNul(out.stdout) {
		names = append(names, string(field))
	}
	if s.w.sparse {
		// A file that the sparse checkout had left out is in the index, and so
		// neither untracked nor known to have been there.
		entries, err := s.w.indexEntries(ctx, s.index)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if _, ok := s.w.snapshot[e.path]; !ok && e.mode != modeGitlink {
				names = append(names, e.path)
			}
		}
	}
	known := make(map[string]bool, len(names))
	for _, name := range names {
		known[name] = true
		if !s.walk.dirs[path.Dir(name)] {
			continue
		}
		info, err := s.walk.root.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			continue
		}
		if err != nil {
			// A directory that git took for a repository ends with a slash.
			if strings.HasSuffix(name, "/") {
				continue
			}
			return nil, err
		}
		if info.Mode().IsRegular() || info.Mode().Type() == fs.ModeSymlink {
			found = append(found, candidate{name, statOf(info)})
		}
	}
	forced, err := s.forced(ctx, known)
	if err != nil {
		return nil, err
	}
	found = append(found, forced...)
	slices.SortFunc(found, func(a, b candidate) int { return strings.Compare(a.path, b.path) })
	return slices.CompactFunc(found, func(a, b candidate) bool { return a.path == b.path }), nil
}

// reportSuspects makes findings of what no ignore rule excuses: a socket in a
// build directory or a repository in node_modules would never be collected.
func (s *staging) reportSuspects(ctx context.Context) error {
	suspects := s.walk.suspects
	if len(suspects) == 0 {
		return nil
	}
	paths := make([]string, len(suspects))
	for i, p := range suspects {
		paths[i] = "./" + p.path // a leading ":" would be read as pathspec magic
	}
	out, err := s.w.readingGit(ctx, s.index, call{
		args:  []string{"check-ignore", "-z", "--no-index", "--stdin"},
		stdin: joinNul(paths),
	})
	if err != nil && exitCode(err) != 1 { // 1: none is ignored
		return err
	}
	excused := map[string]bool{}
	for _, field := range splitNul(out.stdout) {
		excused[strings.TrimPrefix(string(field), "./")] = true
	}
	for _, p := range suspects {
		_, ofBase := s.w.snapshot[p.path]
		if ofBase || !excused[p.path] {
			s.findings.add(p.rule, task.SeverityError, p.detail, p.path)
		}
	}
	return nil
}

// admit keeps the candidates that we are willing to read.
func (s *staging) admit(all []candidate, maxBytes int64) []candidate {
	var admitted []candidate
	for _, c := range all {
		link := c.stat.mode.Type() == fs.ModeSymlink
		switch {
		case s.insideNested(c.path):
			// The nested repository itself is a finding.
		case link && path.Base(c.path) == ".gitmodules":
			s.findings.add("unsafe-symlink", task.SeverityError,
				"git refuses a .gitmodules that is a symlink.", c.path)
		case !link && maxBytes > 0 && c.stat.size > maxBytes:
			s.findings.add("file-too-large", task.SeverityError,
				fmt.Sprintf("A changed file has %d bytes, and %d are allowed; the patch leaves it as it was.", c.stat.size, maxBytes), c.path)
		case !link && !s.readable(c):
			s.findings.add("unreadable", task.SeverityError, "A changed file cannot be read.", c.path)
		default:
			admitted = append(admitted, c)
		}
	}
	return admitted
}

// insideNested says whether a new file belongs to a repository within the
// worktree. A file of the base does not, whatever has been put beside it.
func (s *staging) insideNested(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if folding.IsDotGit(part) {
			return true
		}
	}
	if _, ofBase := s.w.snapshot[name]; ofBase {
		return false
	}
	for dir := range parents(name) {
		if s.walk.nested[dir] || s.w.gitlinks[dir] {
			return true
		}
	}
	return s.w.gitlinks[name]
}

// readable gives us back the permission to read a file that a task took from
// itself. Root needs none.
func (s *staging) readable(c candidate) bool {
	if c.stat.mode.Perm()&0o400 != 0 {
		return true
	}
	if s.walk.root.Chmod(c.path, c.stat.mode.Perm()|0o400) == nil {
		return true
	}
	f, err := s.walk.root.Open(c.path)
	return err == nil && f.Close() == nil
}

// add hashes files into our object store and index, those with a filter of the
// base through that filter.
func (s *staging) add(ctx context.Context, files []candidate) error {
	filtered, plain, err := s.w.byFilter(ctx, s.index, files)
	if err != nil {
		return err
	}
	budget := maxRejected
	if err := s.addPlain(ctx, plain, &budget); err != nil {
		return err
	}
	return s.addFiltered(ctx, filtered)
}

// maxRejected is how many files are looked for one by one after git has
// refused a batch of them.
const maxRejected = 20

// addPlain lets git read files as git add does, with the conversions that are
// part of git itself. If git refuses a batch, it is split until the culprits
// are alone: one bad file must not hide the others.
func (s *staging) addPlain(ctx context.Context, files []candidate, budget *int) error {
	if len(files) == 0 {
		return nil
	}
	paths := make([]string, len(files))
	for i, c := range files {
		paths[i] = c.path
	}
	out, err := s.w.readingGit(ctx, s.index, call{
		args:  []string{"update-index", "--add", "--replace", "-z", "--stdin"},
		stdin: joinNul(paths),
	})
	complaint := out.stderr
	if err == nil && !strings.Contains(complaint, "Ignoring path") {
		return nil
	}
	if err != nil && exitCode(err) < 0 {
		return err
	}
	if len(files) == 1 || *budget <= 0 {
		for _, c := range files {
			s.findings.add("not-collected", task.SeverityError,
				"git refuses a file; the patch leaves it out: "+brief(complaint), c.path)
		}
		*budget--
		return nil
	}
	half := len(files) / 2
	return errors.Join(s.addPlain(ctx, files[:half], budget), s.addPlain(ctx, files[half:], budget))
}

package workspace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// Store holds what the tasks of a run made, as commits that the repository
// itself never sees: its objects lie in a directory of its own, and the
// repository's stand behind them. It is safe for concurrent use.
//
// No worktree, no hook, no attribute and no setting of the user's has a part in
// what it makes, so that equal input gives equal commits, in every store.
type Store struct {
	repo *Repository
	dir  string

	mu sync.Mutex
	// known are commits that have been looked at or made.
	known map[string]commitInfo
	// attributes are those of a commit's own files, all of them, one after the other.
	attributes map[string][]byte
}

// commitInfo is what we need to know of a commit, again and again.
type commitInfo struct {
	tree string
	// when is its committer's time, in seconds.
	when int64
	// base is itself for a commit of the repository. For one of ours it is the
	// commit of the repository that the first parents lead to.
	base string
}

// maxRenames bounds the files whose contents git compares to find renames in a
// merge; the work grows with its square, and a task can make any number of files.
const maxRenames = "1000"

// OpenStore makes an object store at dir, which is absolute, and absent or
// empty. Removing dir is the caller's affair, after all workspaces made from it.
func (r *Repository) OpenStore(ctx context.Context, dir string) (*Store, error) {
	if !filepath.IsAbs(dir) {
		return nil, fmt.Errorf("open store: %q is no absolute path", dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	present, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if len(present) > 0 {
		return nil, fmt.Errorf("open store: %s is not empty", dir)
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("open store: %w", context.Cause(ctx))
	}
	shallow, err := readIfPresent(filepath.Join(r.commonDir, "shallow"))
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Store{repo: r, dir: dir, known: map[string]commitInfo{}, attributes: map[string][]byte{}}
	d := gitDir{
		objectFormat: r.objectFormat,
		head:         nowhere,
		alternates:   []string{filepath.Join(r.commonDir, "objects")}, // git finds theirs itself
		shallow:      shallow,
		settings: append(tame(os.DevNull), [][3]string{
			{"core", "fsync", "none"}, // a store does not outlive its run
			{"merge", "renameLimit", maxRenames},
			{"i18n", "commitEncoding", "UTF-8"},
		}...),
	}
	if err := errors.Join(d.write(dir), os.Mkdir(s.empty(), 0o700), os.Mkdir(s.calls(), 0o700)); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return s, nil
}

func (s *Store) empty() string   { return filepath.Join(s.dir, "empty") }
func (s *Store) calls() string   { return filepath.Join(s.dir, "calls") }
func (s *Store) objects() string { return filepath.Join(s.dir, "objects") }

// run runs git on objects: the worktree is empty, the index is absent unless
// c.env names one.
func (s *Store) run(ctx context.Context, c call) (output, error) {
	c.dir = s.empty()
	env := append(tameEnv(s.dir, s.empty(), filepath.Join(s.dir, "index"), s.objects()), "GIT_ATTR_NOSYSTEM=1")
	c.env = append(env, c.env...)
	return s.repo.git.run(ctx, c)
}

// object is run for a command that prints the name of an object.
func (s *Store) object(ctx context.Context, c call) (string, error) {
	out, err := s.run(ctx, c)
	if err != nil {
		return "", err
	}
	oid := strings.TrimSuffix(string(out.stdout), "\n")
	if !isObjectID(oid) {
		return "", fmt.Errorf("run git %s: it answered %q", subcommand(c.args), out.stdout)
	}
	return oid, nil
}

// look reads a commit of the store or of the repository.
func (s *Store) look(ctx context.Context, commit string) (commitInfo, error) {
	if !isObjectID(commit) {
		return commitInfo{}, fmt.Errorf("%q is no commit", commit)
	}
	s.mu.Lock()
	info, ok := s.known[commit]
	s.mu.Unlock()
	if ok {
		return info, nil
	}
	out, err := s.run(ctx, call{args: []string{"cat-file", "commit", commit}})
	if err != nil {
		return commitInfo{}, err
	}
	info, err = parseCommit(out.stdout)
	if err != nil {
		return commitInfo{}, fmt.Errorf("read commit %s: %w", commit, err)
	}
	info.base = commit
	s.remember(commit, info)
	return info, nil
}

func (s *Store) remember(commit string, info commitInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// An equal commit may be made twice; a commit is what it was first.
	if _, ok := s.known[commit]; !ok {
		s.known[commit] = info
	}
}

// parseCommit reads a commit object: lines of header, an empty line, the message.
func parseCommit(content []byte) (info commitInfo, err error) {
	header, _, _ := bytes.Cut(content, []byte("\n\n"))
	for line := range strings.SplitSeq(string(header), "\n") {
		key, value, _ := strings.Cut(line, " ")
		switch key {
		case "tree":
			info.tree = value
		case "committer":
			// "Name <email> 1700000000 +0000". git lives with broken ones, so must we.
			words := strings.Fields(value[strings.LastIndexByte(value, '>')+1:])
			if len(words) > 0 {
				if when, err := strconv.ParseInt(words[0], 10, 64); err == nil && when > 0 && when < 1<<40 {
					info.when = when
				}
			}
		}
	}
	if !isObjectID(info.tree) {
		return info, errors.New("it has no tree")
	}
	return info, nil
}

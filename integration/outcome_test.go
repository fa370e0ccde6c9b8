//go:build integration

package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// applied applies a patch to a clone of the base and commits it there, and gives
// the clone and the paths that differ. Some files must have the content given.
func (h *host) applied(base string, r task.Result, content map[string]string) (dir string, paths []string) {
	h.t.Helper()
	dir = filepath.Join(h.t.TempDir(), "clone")
	h.git(h.repo, "clone", "-q", "--no-local", h.repo, dir)
	h.git(dir, "checkout", "-q", base)
	h.git(dir, "apply", "--check", r.PatchPath)
	h.git(dir, "apply", "--index", r.PatchPath)
	h.git(dir, "commit", "-q", "-m", "patch")
	for name, want := range content {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != want {
			h.t.Errorf("%q of %s is %q, want %q (%v)", name, r.TaskID, b, want, err)
		}
	}
	out := strings.TrimSuffix(h.git(dir, "diff", "--no-renames", "--name-only", "-z", base, "HEAD"), "\x00")
	paths = strings.Split(out, "\x00")
	slices.Sort(paths)
	return dir, paths
}

// differing are the paths in which HEAD differs from a commit in go-git's eyes,
// which share nothing with git's.
func (h *host) differing(dir, base string) (paths []string) {
	h.t.Helper()
	must := func(err error) {
		h.t.Helper()
		if err != nil {
			h.t.Fatal(err)
		}
	}
	repo, err := git.PlainOpen(dir)
	must(err)
	head, err := repo.Head()
	must(err)
	var trees [2]*object.Tree
	for i, hash := range []plumbing.Hash{plumbing.NewHash(base), head.Hash()} {
		commit, err := repo.CommitObject(hash)
		must(err)
		trees[i], err = commit.Tree()
		must(err)
	}
	changes, err := trees[0].Diff(trees[1])
	must(err)
	for _, c := range changes {
		for _, name := range []string{c.From.Name, c.To.Name} {
			if name != "" {
				paths = append(paths, name)
			}
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// sameOnDiskAndInText: the journal has the result, and a client that shows only
// text hides nothing.
func (h *host) sameOnDiskAndInText(got task.RunResult, text string) {
	h.t.Helper()
	b, err := os.ReadFile(filepath.Join(got.JournalPath, "result.json"))
	if err != nil {
		h.t.Fatal(err)
	}
	var kept task.RunResult
	if err := json.Unmarshal(b, &kept); err != nil {
		h.t.Fatal(err)
	}
	for i := range kept.Results {
		slices.Sort(kept.Results[i].FilesChanged)
	}
	if diff := cmp.Diff(kept, got); diff != "" {
		h.t.Errorf("the journal and the client were told different things (-journal +client):\n%s", diff)
	}
	facts := []string{got.RunID, got.BaseCommit, got.JournalPath}
	for _, r := range got.Results {
		facts = append(facts, r.TaskID, string(r.Status), r.Summary, r.NotesForManager, r.PatchPath, r.Logs.Stdout, r.Logs.Stderr, r.WorkspacePath, strings.TrimSpace(r.Patch))
		facts = append(append(facts, r.FilesChanged...), r.Evidence...)
		for _, c := range r.CommandsRun {
			facts = append(facts, c.Cmd)
		}
		for _, f := range r.Findings {
			facts = append(facts, f.Rule, f.Detail, f.Evidence)
		}
	}
	text = strings.ReplaceAll(text, "\n ", "\n") // what has lines of its own is indented
	for _, fact := range facts {
		if !strings.Contains(text, fact) {
			h.t.Errorf("the text does not say %q", fact)
		}
	}
}

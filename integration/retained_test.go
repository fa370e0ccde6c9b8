//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// worktrees are those that git knows of, beside the repository itself.
func (h *host) worktrees() (dirs []string) {
	h.t.Helper()
	for _, line := range strings.Split(h.git(h.repo, "worktree", "list", "--porcelain"), "\n") {
		if dir, ok := strings.CutPrefix(line, "worktree "); ok && dir != h.repo {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// usable says that git works in a kept worktree as in any, and shows what the task did.
func (h *host) usable(r task.Result, status string) {
	h.t.Helper()
	git := func(args ...string) string {
		h.t.Helper()
		return h.git(r.WorkspacePath, args...)
	}
	if got := git("status", "--porcelain"); got != status {
		h.t.Errorf("git status of %s: %q, want %q", r.TaskID, got, status)
	}
	if head, want := git("rev-parse", "HEAD"), h.git(h.repo, "rev-parse", "HEAD"); head != want {
		h.t.Errorf("%s is at %s, want %s", r.TaskID, head, want)
	}
	if got := git("diff", "--full-index"); !strings.Contains(r.Patch, got) || (got == "") == strings.Contains(status, "M ") {
		h.t.Errorf("git diff of %s is not in its patch:\n%s\n--- the patch ---\n%s", r.TaskID, got, r.Patch)
	}
}

// thrown takes a kept worktree away as a person does.
func (h *host) thrown(r task.Result) {
	h.t.Helper()
	h.git(h.repo, "worktree", "remove", "--force", "--force", r.WorkspacePath)
	run, _, found := strings.Cut(r.WorkspacePath, "/tasks/")
	if !found {
		h.t.Fatalf("the worktree was at %s", r.WorkspacePath)
	}
	if err := os.RemoveAll(run); err != nil {
		h.t.Fatal(err)
	}
}

// The first run was seen, so that the second takes its place in the journal. Its
// worktree is a person's by then: gc takes it, and not the second's.
func TestOnlyAsManyRunsStayAsMayWithTheirWorktrees(t *testing.T) {
	t.Parallel()
	h := newHost(t, works("t", "echo mine >t; echo changed >>README.md"))
	h.configure(map[string]any{"max_runs_retained": 1, "keep_worktrees": "always"})
	s := h.serve()
	one := s.start(tasks("one", job("t", nil))).result()
	if _, err := os.Stat(one.JournalPath); err != nil || one.Results[0].Status != task.Success {
		t.Fatalf("%v %+v", err, one.Results[0])
	}
	two := s.start(tasks("two", job("t", nil))).result()
	runs, err := filepath.Glob(filepath.Dir(one.JournalPath) + "/*")
	if err != nil || len(runs) != 1 || runs[0] != two.JournalPath {
		t.Errorf("the journal has %q, %v", runs, err)
	}
	var list struct{ Runs []task.RunSummary }
	s.tool("list_codex_runs", map[string]any{}).into(&list)
	if len(list.Runs) != 1 || list.Runs[0].RunID != "two" {
		t.Errorf("the list: %+v", list)
	}
	s.stop()

	// Without an engine: gc takes images and volumes of other versions, which other
	// tests have made meanwhile.
	h.env["DOCKER_HOST"] = "unix:///nonexistent/docker.sock"
	if got := h.cli("", "gc"); !strings.Contains(got.out, "work/one") || strings.Contains(got.out, "work/two") {
		t.Errorf("gc: %+v", got)
	}
	if _, err := os.Lstat(one.Results[0].WorkspacePath); !os.IsNotExist(err) {
		t.Errorf("the first run's worktree: %v", err)
	}
	if got := h.worktrees(); len(got) != 1 || got[0] != two.Results[0].WorkspacePath {
		t.Errorf("git knows of %q", got)
	}
	h.usable(two.Results[0], "M README.md\n?? t")
	h.thrown(two.Results[0])
}

func TestTheWorktreeOfAFailedTaskStaysIfAskedFor(t *testing.T) {
	t.Parallel()
	h := newHost(t, works("good", "echo good >good"), works("bad", "echo bad >bad; git config core.fsmonitor 'touch "+canary(t)+"'; unlink .git"))
	h.configure(map[string]any{"keep_worktrees": "failed"})
	got := h.serve().start(tasks("kept", job("good", nil), job("bad", map[string]any{"allowed_paths": []string{"src/**"}}))).result()
	good, bad := got.Results[0], got.Results[1]
	if good.Status != task.Success || bad.Status != task.Failed {
		t.Fatalf("%s %+v, %s %+v", good.Status, good.Failure, bad.Status, bad.Failure)
	}
	if kept := h.worktrees(); len(kept) != 1 || kept[0] != bad.WorkspacePath {
		t.Fatalf("git knows of %q", kept)
	}
	h.usable(bad, "?? bad")
	h.thrown(bad)
}

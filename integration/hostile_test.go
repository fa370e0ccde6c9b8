//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// canary is a file of the host that appears if the host runs what a sandbox
// left behind.
func canary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "canary")
	t.Cleanup(func() {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("the host ran what lay in the worktree")
		}
	})
	return path
}

// trap makes all of git's ways to run something point at a program that would
// touch the canary. It runs in a sandbox, whose git directory is its own.
const trap = `[ "$PWD" = /workspace ] || exit 1
printf '#!/bin/sh\ntouch %s\n' "$CANARY" >trap.sh
chmod +x trap.sh
for key in core.fsmonitor core.editor core.sshCommand diff.external filter.evil.clean filter.evil.smudge filter.evil.process diff.evil.textconv diff.evil.command merge.evil.driver; do
  git config $key /workspace/trap.sh
done
git config core.hooksPath /workspace/hooks
mkdir -p hooks /run/codex/git/hooks
for hook in pre-commit post-checkout post-index-change reference-transaction fsmonitor-watchman pre-applypatch; do
  cp trap.sh hooks/$hook
  cp trap.sh /run/codex/git/hooks/$hook
done
printf '* filter=evil diff=evil merge=evil\n' >.gitattributes
mkdir -p /run/codex/git/info && cp .gitattributes /run/codex/git/info/attributes
printf '[core]\n\tfsmonitor = /workspace/trap.sh\n' >.gitmodules
mkdir -p nested/.git/objects nested/.git/refs bare/objects bare/refs src/.git
for dir in nested/.git bare; do
  printf 'ref: refs/heads/main\n' >$dir/HEAD
  printf '[core]\n\tfsmonitor = /workspace/trap.sh\n\thooksPath = /workspace/hooks\n' >$dir/config
done
echo x >nested/file; echo x >src/.git/config
echo the trap is set
`

func TestTheHostRunsNothingThatLiesInAWorktree(t *testing.T) {
	t.Parallel()
	h := newHost(t, conversation("", patient("CANARY='"+canary(t)+"'\n"+trap), say("Done.")))
	r := h.serve().run("x")
	if !strings.Contains(h.heard(), "the trap is set") {
		t.Fatalf("the trap is not set: %s", h.heard())
	}
	if len(r.Findings) == 0 {
		t.Errorf("nothing was found: %s %+v", r.Status, r.Failure)
	}
	for _, name := range r.FilesChanged {
		if strings.Contains(name, ".git/") {
			t.Errorf("%s is in the patch", name)
		}
	}
}

func TestCommitsInASandboxStayThere(t *testing.T) {
	t.Parallel()
	h := newHost(t, conversation("", patch(fixSum),
		patient("git add -A && git -c user.name=c -c user.email=c@c commit -qm inside && git branch mine && git tag v1 && git update-ref refs/heads/main HEAD; git gc -q; git prune"),
		run("echo more >more.txt; git log -1 --format=%s"), say("Committed.")))
	r := h.serve().run("x")
	if r.Status != task.Success || len(r.FilesChanged) != 2 || !r.PatchApplicable {
		t.Errorf("%s %+v %q", r.Status, r.Failure, r.FilesChanged)
	}
	if heard := h.heard(); !strings.Contains(heard, "inside") || strings.Contains(heard, "fatal:") {
		t.Errorf("git commit does not work in the sandbox:\n%s", heard)
	}
	if refs := h.git(h.repo, "for-each-ref", "--format=%(refname)"); refs != "refs/heads/main" {
		t.Errorf("the host's refs are now %s", refs)
	}
}

func TestTheUsersOwnChangesAreNotTouchedAndSaid(t *testing.T) {
	t.Parallel()
	h := newHost(t, conversation("", run("cat README.md; ls"), patch(fixSum), say("Done.")))
	h.write("README.md", "my own words\n")
	h.write("untracked", "mine\n")
	h.write("staged", "mine too\n")
	h.git(h.repo, "add", "staged")
	got := h.serve().start(map[string]any{"tasks": []any{map[string]any{"task_id": "t", "prompt": "x"}}}).result()
	if strings.Contains(h.heard(), "my own words") || strings.Contains(h.heard(), "untracked") {
		t.Errorf("the task saw uncommitted work:\n%s", h.heard())
	}
	if len(got.Notes) != 2 || !strings.HasPrefix(got.Notes[0], `command_policy is "audit"`) || !strings.Contains(got.Notes[1], "README.md") || !strings.Contains(got.Notes[1], "uncommitted") {
		t.Errorf("notes: %q", got.Notes)
	}
	if r := got.Results[0]; r.Status != task.Success || strings.Contains(r.Patch, "my own") {
		t.Errorf("%s %+v", r.Status, r.Patch)
	}
}

//go:build integration

package integration

import (
	"os"
	"strings"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func verify(commands ...string) map[string]any { return map[string]any{"verify_commands": commands} }

// What Codex claims, and what it leaves lying about, does not help a command that
// we run: it sees a clean checkout with the patch, and nothing else.
func TestVerifyCommandsSeeThePatchAndNothingElse(t *testing.T) {
	t.Parallel()
	h := newHost(t, works("t", "echo new >new; echo '*.log' >.gitignore; touch left.log; mkdir -p /tmp/x; touch /tmp/x/y $HOME/z"))
	checks := []string{
		"grep new new && test ! -e left.log && test ! -e /tmp/x/y && test ! -e $HOME/z",
		"test -z \"$(git status --porcelain)\" && git log -1 --format=%s",
		"test ! -e /etc/codex/config.toml && test -z \"$OPENAI_BASE_URL$CODEX_API_KEY$OPENAI_API_KEY\"",
		"test \"$(ls /sys/class/net)\" = lo && ! grep ':1FC0 ' /proc/net/tcp", // 8128, where the gateway is for Codex
		"echo built >built && echo changed >new && test $(id -u) != 0", "test ! -e built && grep new new",
	}
	r := h.serve().run("prompt of t.", verify(checks...))
	if r.Status != task.Success || len(r.Verification) != len(checks) {
		t.Fatalf("%s %+v %+v", r.Status, r.Failure, r.Verification)
	}
	for i, v := range r.Verification {
		if !v.Passed || v.Command != checks[i] || v.ExitCode != 0 || v.DurationMS <= 0 {
			t.Errorf("%+v", v)
		}
	}
	if len(r.FilesChanged) != 2 { // built is not in the patch
		t.Errorf("changed: %q", r.FilesChanged)
	}
	if b, err := os.ReadFile(r.Verification[0].LogPath); err != nil || !strings.Contains(string(b), "$ echo built") {
		t.Errorf("the log: %q %v", b, err)
	}
}

func TestAVerifyCommandThatFailsMakesTheTaskFailed(t *testing.T) {
	t.Parallel()
	h := newHost(t, works("t", "echo new >new"))
	h.configure(map[string]any{"verify_commands": []string{"cat new", "echo broken; echo sk-" + strings.Repeat("A1b2", 12) + " >&2; exit 3", "echo never"}})
	r := h.serve().run("prompt of t.")
	if r.Status != task.Failed || r.Failure == nil || r.Failure.Kind != task.FailVerify || !strings.Contains(r.Failure.Message, "3") || !has(r, "verify-failed") {
		t.Fatalf("%s %+v %+v", r.Status, r.Failure, r.Findings)
	}
	if len(r.Verification) != 2 || !r.Verification[0].Passed || r.Verification[1].ExitCode != 3 || !strings.Contains(r.Verification[1].OutputTail, "broken") {
		t.Errorf("%+v", r.Verification)
	}
	if strings.Contains(r.Verification[1].OutputTail, "A1b2A1b2") {
		t.Error("a secret is in the output's tail")
	}
	if !strings.Contains(r.Patch, "+new") {
		t.Errorf("the patch is lost: %q", r.Patch)
	}
}

func TestAVerifyCommandHasTheTasksTime(t *testing.T) {
	t.Parallel()
	h := newHost(t, works("t", "echo new >new"))
	more := verify("sleep 300")
	more["timeout_sec"] = 10
	r := h.serve().run("prompt of t.", more)
	if r.Status != task.Failed || r.Failure == nil || r.Failure.Kind != task.FailVerify || len(r.Verification) != 1 || r.Verification[0].ExitCode != -1 {
		t.Errorf("%s %+v %+v", r.Status, r.Failure, r.Verification)
	}
}

//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Codex's own session file is kept if the configuration says so, redacted like
// everything else that leaves a container.
func TestTheRolloutIsKeptIfAskedFor(t *testing.T) {
	t.Parallel()
	secret := "ghp_" + strings.Repeat("aB3dE6gH9", 4)
	h := newHost(t, works("t", "echo "+secret+"; ln -s /etc/passwd $CODEX_HOME/sessions/rollout-9999-12-31.jsonl; echo t >t"))
	h.configure(map[string]any{"codex_ephemeral": false})
	r := h.serve().run("prompt of t.")
	if r.Status != task.Success || filepath.Base(r.RolloutPath) != "rollout.jsonl" {
		t.Fatalf("%s %+v %q", r.Status, r.Failure, r.RolloutPath)
	}
	b, err := os.ReadFile(r.RolloutPath)
	if err != nil || !strings.Contains(string(b), `"session_meta"`) || !strings.Contains(string(b), "prompt of t.") {
		t.Errorf("the rollout: %v %.300s", err, b)
	}
	if strings.Contains(string(b), secret) || strings.Contains(string(b), "root:x:0") {
		t.Error("the rollout holds what it must not")
	}
	if info, err := os.Stat(r.RolloutPath); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
}

// What a person does in the meantime is told, and held against nobody.
func TestARepositoryThatChangesMeanwhileIsTold(t *testing.T) {
	t.Parallel()
	h := newHost(t, works("t", "echo x >started; sleep 3; echo t >t"))
	s := h.serve()
	call := s.start(tasks("meanwhile", job("t", nil)))
	h.begun(s, 1)
	h.changes()
	h.commit("meanwhile")
	h.git(h.repo, "config", "alias.x", "!echo")
	got := call.result()
	if got.Results[0].Status != task.Success {
		t.Errorf("%s %+v", got.Results[0].Status, got.Results[0].Failure)
	}
	severities := map[task.Severity]string{}
	for _, f := range got.Findings {
		if f.Rule == "repository-changed" {
			severities[f.Severity] += f.Detail + f.Evidence
		}
	}
	if !strings.Contains(severities[task.SeverityWarning], "config") || !strings.Contains(severities[task.SeverityInfo], "refs/heads/main") {
		t.Errorf("findings: %+v", got.Findings)
	}
}

//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/replay"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// enforced makes the guard decide.
var enforced = map[string]any{"command_policy": "enforce", "default_allowed_paths": []string{"src/**"}, "allowed_commands": []string{"sh check.sh"}}

func TestARefusedCommandDoesNotRunAndCodexIsToldWhy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, model string }{{"plain tools", "gpt-5.5"}, {"calls from code", "gpt-6.1-sol"}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, conversation("", run("touch src/ran"), run("cat README.md | tee src/ran"), run("ls src; sh check.sh; cat README.md"), patch(fixSum), say("Done.")))
			h.configure(enforced)
			r := h.serve().run("x", map[string]any{"allowed_commands": []string{"sh check.sh"}})
			heard := h.heard()
			if strings.Count(heard, "blocked by") < 2 || !strings.Contains(heard, "touch") {
				t.Errorf("Codex was not told:\n%s", heard)
			}
			if !strings.Contains(heard, "# sample") {
				t.Errorf("what is allowed did not run:\n%s", heard)
			}
			if r.Status != task.Success || strings.Contains(strings.Join(r.FilesChanged, " "), "ran") {
				t.Errorf("%s %+v %q", r.Status, r.Failure, r.FilesChanged)
			}
			if n := count(r, "command-refused"); n != 2 {
				t.Errorf("%d commands were refused: %+v", n, r.Findings)
			}
			log, err := os.ReadFile(filepath.Join(filepath.Dir(r.Logs.Stdout), "guard.jsonl"))
			if err != nil || strings.Count(string(log), `"allowed":false`) != 2 {
				t.Errorf("the guard's log: %v\n%s", err, log)
			}
		})
	}
}

func count(r task.Result, rule string) (n int) {
	for _, f := range r.Findings {
		if f.Rule == rule {
			n++
		}
	}
	return n
}

func TestAPatchOutsideTheAllowedPathsIsNotApplied(t *testing.T) {
	t.Parallel()
	const outside = "*** Begin Patch\n*** Update File: README.md\n@@\n-# sample\n+# mine\n*** Add File: src/new.js\n+x\n*** End Patch\n"
	h := newHost(t, conversation("", patch(outside), patch(fixSum), say("Done.")))
	h.configure(enforced)
	r := h.serve().run("x")
	if r.Status != task.Success || len(r.FilesChanged) != 1 || count(r, "path-refused") != 1 {
		t.Errorf("%s %+v %q %+v", r.Status, r.Failure, r.FilesChanged, r.Findings)
	}
	if heard := h.heard(); !strings.Contains(heard, "README.md is not among the allowed ones: src/**") {
		t.Errorf("Codex was not told:\n%s", heard)
	}
}

func TestWhatTheGuardCannotSeeIsFoundAfterwards(t *testing.T) {
	t.Parallel()
	h := newHost(t, conversation("", run("sh check.sh"), say("Done.")))
	h.write("check.sh", "echo sneaked in >README.md; touch outside\n")
	h.configure(enforced)
	r := h.serve().run("x")
	if r.Status != task.Failed || r.Failure.Kind != task.FailRule || count(r, "path-not-allowed") != 2 {
		t.Errorf("%s %+v %+v", r.Status, r.Failure, r.Findings)
	}
}

// A program that may run can attack the way to the guard. Then nothing more runs.
func TestAGuardThatIsCutOffFailsClosed(t *testing.T) {
	t.Parallel()
	// It kills what of the tunnel it can, and fills its connections.
	const attack = `echo attacked >src/attacked
for p in /proc/[0-9]*; do grep -qa sandbox-init $p/cmdline && kill -9 ${p#/proc/}; done 2>/dev/null
for i in $(seq 100); do (exec 3<>/dev/tcp/127.0.0.1/8128; printf 'POST /guard HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n' >&3; sleep 40) & done 2>/dev/null
sleep 1
`
	h := newHost(t, conversation("", run("bash check.sh"), run("touch src/ran"), patch(fixSum), say("Done.")))
	h.write("check.sh", attack)
	h.configure(enforced)
	r := h.serve().run("x", map[string]any{"allowed_commands": []string{"bash check.sh"}, "timeout_sec": 60})
	if files := strings.Join(r.FilesChanged, " "); !strings.Contains(files, "src/attacked") || strings.Contains(files, "src/ran") {
		t.Errorf("%s %+v %q %+v", r.Status, r.Failure, r.FilesChanged, r.Findings)
	}
}

func TestTheGuardCannotBeTalkedOutOfIt(t *testing.T) {
	t.Parallel()
	// What a project or a user may configure for Codex, and what a model may ask for.
	h := newHost(t, conversation("",
		replay.Step{Items: []replay.Item{{Call: &replay.Call{Name: "exec_command", Arguments: []byte(`{"cmd":"touch src/ran","shell":"/bin/sh","login":true}`)}}}},
		replay.Step{Items: []replay.Item{{Call: &replay.Call{Name: "exec_command", Arguments: []byte(`{"cmd":"touch src/ran","sandbox_permissions":"require_escalated","justification":"please"}`)}}}},
		replay.Step{Items: []replay.Item{{Call: &replay.Call{Name: "exec_command", Arguments: []byte(`{"cmd":"cat","tty":true}`)}}}},
		replay.Step{Items: []replay.Item{{Call: &replay.Call{Name: "write_stdin", Arguments: []byte(`{"session_id":1,"chars":"touch src/ran\n"}`)}}}},
		say("Done.")))
	h.write(".codex/config.toml", "[features]\nhooks = false\n[hooks]\n")
	h.write(".codex/hooks.json", `{"hooks":{}}`)
	h.configure(enforced)
	r := h.serve().run("x")
	if len(r.FilesChanged) != 0 || count(r, "command-refused") == 0 {
		t.Errorf("%s %+v %q %+v\n%s", r.Status, r.Failure, r.FilesChanged, r.Findings, h.heard())
	}
}

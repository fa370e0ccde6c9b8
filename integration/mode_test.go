//go:build integration

package integration

import (
	"strings"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// A sandbox writes what its mode lets it: nothing, the worktree, or also what the
// image has. What tmpfs there is takes the rest in all of them.
func TestWhatEachSandboxModeMayWrite(t *testing.T) {
	t.Parallel()
	const try = `for file in /workspace/t /var/tmp/t /tmp/t; do echo t 2>/dev/null >$file && echo "wrote $file"; done; cat README.md; echo tried`
	for name, c := range map[string]struct {
		fields map[string]any
		writes map[string]bool
	}{
		"read-only":                  {map[string]any{"sandbox_mode": task.SandboxReadOnly}, nil},
		"workspace-write":            {map[string]any{"sandbox_mode": task.SandboxWorkspaceWrite}, map[string]bool{"/workspace/t": true}},
		"danger-full-access":         {map[string]any{"sandbox_mode": task.SandboxDangerFullAccess}, map[string]bool{"/workspace/t": true, "/var/tmp/t": true}},
		"danger without codex's own": {map[string]any{"sandbox_mode": task.SandboxDangerFullAccess, "codex_full_auto": false}, nil},
		"full auto alone":            {map[string]any{"codex_full_auto": false}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, conversation("", run(try), patch(fixSum), say("It says sample.")))
			h.configure(c.fields)
			r := h.serve().run("Look around.")
			heard := h.heard()
			for file, writes := range map[string]bool{"/workspace/t": c.writes["/workspace/t"], "/var/tmp/t": c.writes["/var/tmp/t"], "/tmp/t": true} {
				if strings.Contains(heard, "wrote "+file+"\n") != writes {
					t.Errorf("%s: writes is not %t", file, writes)
				}
			}
			changed := 0 // t, and what the patch does
			if c.writes["/workspace/t"] {
				changed = 2
			}
			if r.Status != task.Success || len(r.FilesChanged) != changed || (r.Patch != "") != (changed > 0) || r.Summary != "It says sample." {
				t.Errorf("%s %+v %q %q", r.Status, r.Failure, r.FilesChanged, r.Summary)
			}
			if !strings.Contains(heard, "# sample") || !strings.Contains(heard, "tried") || t.Failed() {
				t.Errorf("it heard:\n%s", heard)
			}
		})
	}
}

func TestWithoutInspectionOnlyWhatIsAllowedRuns(t *testing.T) {
	t.Parallel()
	for name, allowed := range map[string]bool{"with": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, conversation("", run("cat README.md"), run("sh check.sh"), patch(fixSum), say("Done.")))
			h.write("check.sh", "echo checked\n")
			h.configure(map[string]any{"command_policy": "enforce", "allow_inspection": allowed, "allowed_commands": []string{"sh check.sh"}})
			r := h.serve().run("x")
			heard, refused := h.heard(), 1
			if allowed {
				refused = 0
			}
			if strings.Contains(heard, "# sample") != allowed || strings.Count(heard, "blocked by") != refused || !strings.Contains(heard, "checked") {
				t.Errorf("it heard:\n%s", heard)
			}
			if r.Status != task.Success || count(r, "command-refused") != refused || len(r.FilesChanged) != 1 {
				t.Errorf("%s %+v %+v", r.Status, r.Failure, r.Findings)
			}
		})
	}
}

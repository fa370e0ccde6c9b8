//go:build integration

package integration

import (
	"strings"
	"testing"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func TestAMemoryHogIsKilledAndNamed(t *testing.T) {
	t.Parallel()
	h := newHost(t, conversation("", run("tail /dev/zero; echo tail ended with $?"), say("Done.")))
	h.configure(map[string]any{"resources": map[string]any{"memory": "384MiB"}})
	r := h.serve().run("Use up the memory.")
	// The kernel chooses the victim: the hog, and Codex goes on, or Codex too.
	switch {
	case r.Failure != nil && r.Failure.Kind == task.FailOutOfMemory:
	case has(r, "memory-limit") && strings.Contains(h.heard(), "tail ended with 137"):
	default:
		t.Errorf("%s, %+v, %+v\n%s", r.Status, r.Failure, r.Findings, h.heard())
	}
	if all := r.NotesForManager + strings.Join(r.Evidence, " "); !strings.Contains(strings.ToLower(all), "memory") {
		t.Errorf("neither notes nor evidence name the memory: %s", all)
	}
}

func has(r task.Result, rule string) bool {
	for _, f := range r.Findings {
		if f.Rule == rule {
			return true
		}
	}
	return false
}

func TestAForkBombStopsAtThePidsLimitAndHarmsNobody(t *testing.T) {
	t.Parallel()
	h := newHost(t,
		conversation("the bomb", run("bomb() { bomb | bomb & }; bomb; sleep 3; echo lit"), run("echo after"), say("Boom.")),
		conversation("the neighbour", run("sleep 2; echo fine"), patch(fixSum), say("Fine.")))
	h.configure(map[string]any{"resources": map[string]any{"pids": 96}})
	s := h.serve()
	got := s.start(map[string]any{"tasks": []any{
		map[string]any{"task_id": "bomb", "prompt": "This is the bomb.", "timeout_sec": 20},
		map[string]any{"task_id": "neighbour", "prompt": "This is the neighbour."},
	}}).result()
	if r := got.Results[1]; r.Status != task.Success {
		t.Errorf("the neighbour: %s %+v", r.Status, r.Failure)
	}
	if r := got.Results[0]; !strings.Contains(h.heard(), "Resource temporarily unavailable") && r.Failure == nil {
		t.Errorf("nothing shows that a limit was met: %s\n%s", r.Status, h.heard())
	}
}

func TestAFullTmpfsIsTheCommandsProblem(t *testing.T) {
	t.Parallel()
	h := newHost(t, does("head -c 64M /dev/zero >/tmp/x; head -c 64M /dev/zero >$HOME/x; head -c 64M /dev/zero >/dev/shm/x; stat -c %s /tmp/x; echo went on"))
	h.configure(map[string]any{"resources": map[string]any{"tmp": "8MiB", "home": "16MiB", "shm": "8MiB"}})
	r := h.serve().run("Fill it.")
	heard := h.heard()
	if strings.Count(heard, "No space left on device") != 3 || !strings.Contains(heard, "8388608") || !strings.Contains(heard, "went on") {
		t.Errorf("%s %+v\n%s", r.Status, r.Failure, heard)
	}
}

func TestAFloodOfOutputEndsTheTask(t *testing.T) {
	t.Parallel()
	h := newHost(t, conversation("", run("head -c 500000 /dev/urandom | base64"), run("sleep 60"), say("Done.")))
	h.configure(map[string]any{"max_output_bytes": "64KiB"})
	r := h.serve().run("Flood.")
	if r.Status != task.Failed || r.Failure.Kind != task.FailOutputLimit || r.ExitCode != -1 {
		t.Errorf("%s, %+v, exit %d", r.Status, r.Failure, r.ExitCode)
	}
}

func TestATimeoutSaysSoAndKeepsTheWorkSoFar(t *testing.T) {
	t.Parallel()
	h := newHost(t, conversation("", patch(fixSum), run("sleep 61"), run("sleep 61"), say("Never said.")))
	began := time.Now()
	r := h.serve().run("Take long.", map[string]any{"timeout_sec": 10})
	if took := time.Since(began); took < 10*time.Second {
		t.Errorf("it took %v", took)
	}
	if r.Status != task.Timeout || r.Failure.Kind != task.FailTimeout || r.ExitCode != -1 {
		t.Errorf("%s, %+v, exit %d", r.Status, r.Failure, r.ExitCode)
	}
	if !r.PatchApplicable || !strings.Contains(r.Patch, "+export const sum = (xs) => xs.reduce((a, b) => a + b, 0)") {
		t.Errorf("the patch so far: %t %s", r.PatchApplicable, r.Patch)
	}
	if len(r.CommandsRun) == 0 || r.CommandsRun[len(r.CommandsRun)-1].ExitCode != -1 {
		t.Errorf("the command that was running: %+v", r.CommandsRun)
	}
}

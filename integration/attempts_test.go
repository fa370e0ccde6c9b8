//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Each attempt writes a file of a length of its own; the shortest patch is the
// best, and all of them are kept.
func TestTheBestOfSeveralAttemptsIsTaken(t *testing.T) {
	t.Parallel()
	h := newHost(t, works("t", `head -c $(( 16 + $(od -An -N2 -tu2 /dev/urandom) % 5000 )) /dev/zero | tr '\0' x >x`))
	got := h.serve().start(tasks("best", job("t", map[string]any{"attempts": 3}))).result()
	r := got.Results[0]
	if r.Status != task.Success || len(r.Attempts) != 3 || r.Usage.ModelRequests < 6 {
		t.Fatalf("%s %+v %+v %+v", r.Status, r.Failure, r.Attempts, r.Usage)
	}
	smallest, chosen := r.Attempts[0], task.Attempt{}
	for i, a := range r.Attempts {
		if a.PatchBytes < smallest.PatchBytes {
			smallest = a
		}
		if a.Chosen {
			chosen = a
		}
		kept, err := os.ReadFile(filepath.Join(a.JournalPath, "task.patch"))
		if err != nil || len(kept) != a.PatchBytes || a.Number != i+1 || a.Status != task.Success {
			t.Errorf("attempt %+v: %d bytes, %v", a, len(kept), err)
		}
	}
	if chosen != smallest {
		t.Errorf("chosen %+v, smallest %+v", chosen, smallest)
	}
	if info, err := os.Stat(r.PatchPath); err != nil || info.Size() != int64(smallest.PatchBytes) {
		t.Errorf("the result's patch: %v %v", info, err)
	}
	if want := filepath.Join(got.JournalPath, "tasks", "t", "task.patch"); r.PatchPath != want {
		t.Errorf("it is at %s", r.PatchPath)
	}
}

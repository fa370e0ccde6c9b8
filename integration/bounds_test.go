//go:build integration

package integration

import (
	"os"
	"strings"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/replay"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// A task whose budget is used up ends, and no further call goes out; what it did
// before is in its patch. Both budgets are used up by the second call.
func TestABudgetThatIsUsedUpEndsTheTask(t *testing.T) {
	t.Parallel()
	costly := run("echo two >>file")
	costly.Usage = &replay.Usage{Input: 4000, Output: 1000}
	for name, c := range map[string]struct {
		limit   map[string]any
		message string
	}{
		"requests": {map[string]any{"request_budget": 2}, "of 2 that it may make"},
		"tokens":   {map[string]any{"token_budget": 5000}, "of its budget of 5,000"}, // the first costs 1,260
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, conversation("", run("echo one >file"), costly, run("echo three >>file"), say("Never said.")))
			h.configure(c.limit)
			r := h.serve().run("Spend.")
			h.fails(r, task.FailBudget, c.message)
			if n := len(h.model.Requests()); n != 2 {
				t.Errorf("%d calls went out", n)
			}
			if r.Status != task.Failed || r.ExitCode != -1 || !strings.Contains(r.Patch, "+one") || strings.Contains(r.Patch, "three") {
				t.Errorf("%s, exit %d, %s", r.Status, r.ExitCode, r.Patch)
			}
		})
	}
}

func TestAPatchThatIsTooLargeFailsItsTaskAlone(t *testing.T) {
	t.Parallel()
	h := newHost(t, works("large", "seq 1000 >file"), works("small", "seq 100 >file"))
	h.configure(map[string]any{"max_patch_bytes": "1KiB"})
	got := h.serve().start(tasks("patches", job("large", nil), job("small", nil))).result()
	large, small := got.Results[0], got.Results[1]
	h.fails(large, task.FailPatch, "1,024")
	if large.Status != task.Failed || !has(large, "patch-too-large") || !strings.Contains(large.Failure.Hint, "max_patch_bytes") {
		t.Errorf("%s %+v %+v", large.Status, large.Failure, large.Findings)
	}
	if b, err := os.ReadFile(large.PatchPath); err != nil || !strings.Contains(string(b), "+1000\n") {
		t.Errorf("the journal has %d bytes of it: %v", len(b), err)
	}
	if small.Status != task.Success || has(small, "patch-too-large") {
		t.Errorf("%s %+v", small.Status, small.Failure)
	}
}

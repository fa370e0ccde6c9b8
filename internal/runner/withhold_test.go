package runner_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// The login may stand in a binary patch, where no redactor sees it.
func TestAPatchWithTheLoginIsWithheld(t *testing.T) {
	for severity, want := range map[task.Severity]string{task.SeverityError: "", task.SeverityWarning: "the patch"} {
		w := newWorld()
		w.collect = func(string) (task.Changes, error) {
			c := patched("x", "the patch")
			c.Findings = []task.Finding{{Rule: "secret-in-patch", Severity: severity}}
			return c, nil
		}
		r := must(t)(w.start(t.Context(), w.plan("a"))).Results[0]
		if r.Patch != want || r.PatchPath == "" || cmp.Equal(r.Truncated, []string{"patch"}) != (want == "") {
			t.Errorf("%s: patch %q at %q, truncated %q", severity, r.Patch, r.PatchPath, r.Truncated)
		}
	}
}

// What cannot be searched to the end may hold secrets; what is larger than it may
// be is not even searched.
func TestAPatchThatCannotBeSearchedIsWithheld(t *testing.T) {
	for patch, most := range map[string]int64{unsearchable: 0, "the patch": 3} {
		w := newWorld()
		w.collect = func(string) (task.Changes, error) { return patched("x", patch), nil }
		plan := w.plan("a")
		plan.Tasks[0].MaxPatchBytes = most
		r := must(t)(w.start(t.Context(), plan)).Results[0]
		if r.Patch != "" || r.PatchPath == "" || !cmp.Equal(r.Truncated, []string{"patch"}) {
			t.Errorf("%s: patch %q at %q, truncated %q", patch, r.Patch, r.PatchPath, r.Truncated)
		}
	}
}

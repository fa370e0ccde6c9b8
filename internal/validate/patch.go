package validate

import (
	"fmt"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// The rules that make a failure one of the patch and not one of a rule.
const (
	rulePatchTooLarge     = "patch-too-large"
	rulePatchDoesNotApply = "patch-does-not-apply"
)

// changed reports whether Codex left anything.
func changed(c task.Changes) bool { return len(c.Files) > 0 || len(c.Patch) > 0 }

// applicable reports whether the patch can be taken. No change is an empty
// patch, which applies to everything.
func applicable(c task.Changes) bool { return c.Applicable || !changed(c) }

// TooLarge says that the patch is larger than the task may make one.
func TooLarge(ev task.Evidence) bool {
	return ev.Spec.MaxPatchBytes > 0 && int64(len(ev.Changes.Patch)) > ev.Spec.MaxPatchBytes
}

func patch(ev task.Evidence) []task.Finding {
	var found []task.Finding
	if TooLarge(ev) {
		found = append(found, task.Finding{
			Rule:     rulePatchTooLarge,
			Severity: task.SeverityError,
			Detail: fmt.Sprintf("The patch has %s; max_patch_bytes is %s.",
				count(int64(len(ev.Changes.Patch)), "byte"), number(ev.Spec.MaxPatchBytes)),
		})
	}
	if !applicable(ev.Changes) {
		found = append(found, task.Finding{
			Rule:     rulePatchDoesNotApply,
			Severity: task.SeverityError,
			Detail:   "The patch, applied to the base commit in a clean place, does not give what Codex left.",
			Evidence: line(ev.Changes.ApplyLog, 500),
		})
	}
	return found
}

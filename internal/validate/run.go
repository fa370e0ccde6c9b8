package validate

import (
	"fmt"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// memory tells of a process that the memory limit killed in a turn that
// completed all the same: a test run may have been cut short unnoticed.
func memory(ev task.Evidence) []task.Finding {
	if !ev.Exit.OOMKilled || !ev.Turn.Completed {
		return nil
	}
	return []task.Finding{{
		Rule:     "memory-limit",
		Severity: task.SeverityWarning,
		Detail:   fmt.Sprintf("The memory limit of %s killed a process of this task, and Codex went on.", size(ev.Spec.Limits.MemoryBytes)),
	}}
}

// unmodelled tells of a turn that no model had a part in: whatever codex_command
// runs, it is not Codex.
func unmodelled(ev task.Evidence) []task.Finding {
	if ev.Gateway.Requests > 0 || !ev.Turn.Completed {
		return nil
	}
	return []task.Finding{{
		Rule:     "model-not-called",
		Severity: task.SeverityError,
		Detail:   "The transcript has a completed turn, and the model was never called: it is not Codex that has written it.",
	}}
}

// transcript passes on what Codex itself warned of.
func transcript(turn task.Turn) []task.Finding {
	var found []task.Finding
	for _, w := range turn.Warnings {
		found = append(found, task.Finding{
			Rule:     "codex-warning",
			Severity: task.SeverityInfo,
			Detail:   sentence("Codex warned: " + line(w, 300)),
		})
	}
	return found
}

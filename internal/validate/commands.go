package validate

import (
	"fmt"
	"slices"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// commands matches every command of the transcript again, each line once. The
// guard has refused what breaks the rules before it ran, so under enforce a
// finding here means that something got past the guard: also if the rules would
// have allowed it.
func commands(ev task.Evidence, r Rules) []task.Finding {
	severity := task.SeverityError
	if ev.Spec.CommandPolicy == task.CommandAudit {
		severity = task.SeverityWarning
	}
	var found []task.Finding
	seen := map[string]bool{}
	for _, c := range ev.Turn.Commands {
		if seen[c.Cmd] {
			continue
		}
		seen[c.Cmd] = true
		script, ok := r.Script(c.Cmd)
		reason := "it is no plain call of a shell, so it cannot be checked"
		if ok {
			ok, reason = r.Command(ev.Spec, script)
		}
		if ok {
			continue
		}
		detail := fmt.Sprintf("Codex ran %s", line(display(c.Cmd, r.Script), 120))
		if reason != "" {
			detail += ": " + line(reason, 300)
		}
		found = append(found, task.Finding{
			Rule:     "command-not-allowed",
			Severity: severity,
			Detail:   sentence(detail),
			Evidence: c.Cmd,
		})
	}
	for _, cmd := range ev.Unasked {
		if !slices.ContainsFunc(found, func(f task.Finding) bool { return f.Evidence == cmd }) {
			found = append(found, task.Finding{
				Rule:     "command-unasked",
				Severity: task.SeverityError,
				Detail: fmt.Sprintf("The transcript has %s, and the guard was not asked about it: either it got past the guard, or it never ran.",
					line(display(cmd, r.Script), 120)),
				Evidence: cmd,
			})
		}
	}
	return found
}

// display is a command as a person would write it: without the shell that
// Codex wraps around it.
func display(cmd string, script func(string) (string, bool)) string {
	if s, ok := script(cmd); ok {
		return s
	}
	return cmd
}

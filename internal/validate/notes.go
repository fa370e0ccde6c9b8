package validate

import (
	"fmt"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Notes is notes_for_manager: what to do next, in plain words, only from facts.
// status and failure are what Conclude said; findings are what it was given.
func Notes(ev task.Evidence, findings []task.Finding, status task.Status, failure *task.Failure, r Rules) string {
	var notes []string
	add := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }

	if failure != nil && failure.Hint != "" {
		add("%s", failure.Hint)
	}
	switch {
	case status == task.Success && changed(ev.Changes):
		add("Review the patch (%s), then apply it.", count(int64(len(ev.Changes.Files)), "file"))
	case status == task.Success && ev.Spec.SandboxMode == task.SandboxReadOnly:
		add("Codex could only read; its answer is in summary.")
	case status == task.Success:
		add("Codex completed its turn and changed nothing; if a change was wanted, say in the prompt which files to change and how.")
	case changed(ev.Changes) && !ev.Turn.Completed:
		add("The patch holds what Codex had done when it ended (%s): take it as unfinished.", count(int64(len(ev.Changes.Files)), "file"))
	}
	if c, ok := lastFailed(ev.Turn.Commands); ok {
		add("The last command that Codex ran did not succeed: %s.", shortCommand(c, r.Script))
	}
	if n := int64(len(ev.Refused)); n > 0 && (status != task.Success || !changed(ev.Changes)) {
		add("The guard refused %s of Codex; if the task needs one of them, allow it.", count(n, "call"))
	}
	if look := of(findings, "sensitive-file"); len(look) > 0 {
		add("Read with care what acts on this machine once it is applied: %s.", list(evidence(look)))
	}
	if n := warnings(findings) - len(of(findings, "sensitive-file")); n > 0 {
		add("See also %s in findings.", count(int64(n), "warning"))
	}
	if ev.Exit.OOMKilled && ev.Turn.Completed {
		add("The memory limit killed a process, so a command may have failed for that reason alone.")
	}
	return strings.Join(notes, " ")
}

func lastFailed(all []task.Command) (task.Command, bool) {
	if len(all) == 0 || all[len(all)-1].ExitCode == 0 {
		return task.Command{}, false
	}
	return all[len(all)-1], true
}

func warnings(findings []task.Finding) int {
	n := 0
	for _, f := range findings {
		if f.Severity == task.SeverityWarning {
			n++
		}
	}
	return n
}

package validate

import (
	"fmt"
	"slices"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Conclude says how a task ended and, unless it is a success, why: the most
// specific cause that the evidence shows. findings are what Judge said, to
// which the caller may have added its own, such as a secret in the patch.
//
// The order is: what ended the task from outside; then what kept the turn from
// completing; then the patch; then the rules; then the verify commands.
func Conclude(ev task.Evidence, findings []task.Finding) (task.Status, *task.Failure) {
	if ev.Stopped.Kind != "" {
		return stopped(ev)
	}
	if !ev.Turn.Completed {
		return task.Failed, incomplete(ev)
	}
	failing := errorsIn(findings)
	if !applicable(ev.Changes) || TooLarge(ev) {
		return task.Failed, badPatch(ev)
	}
	unverified := unverified(ev)
	if unverified != nil {
		failing = slices.DeleteFunc(failing, func(f task.Finding) bool { return f.Rule == ruleVerifyFailed })
	}
	if len(failing) > 0 {
		return task.Failed, brokenRule(failing)
	}
	if unverified != nil {
		return task.Failed, unverified
	}
	return task.Success, nil
}

// stopped explains an end that came from outside.
func stopped(ev task.Evidence) (task.Status, *task.Failure) {
	s := ev.Spec
	f := &task.Failure{Kind: ev.Stopped.Kind}
	status := task.Failed
	detail := line(ev.Stopped.Detail, 300)
	switch ev.Stopped.Kind {
	case task.FailTimeout:
		status = task.Timeout
		f.Message = fmt.Sprintf("The task was not done after %s", seconds(s.Timeout))
		f.Hint = "Raise timeout_sec (at most 600), or split the task into smaller ones."
	case task.FailIdle:
		status = task.Timeout
		f.Message = fmt.Sprintf("Codex gave no sign of life for %s", seconds(s.IdleTimeout))
		f.Hint = "See in the logs what it was waiting for; if that takes so long rightly, raise idle_timeout_sec in .mcp-codex.json."
	case task.FailOutputLimit:
		f.Message = fmt.Sprintf("Codex printed more than %s", size(s.MaxOutputBytes))
		f.Hint = "Tell Codex to keep the output of its commands short, or raise max_output_bytes in .mcp-codex.json."
	case task.FailBudget:
		var known bool
		if f.Message, f.Hint, known = overBudget(ev); known {
			detail = "" // it says the same in the gateway's words
		}
	case task.FailCancelled:
		f.Message = "The task was cancelled"
		f.Hint = "Run it again if its work is still wanted."
		if ev.Exit.CreatedAt.IsZero() {
			status = task.Skipped
			f.Message += " before it started"
		}
	default:
		f.Message = "The runner itself failed"
		f.Hint = "Run the task again; if it fails in the same way, check the set-up and report this message."
	}
	if detail != "" {
		f.Message += " (" + clause(detail) + ")"
	}
	if status == task.Timeout {
		message, hint := meanwhile(ev)
		f.Message += message
		if hint != "" {
			f.Hint = hint
		}
	}
	f.Message = sentence(f.Message)
	return status, f
}

// meanwhile tells what was wrong when the clock of a task ran out: a clause for
// the message and, if that mends more than another clock would, a hint.
func meanwhile(ev task.Evidence) (message, hint string) {
	if f := model(ev.Gateway); f != nil {
		return "; " + lower(clause(f.Message)), f.Hint
	}
	if ev.Exit.OOMKilled {
		return fmt.Sprintf("; meanwhile the memory limit of %s killed a process", size(ev.Spec.Limits.MemoryBytes)), ""
	}
	return "", ""
}

// overBudget says which budget is used up; known is false if the evidence does not show it.
func overBudget(ev task.Evidence) (message, hint string, known bool) {
	s, used := ev.Spec, ev.Gateway
	tokens := used.Usage.Tokens()
	switch {
	case s.TokenBudget > 0 && tokens >= s.TokenBudget:
		return fmt.Sprintf("The task used %s of its budget of %s", count(tokens, "token"), number(s.TokenBudget)),
			"Raise token_budget in .mcp-codex.json, or make the task smaller.", true
	case s.RequestBudget > 0 && used.Requests >= s.RequestBudget:
		return fmt.Sprintf("The task made %s to the model, of %s that it may make", count(used.Requests, "call"), number(s.RequestBudget)),
			"Raise request_budget in .mcp-codex.json, or make the task smaller.", true
	}
	return "The task used up its budget of the model",
		"Raise token_budget or request_budget in .mcp-codex.json, or make the task smaller.", false
}

func badPatch(ev task.Evidence) *task.Failure {
	f := &task.Failure{Kind: task.FailPatch}
	switch {
	case TooLarge(ev):
		f.Message = fmt.Sprintf("The patch has %s, and %s are allowed.",
			count(int64(len(ev.Changes.Patch)), "byte"), number(ev.Spec.MaxPatchBytes))
		f.Hint = "See whether build output or dependencies were left in the worktree; else split the task, or raise max_patch_bytes in .mcp-codex.json."
	default:
		f.Message = "The patch does not give what Codex left when it is applied to the base commit"
		if log := line(ev.Changes.ApplyLog, 200); log != "" {
			f.Message += ": " + log
		}
		f.Message = sentence(f.Message)
		f.Hint = "Read apply_check_log and findings for what cannot be carried by a patch, and run the task again without it."
	}
	return f
}

func brokenRule(failing []task.Finding) *task.Failure {
	first := failing[0]
	f := &task.Failure{Kind: task.FailRule, Message: sentence(line(first.Detail, 400))}
	if first.Detail == "" {
		f.Message = "The rule " + first.Rule + " was broken."
	}
	if more := int64(len(failing) - 1); more > 0 {
		f.Message = fmt.Sprintf("%s; and %s.", clause(f.Message), count(more, "more error"))
	}
	f.Hint = ruleHint(first.Rule)
	return f
}

// ruleHint says how to keep to a rule.
func ruleHint(rule string) string {
	switch rule {
	case "path-not-allowed":
		return "Add the path to allowed_paths if the task needs it, or tell Codex in the prompt to leave it alone."
	case "command-not-allowed":
		return "Add the command to allowed_commands if the task needs it, or name in the prompt the commands to use."
	case "symlink-escapes":
		return "Tell Codex to use relative symlinks that stay in the repository, or none."
	case "gitlink":
		return "Tell Codex not to add submodules or repositories inside the repository."
	case "case-collision":
		return "Tell Codex to give the files names that differ in more than case."
	}
	return "Read findings for the evidence, and change the prompt or the rule before running the task again."
}

func errorsIn(findings []task.Finding) []task.Finding {
	var failing []task.Finding
	for _, f := range findings {
		if f.Severity == task.SeverityError {
			failing = append(failing, f)
		}
	}
	return failing
}

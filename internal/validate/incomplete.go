package validate

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// The exit codes with which sandbox-init says that the command never ran, as
// env(1) and shells do.
const (
	exitNotStarted    = 125
	exitNotExecutable = 126
	exitNotFound      = 127
)

// incomplete explains a turn that did not complete and that nobody ended.
func incomplete(ev task.Evidence) *task.Failure {
	if ev.Exit.OOMKilled {
		return &task.Failure{
			Kind: task.FailOutOfMemory,
			Message: fmt.Sprintf("The memory limit of %s killed a process, and Codex %s without completing its turn.",
				size(ev.Spec.Limits.MemoryBytes), ending(ev.Exit.Code)),
			Hint: "Raise the memory under resources in .mcp-codex.json, use resource_policy normal, or give Codex less to run at once.",
		}
	}
	if f := model(ev.Gateway); f != nil {
		return f
	}
	if f := neverRan(ev); f != nil {
		return f
	}
	f := &task.Failure{Kind: task.FailCodex, Message: "Codex " + ending(ev.Exit.Code) + " without completing its turn"}
	if said := line(ev.Turn.Failed, 300); said != "" {
		f.Message += ": " + said
	}
	f.Message = sentence(f.Message)
	f.Hint = "Read the end of stderr and of the transcript in logs for the reason, and run the task again."
	if refused := errorsIn(ev.Gateway.Findings); len(refused) > 0 {
		f.Message = fmt.Sprintf("%s; before that, the gateway refused a request: %s",
			clause(f.Message), sentence(line(refused[0].Detail, 300)))
		f.Hint = "Change what the finding " + refused[0].Rule + " names, in the prompt or in .mcp-codex.json, and run the task again."
	}
	return f
}

// model explains a task whose last call to the model API went wrong; nil if it
// went well or there was none.
func model(g task.GatewayReport) *task.Failure {
	status := strings.TrimSpace(fmt.Sprintf("%d %s", g.LastStatus, http.StatusText(g.LastStatus)))
	switch {
	case g.LastStatus == http.StatusUnauthorized, g.LastStatus == http.StatusForbidden:
		return &task.Failure{
			Kind:    task.FailAuth,
			Message: fmt.Sprintf("The model API refused the credentials (%s).", status),
			Hint:    "Set a valid CODEX_API_KEY for the server, or run `codex login` on this machine again.",
		}
	case g.LastStatus == http.StatusTooManyRequests:
		return &task.Failure{
			Kind:    task.FailRateLimited,
			Message: fmt.Sprintf("The model API answered call %s of this task with %s.", number(g.Requests), status),
			Hint:    "Wait and run the task again, with a lower concurrency; if the account's quota is used up, raise it.",
		}
	case g.LastStatus >= http.StatusBadRequest:
		f := &task.Failure{
			Kind:    task.FailModelAPI,
			Message: fmt.Sprintf("The model API answered call %s of this task with %s.", number(g.Requests), status),
			Hint:    "Check that the account may use the model that .mcp-codex.json names.",
		}
		if g.LastStatus >= http.StatusInternalServerError {
			f.Hint = "Run the task again later: the fault is the model API's."
		}
		return f
	case g.LastError != "":
		return &task.Failure{
			Kind:    task.FailModelUnreached,
			Message: sentence("The model API did not answer: " + line(g.LastError, 200)),
			Hint:    "Check this machine's network, its proxy settings and OPENAI_BASE_URL, and run the task again.",
		}
	}
	return nil
}

// neverRan explains a command that sandbox-init could not start. Once Codex has
// called the model or run something, these codes are Codex's own.
func neverRan(ev task.Evidence) *task.Failure {
	if ev.Gateway.Requests > 0 || len(ev.Turn.Commands) > 0 || ev.Turn.Failed != "" {
		return nil
	}
	name := ev.Spec.CodexCommand
	if name == "" {
		name = "codex"
	}
	f := &task.Failure{Kind: task.FailCodex}
	switch ev.Exit.Code {
	case exitNotStarted:
		f.Kind = task.FailInternal
		f.Message = "The sandbox was up, but Codex was not started in it (exit 125)."
		f.Hint = "Read stderr in logs for the reason, and check the set-up."
	case exitNotExecutable:
		f.Message = fmt.Sprintf("%s cannot be executed in the container (exit 126).", show(name))
		f.Hint = "Use an image for this machine's architecture, and a codex_command that is a program."
	case exitNotFound:
		f.Message = fmt.Sprintf("%s was not found in the container (exit 127).", show(name))
		f.Hint = "Check codex_command and image in .mcp-codex.json, or leave both out."
	default:
		return nil
	}
	return f
}

// ending says how a process ended, from its exit code.
func ending(code int) string {
	switch {
	case code > 128 && code < 128+65:
		return fmt.Sprintf("was ended by signal %d (exit %d)", code-128, code)
	case code == 0:
		return "ended by itself (exit 0)"
	case code < 0:
		return "ended"
	}
	return fmt.Sprintf("ended with exit %d", code)
}

func lower(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

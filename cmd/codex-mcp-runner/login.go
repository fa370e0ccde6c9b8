package main

import (
	"errors"
	"fmt"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// refuseLogin refuses a plan whose text holds the host's login: what a task is
// told goes into its sandbox, to the model, and into the journal.
func (r redactor) refuseLogin(plan task.Plan) error {
	var errs []error
	check := func(where, text string) {
		if len(r.secrets.FindKnown([]byte(text))) > 0 {
			errs = append(errs, &task.Refusal{
				Where: where, What: "It holds the login for the model API, which must not get into a sandbox.",
				Mend: "Leave the login out. Codex needs none: the gateway on this machine adds it to its calls.",
			})
		}
	}
	for i, spec := range plan.Tasks {
		where := fmt.Sprintf("tasks[%d].", i)
		if spec.OutputSchema != "" { // a review, whose prompt is made of these
			check("plan_text or repo_context", spec.Prompt)
			continue
		}
		check(where+"prompt", spec.Prompt)
		for k, command := range spec.VerifyCommands {
			check(fmt.Sprintf("%sverify_commands[%d]", where, k), command)
		}
	}
	return errors.Join(errs...)
}

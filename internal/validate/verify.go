package validate

import (
	"fmt"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// ruleVerifyFailed makes a failure one of the verification and not one of a rule.
const ruleVerifyFailed = "verify-failed"

// verification tells of each verify command that did not pass.
func verification(ev task.Evidence) []task.Finding {
	var found []task.Finding
	for _, v := range ev.Verification {
		if !v.Passed {
			found = append(found, task.Finding{
				Rule: ruleVerifyFailed, Severity: task.SeverityError,
				Detail:   sentence(fmt.Sprintf("The verify command %s %s", quoted(v.Command), ended(v))),
				Evidence: v.Command,
			})
		}
	}
	return found
}

// ended says how a verify command that did not pass came to its end.
func ended(v task.Verification) string {
	if v.ExitCode < 0 {
		return fmt.Sprintf("was stopped after %s", milliseconds(v.DurationMS))
	}
	return fmt.Sprintf("ended with exit %d after %s", v.ExitCode, milliseconds(v.DurationMS))
}

// unverified explains a verify command that failed; nil if none did.
func unverified(ev task.Evidence) *task.Failure {
	for _, v := range ev.Verification {
		if v.Passed {
			continue
		}
		f := &task.Failure{
			Kind:    task.FailVerify,
			Message: fmt.Sprintf("The verify command %s %s", quoted(v.Command), ended(v)),
			Hint:    "Its output is in verification. If it fails without the patch too, or needs the network, which it does not have, change verify_commands; else tell Codex in the prompt what to mend.",
		}
		switch {
		case v.ExitCode < 0:
			f.Message += fmt.Sprintf(": all of them together may take %s and print %s", seconds(ev.Spec.Timeout), size(ev.Spec.MaxOutputBytes))
			f.Hint = "The end of its output in verification says which limit it was. Make the command quicker or quieter, or raise timeout_sec or max_output_bytes."
		case v.ExitCode == 126, v.ExitCode == 127:
			f.Hint = "The shell found no such program, or could not run it: correct verify_commands, or set image to one that has the program."
		}
		f.Message = sentence(f.Message)
		return f
	}
	return nil
}

// verifySentences has one sentence for each verify command that ran.
func verifySentences(ev task.Evidence) []string {
	where := "on a clean checkout with the patch applied"
	if !changed(ev.Changes) {
		where = "on a clean checkout without a patch"
	}
	var said []string
	for _, v := range ev.Verification {
		command := quoted(v.Command)
		if v.Passed {
			said = append(said, fmt.Sprintf("%s passed in a fresh sandbox in %s, %s.", command, milliseconds(v.DurationMS), where))
			continue
		}
		said = append(said, fmt.Sprintf("%s %s in a fresh sandbox, %s.", command, ended(v), where))
	}
	if n := int64(len(ev.Spec.VerifyCommands) - len(ev.Verification)); n > 0 && len(ev.Verification) > 0 {
		said = append(said, fmt.Sprintf("After that %s not run.", were(n, "verify command")))
	}
	return said
}

// quoted is a command as it stands in a sentence.
func quoted(command string) string { return `"` + line(command, 120) + `"` }

func were(n int64, noun string) string {
	if n == 1 {
		return count(n, noun) + " was"
	}
	return count(n, noun) + " were"
}

func milliseconds(n int64) string { return seconds(time.Duration(n) * time.Millisecond) }

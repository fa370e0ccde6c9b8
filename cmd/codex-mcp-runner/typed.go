package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// flagOf has for fields of the tools what fills them in on a command line. Empty:
// what is said of the field needs no name in front, or nobody may have typed it.
var flagOf = map[string]string{
	"run_id": "", "task_id": "", "tasks": "", "base_ref": "", "plan_text": "",
	"resource_policy": "--resource-policy", "concurrency": "--concurrency", "repo_context": "--context",
	"branch": "--branch", "accept_unsuccessful": "--accept-unsuccessful",
	"allowed_paths": "--allow-path", "allowed_commands": "--allow-command", "verify_commands": "--verify",
	"timeout_sec": "--timeout in seconds", "attempts": "--attempts", "model": "--model", "image": "--image",
}

var field = regexp.MustCompile(`^(?:tasks\[(\d+)\]\.)?([a-z_]+)(?:\[\d+\])?$`)

// typed says where a field of a tool stands on a command line. Any other place,
// such as one in a file, is left as it is.
func typed(where string) string {
	m := field.FindStringSubmatch(where)
	if m == nil {
		return where
	}
	i, err := strconv.Atoi(m[1])
	flag, known := flagOf[m[2]]
	switch {
	case err == nil && flag == "": // such as its prompt
		return fmt.Sprintf("task %d", i+1)
	case known:
		return flag
	}
	return where
}

// flags are the fields that refusals name in what to do.
var flags = strings.NewReplacer("accept_unsuccessful", "--accept-unsuccessful", " run_id", " --run-id")

// inTerminal is a refusal for who typed a command line.
func inTerminal(r *task.Refusal) string {
	t := task.Refusal{Where: typed(r.Where), What: r.What, Mend: flags.Replace(r.Mend)}
	return t.Error()
}

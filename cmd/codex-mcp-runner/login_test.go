package main

import (
	"encoding/base64"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/redact"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// A script that builds its prompts may well put the key into one.
func TestTheLoginIsRefusedInWhatATaskIsTold(t *testing.T) {
	const key = "sk-" + "the0login1of2this3machine4567890"
	secrets, err := redact.NewSecrets(redact.Known{Name: loginName, Value: key})
	if err != nil {
		t.Fatal(err)
	}
	err = redactor{secrets}.refuseLogin(task.Plan{Tasks: []task.Spec{
		{Prompt: "Use " + key + " to call the API.", VerifyCommands: []string{"npm test", "OPENAI_API_KEY=" + key + " npm test"}},
		{Prompt: "Fix it.", VerifyCommands: []string{"npm test"}},
		{Prompt: "Review this: " + base64.StdEncoding.EncodeToString([]byte(key)), OutputSchema: "{}"},
	}})
	var where []string
	for _, r := range task.Refusals(err) {
		where = append(where, r.Where)
	}
	if diff := cmp.Diff([]string{"tasks[0].prompt", "tasks[0].verify_commands[1]", "plan_text or repo_context"}, where); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

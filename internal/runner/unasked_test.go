package runner_test

import (
	"context"
	"encoding/json"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// A transcript is compared with what the guard has allowed, command by command: a
// line that a process in the sandbox has made up, or a command for which the hook
// could not be started, must not pass for one that was checked.
func TestACommandThatTheGuardDidNotAllowIsNoticed(t *testing.T) {
	const secret = "the-login"
	for name, c := range map[string]struct {
		policy     task.CommandPolicy
		asked, ran []string
		want       []string
	}{
		"all were asked about":        {task.CommandEnforce, []string{"npm ls", "npm test"}, []string{"npm ls", "npm test"}, nil},
		"asked about and not run":     {task.CommandEnforce, []string{"npm ls", "npm test"}, []string{"npm ls"}, nil},
		"one was not":                 {task.CommandEnforce, []string{"npm ls"}, []string{"npm ls", "npm test"}, []string{"npm test"}},
		"one was once, and ran twice": {task.CommandEnforce, []string{"npm ls"}, []string{"npm ls", "npm ls"}, []string{"npm ls"}},
		"one was refused":             {task.CommandEnforce, []string{"curl x"}, []string{"curl x"}, []string{"curl x"}},
		"a secret, asked about":       {task.CommandEnforce, []string{"npm test " + secret}, []string{"npm test " + secret}, nil},
		"a mark that is no secret":    {task.CommandEnforce, []string{}, []string{"npm test [REDACTED]"}, []string{"npm test [REDACTED]"}},
		"under audit nobody is asked": {task.CommandAudit, nil, []string{"npm test"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.secret = secret
			w.run = func(ctx context.Context, _ task.Container, s task.Streams) (task.Exit, error) {
				for _, command := range c.asked {
					hook, _ := json.Marshal(map[string]any{"hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_input": map[string]string{"command": command}}) // strings
					if _, err := w.model.Guard(ctx, hook); err != nil {
						t.Error(err)
					}
				}
				out := ""
				for _, command := range c.ran {
					line, _ := json.Marshal(map[string]any{"type": "item.completed", "item": map[string]any{
						"id": "i", "type": "command_execution", "command": "/bin/bash -lc '" + command + "'", "exit_code": 0, "status": "completed",
					}}) // strings and a number
					out += string(line) + "\n"
				}
				_, err := io.WriteString(s.Stdout, out+completed)
				return task.Exit{}, err
			}
			plan := w.plan("a")
			plan.Tasks[0].CommandPolicy = c.policy
			must(t)(w.start(t.Context(), plan))
			var want []string
			for _, command := range c.want {
				want = append(want, "/bin/bash -lc '"+command+"'")
			}
			if diff := cmp.Diff(want, w.judged[0].Unasked); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

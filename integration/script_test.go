//go:build integration

package integration

import (
	"encoding/json"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/replay"
)

// The steps of a conversation.

func conversation(match string, steps ...replay.Step) replay.Conversation {
	return replay.Conversation{Match: match, Steps: steps}
}

// does is a conversation of one command, whose end is its last word.
func does(command string) replay.Conversation { return conversation("", run(command), say("Done.")) }

func run(command string) replay.Step { return replay.Step{Items: []replay.Item{{Run: &command}}} }

func patch(text string) replay.Step { return replay.Step{Items: []replay.Item{{Patch: &text}}} }

func say(text string) replay.Step { return replay.Step{Items: []replay.Item{{Say: &text}}} }

func fault(f replay.Fault) replay.Step { return replay.Step{Fault: &f} }

// patient runs a command that may take up to 30 s without Codex moving on.
func patient(command string) replay.Step {
	arguments, _ := json.Marshal(map[string]any{"cmd": command, "yield_time_ms": 30_000}) // a string and a number
	return replay.Step{Items: []replay.Item{{Call: &replay.Call{Name: "exec_command", Arguments: arguments}}}}
}

// heard is what the tools of all tasks said to the model: raw, as the model saw it.
func (h *host) heard() string {
	var b strings.Builder
	seen := map[string]bool{}
	for _, r := range h.model.Requests() {
		for _, in := range r.Input {
			key := r.Header.Get("Thread-Id") + in.CallID
			if strings.HasSuffix(in.Type, "_output") && !seen[key] {
				seen[key] = true
				b.WriteString(in.Text + "\n")
			}
		}
	}
	return b.String()
}

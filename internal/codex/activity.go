package codex

import (
	"fmt"
	"path"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// activityRunes bounds what Activity returns.
const activityRunes = 60

// Activity is what Codex is doing, in a few words: "npm test", "editing
// src/a.ts", "thinking". It is one printable line of at most 60 runes, never empty.
func (b *TurnBuilder) Activity() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.settled && len(b.order) > 0 {
		newest := b.order[len(b.order)-1]
		return b.running[newest].text
	}
	return b.idle
}

// describe says what an unfinished item is doing; false for those that do
// nothing: a plan stays open until its turn ends.
func describe(it Item) (text string, ok bool) {
	switch it.Type {
	case CommandExecution:
		text = it.Command.Line
		if script, wrapped := Script(text); wrapped {
			text = script
		}
	case FileChange:
		text = "editing files"
		if len(it.Changes) > 0 {
			text = "editing " + inWorkspace(it.Changes[0].Path)
		}
		if more := len(it.Changes) - 1; more > 0 {
			suffix := fmt.Sprintf(" and %d more", more)
			return oneLine(text, activityRunes-len(suffix)) + suffix, true
		}
	case MCPToolCall:
		text = "calling " + it.Call.Server + "." + it.Call.Tool
	case CollabToolCall:
		text = "calling " + it.Call.Tool
	case WebSearch:
		text = "searching the web"
	default:
		return "", false
	}
	if text = oneLine(text, activityRunes); text == "" {
		text = "running a command"
	}
	return text, true
}

func inWorkspace(name string) string {
	return strings.TrimPrefix(path.Clean(name), task.WorkspaceDir+"/")
}

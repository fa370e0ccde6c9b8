package codex

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// The tools whose calls a HookCall takes apart. Other names are "view_image",
// "spawn_agent", and "mcp__server__tool" for those of MCP servers.
const (
	ToolShell = "Bash"
	ToolPatch = "apply_patch"
)

// HookCall is what Codex asks before it uses a tool.
type HookCall struct {
	// Tool is ToolShell, ToolPatch, or another tool's name.
	Tool string
	// Command is the script of ToolShell, without the shell around it.
	Command string
	// Patch is the input of ToolPatch; see PatchPaths.
	Patch string
}

// DecodeHook reads what Codex writes to a PreToolUse hook's stdin. After an
// error nobody knows what is about to happen: deny it.
func DecodeHook(data []byte) (HookCall, error) {
	var wire struct {
		Event string          `json:"hook_event_name"`
		Tool  string          `json:"tool_name"`
		Input json.RawMessage `json:"tool_input"`
	}
	if err := json.Unmarshal(data, &wire); err != nil {
		return HookCall{}, fmt.Errorf("decode hook call: %w", err)
	}
	if wire.Event != "PreToolUse" {
		return HookCall{}, fmt.Errorf("decode hook call: unexpected event %q", wire.Event)
	}
	if wire.Tool == "" {
		return HookCall{}, errors.New("decode hook call: no tool_name")
	}
	call := HookCall{Tool: wire.Tool}
	if call.Tool != ToolShell && call.Tool != ToolPatch {
		return call, nil
	}
	var input struct {
		Command *string `json:"command"`
	}
	if err := json.Unmarshal(wire.Input, &input); err != nil {
		return HookCall{}, fmt.Errorf("decode hook call of %s: %w", call.Tool, err)
	}
	if input.Command == nil {
		return HookCall{}, fmt.Errorf("decode hook call of %s: no command", call.Tool)
	}
	if call.Tool == ToolShell {
		call.Command = *input.Command
	} else {
		call.Patch = *input.Command
	}
	return call, nil
}

// HookAllow is what a hook prints, with exit status 0, to let Codex go on.
// It is empty: Codex wants to be told only of objections.
func HookAllow() []byte { return nil }

// HookDeny is what a hook prints, with exit status 0, to stop a call. The model
// reads the reason.
func HookDeny(reason string) []byte {
	type decision struct {
		Event    string `json:"hookEventName"`
		Decision string `json:"permissionDecision"`
		Reason   string `json:"permissionDecisionReason"`
	}
	out, err := json.Marshal(struct {
		Output decision `json:"hookSpecificOutput"`
	}{decision{"PreToolUse", "deny", reason}})
	if err != nil { // strings always encode
		return nil
	}
	return append(out, '\n')
}

// PatchPaths are the files that a patch in Codex's apply_patch format adds,
// updates, deletes or moves to, each once, in order, as Codex would name them:
// measured with 0.169, it trims the line but not what follows the marker's one
// space, and drops tabs and carriage returns from names before it resolves them
// (so "src/\t../x" is x).
//
// It errs on the side of too many: a line of a file's own text counts too, if it
// looks like one of these behind a space.
func PatchPaths(patch string) []string {
	dropped := strings.NewReplacer("\r", "", "\t", "")
	var paths []string
	seen := map[string]bool{}
	for line := range strings.SplitSeq(patch, "\n") {
		line = strings.TrimSpace(line)
		for _, marker := range []string{"*** Add File: ", "*** Update File: ", "*** Delete File: ", "*** Move to: "} {
			name, ok := strings.CutPrefix(line, marker)
			name = dropped.Replace(name)
			if ok && !seen[name] {
				seen[name] = true
				paths = append(paths, name)
			}
		}
	}
	return paths
}

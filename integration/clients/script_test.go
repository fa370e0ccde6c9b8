//go:build integration

package clients

import (
	"encoding/json"
	"fmt"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/replay"
)

const fixSum = `*** Begin Patch
*** Update File: src/sum.js
@@
-export const sum = (xs) => xs.reduce((a, b) => a - b, 0)
+export const sum = (xs) => xs.reduce((a, b) => a + b, 0)
*** End Patch
`

// fixed is the line that fixSum adds.
const fixed = "+export const sum = (xs) => xs.reduce((a, b) => a + b, 0)"

// fixes is the model's side of a task whose prompt says match.
func fixes(match string, before ...replay.Step) replay.Conversation {
	patch, say := fixSum, "It adds now."
	return replay.Conversation{Match: match, Steps: append(before,
		replay.Step{Items: []replay.Item{{Patch: &patch}}}, replay.Step{Items: []replay.Item{{Say: &say}}})}
}

// sleeps runs one command of so many seconds.
func sleeps(seconds int) replay.Step {
	arguments, _ := json.Marshal(map[string]any{"cmd": fmt.Sprintf("sleep %d", seconds), "yield_time_ms": 30_000}) // a string and a number
	return replay.Step{Items: []replay.Item{{Call: &replay.Call{Name: "exec_command", Arguments: arguments}}}}
}

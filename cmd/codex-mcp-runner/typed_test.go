package main

import (
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func TestAPersonIsToldOfFlags(t *testing.T) {
	for where, want := range map[string]string{
		"":                              "No. Mend it.",
		"run_id":                        "No. Mend it.",
		"base_ref":                      "No. Mend it.",
		"tasks[3]":                      "No. Mend it.",
		"tasks[0].timeout_sec":          "--timeout in seconds: No. Mend it.",
		"tasks[1].allowed_paths[2]":     "--allow-path: No. Mend it.",
		"tasks[1].prompt":               "task 2: No. Mend it.",
		"accept_unsuccessful[0]":        "--accept-unsuccessful: No. Mend it.",
		"t.yaml:3:5: tasks[0].attempts": "t.yaml:3:5: tasks[0].attempts: No. Mend it.",
		".mcp-codex.json: codex_model":  ".mcp-codex.json: codex_model: No. Mend it.",
		"container_runtime":             "container_runtime: No. Mend it.",
	} {
		if got := inTerminal(&task.Refusal{Where: where, What: "No.", Mend: "Mend it."}); got != want {
			t.Errorf("%s: %q, want %q", where, got, want)
		}
	}
	mend := "Choose another run_id, or name it in accept_unsuccessful."
	if got := inTerminal(&task.Refusal{What: "No.", Mend: mend}); got != "No. Choose another --run-id, or name it in --accept-unsuccessful." {
		t.Errorf("got %q", got)
	}
}

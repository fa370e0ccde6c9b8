package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func TestExitCodes(t *testing.T) {
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	var (
		fault   = errors.New("the engine broke")
		refusal = &task.Refusal{What: "It is wrong.", Mend: "Mend it."}
		no      = sayNo("%d of %d tasks are no success", 1, 2)
		left    = fmt.Errorf("write: %w", &fs.PathError{Op: "write", Path: os.Stdout.Name(), Err: syscall.EPIPE})
	)
	for _, c := range []struct {
		name string
		ctx  context.Context
		err  error
		code int
		text string
	}{
		{"well", t.Context(), nil, exitOK, ""},
		{"a fault", t.Context(), fault, exitFault, "codex-mcp-runner: the engine broke\n"},
		{"a refusal", t.Context(), fmt.Errorf("run: %w", refusal), exitRefused, "codex-mcp-runner: It is wrong. Mend it.\n"},
		{"the same refusal twice", t.Context(), errors.Join(refusal, refusal), exitRefused, "codex-mcp-runner: It is wrong. Mend it.\n"},
		{
			"a refusal and a fault", t.Context(), errors.Join(refusal, fault), exitRefused,
			"codex-mcp-runner: It is wrong. Mend it.\ncodex-mcp-runner: the engine broke\n",
		},
		{
			"a tool's field", t.Context(), &task.Refusal{Where: "tasks[0].timeout_sec", What: "1800 is too much."}, exitRefused,
			"codex-mcp-runner: --timeout in seconds: 1800 is too much.\n",
		},
		{"two in a sentence", t.Context(), fmt.Errorf("%w, since %w", fault, fault), exitFault, "codex-mcp-runner: the engine broke, since the engine broke\n"},
		{"usage", t.Context(), usageError{fault}, exitRefused, "codex-mcp-runner: the engine broke\n"},
		{"no", t.Context(), errors.Join(nil, no), exitNo, "codex-mcp-runner: 1 of 2 tasks are no success\n"},
		{"interrupted", interrupted, no, exitSignaled, "codex-mcp-runner: 1 of 2 tasks are no success\n"},
		{"interrupted, all well", interrupted, nil, exitSignaled, ""},
		{"the reader has left", t.Context(), left, exitOK, ""},
		{"the reader has left, and no", t.Context(), errors.Join(left, no), exitNo, ""},
		{
			"Docker's socket broke", t.Context(), &fs.PathError{Op: "write", Path: "/var/run/docker.sock", Err: syscall.EPIPE}, exitFault,
			"codex-mcp-runner: write /var/run/docker.sock: broken pipe\n",
		},
	} {
		var text bytes.Buffer
		complain(&text, c.err)
		if code := exitCode(c.ctx, c.err); code != c.code || text.String() != c.text {
			t.Errorf("%s: code %d, want %d; says %q, want %q", c.name, code, c.code, &text, c.text)
		}
	}
}

//go:build integration

package integration

import (
	"encoding/json"
	"net"
	"strings"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/replay"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func TestWhatGoesWrongAtTheModelIsNamed(t *testing.T) {
	t.Parallel()
	event := func(text string) replay.Step {
		return replay.Step{Items: []replay.Item{{Event: json.RawMessage(text)}}}
	}
	for _, c := range []struct {
		name    string
		step    replay.Step
		kind    task.FailureKind
		message string // part of what the failure says
	}{
		{"401", fault(replay.Fault{Kind: replay.FaultStatus, Status: 401}), task.FailAuth, "401 Unauthorized"},
		{"403", fault(replay.Fault{Kind: replay.FaultStatus, Status: 403}), task.FailAuth, "403 Forbidden"},
		{"404", fault(replay.Fault{Kind: replay.FaultStatus, Status: 404}), task.FailModelAPI, "404 Not Found"},
		{"429", fault(replay.Fault{Kind: replay.FaultStatus, Status: 429}), task.FailRateLimited, "429 Too Many Requests"},
		{"500", fault(replay.Fault{Kind: replay.FaultStatus, Status: 500}), task.FailModelAPI, "500 Internal Server Error"},
		{"503", fault(replay.Fault{Kind: replay.FaultStatus, Status: 503}), task.FailModelAPI, "503 Service Unavailable"},
		{"a cut stream", fault(replay.Fault{Kind: replay.FaultCut}), task.FailModelUnreached, ""},
		{"a stream without an end", fault(replay.Fault{Kind: replay.FaultNoCompleted}), task.FailCodex, "response.completed"},
		{"garbage", fault(replay.Fault{Kind: replay.FaultStatus, Status: 200, Body: json.RawMessage(`"<html>\u0000\ufffd"`)}), task.FailCodex, ""},
		{"response.failed", event(`{"type":"response.failed","response":{"id":"r","error":{"code":"invalid_prompt","message":"bad prompt 4711"}}}`), task.FailCodex, "bad prompt 4711"},
		{"a hang", fault(replay.Fault{Kind: replay.FaultHang}), task.FailIdle, "10 s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, conversation("", run("echo begun >file"), c.step))
			h.configure(map[string]any{"idle_timeout_sec": 10})
			r := h.serve().run("x", map[string]any{"timeout_sec": 60})
			h.fails(r, c.kind, c.message)
			if !strings.Contains(r.Patch, "+begun") || !r.PatchApplicable {
				t.Errorf("what was done before is not in the patch: %q", r.Patch)
			}
		})
	}
}

// fails checks that a failure is told in one message and one hint.
func (h *host) fails(r task.Result, kind task.FailureKind, message string) {
	h.t.Helper()
	f := r.Failure
	switch {
	case f == nil:
		h.t.Errorf("it is %s", r.Status)
	case f.Kind != kind || !strings.Contains(f.Message, message) || f.Message == "" || f.Hint == "":
		h.t.Errorf("%s: %+v; want %s, %q", r.Status, *f, kind, message)
	case !strings.Contains(r.NotesForManager, f.Hint):
		h.t.Errorf("the notes do not say %q: %s", f.Hint, r.NotesForManager)
	}
}

func TestAModelThatIsNotThereIsNamed(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	h := newHost(t)
	h.env["OPENAI_BASE_URL"] = "http://" + address + "/v1"
	h.fails(h.serve().run("x", map[string]any{"timeout_sec": 60}), task.FailModelUnreached, "connection refused")
}

func TestAFaultThatPassesDoesNoHarm(t *testing.T) {
	t.Parallel()
	last := say("It went well in the end.")
	last.Fault = &replay.Fault{Kind: replay.FaultStatus, Status: 503, Times: 1}
	h := newHost(t, conversation("", patch(fixSum), last))
	if r := h.serve().run("x"); r.Status != task.Success || r.Summary != "It went well in the end." {
		t.Errorf("%s %+v %q", r.Status, r.Failure, r.Summary)
	}
}

func TestACodexThatIsNotThereIsNamed(t *testing.T) {
	t.Parallel()
	for command, message := range map[string]string{"no-such-codex": "127", "/etc/passwd": "126", "/bin/false": "exit 1"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, does("true"))
			h.configure(map[string]any{"codex_command": command})
			h.fails(h.serve().run("x"), task.FailCodex, message)
		})
	}
}

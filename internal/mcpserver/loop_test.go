package mcpserver_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/mcpserver"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func TestLegacyHandshake(t *testing.T) {
	for _, version := range []string{"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"} {
		w := connect(t, quick, mcpserver.Options{Version: "1.2.3"}, nil)
		w.send(initialize(version, "{}"), `{"jsonrpc":"2.0","method":"notifications/initialized"}`, request("1", "ping", "{}"), request("2", "tools/list", "{}"))
		m, _ := w.answer(`"init"`)
		var r struct {
			ProtocolVersion, Instructions string
			ServerInfo                    struct{ Name, Version string }
			Capabilities                  map[string]any
		}
		if err := json.Unmarshal(m.Result, &r); err != nil {
			t.Fatal(err)
		}
		if r.ProtocolVersion != version || r.ServerInfo.Version != "1.2.3" || r.ServerInfo.Name != "codex" || r.Instructions != mcpserver.Instructions {
			t.Errorf("%s: got %s", version, m.raw)
		}
		// Without extensions: there are none in these eras.
		if got := slices.Sorted(maps.Keys(r.Capabilities)); !slices.Equal(got, []string{"completions", "prompts", "resources", "tools"}) {
			t.Errorf("capabilities: %v", r.Capabilities)
		}
		w.close()
		var ids []string
		for _, m := range w.rest() {
			ids = append(ids, string(m.ID))
		}
		if len(ids) != 2 {
			t.Errorf("answers to %v, want 1 and 2", ids)
		}
	}
}

func TestModernEra(t *testing.T) {
	w := connect(t, quick, mcpserver.Options{}, nil)

	w.send(request(`"server-discover-probe-1"`, "server/discover", `{"_meta":{`+modernMeta+`{}}}`))
	m, _ := w.answer(`"server-discover-probe-1"`)
	var d struct {
		ResultType, Instructions string
		SupportedVersions        []string
		Capabilities             struct{ Extensions map[string]any }
	}
	if err := json.Unmarshal(m.Result, &d); err != nil || d.Capabilities.Extensions["io.modelcontextprotocol/tasks"] == nil || d.ResultType != "complete" || d.Instructions == "" || d.SupportedVersions[0] != "2026-07-28" {
		t.Errorf("discover: %s", m.raw)
	}

	// We have nothing to announce, so listen is acknowledged and then over, in this order.
	w.send(request(`"listen:0"`, "subscriptions/listen", `{"_meta":{`+modernMeta+`{}},"notifications":{"toolsListChanged":true,"resourcesListChanged":true}}`))
	m, before := w.answer(`"listen:0"`)
	if m.Error != nil || len(before) != 1 || before[0].Method != "notifications/subscriptions/acknowledged" || !strings.Contains(before[0].raw, `"listen:0"`) {
		t.Errorf("listen: %s after %v", m.raw, before)
	}

	w.send(call("7", modernMeta+`{}`))
	m, _ = w.answer("7")
	if r := m.call(t); r.ResultType != "complete" || r.IsError || r.StructuredContent.RunID != "r1" {
		t.Errorf("call: %s", m.raw)
	}

	w.send(request("8", "tools/list", `{"_meta":{"io.modelcontextprotocol/protocolVersion":"2099-01-01","io.modelcontextprotocol/clientCapabilities":{}}}`))
	if m, _ = w.answer("8"); m.Error == nil || m.Error.Code != -32022 || !strings.Contains(m.raw, "supported") {
		t.Errorf("unknown version: %s", m.raw)
	}
	w.send(request("9", "tools/list", `{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}`))
	if m, _ = w.answer("9"); m.Error == nil || m.Error.Code != -32602 {
		t.Errorf("missing capabilities: %s", m.raw)
	}
}

func TestListenIsAnsweredInOrder(t *testing.T) {
	w := connect(t, quick, mcpserver.Options{}, nil)
	for i := range 100 {
		id := fmt.Sprint(i)
		w.send(request(id, "subscriptions/listen", `{"_meta":{`+modernMeta+`{}},"notifications":{"toolsListChanged":true}}`))
		if _, before := w.answer(id); len(before) != 1 {
			t.Fatalf("round %d: %d lines before the answer, want the acknowledgement", i, len(before))
		}
	}
}

func TestBadLinesAreAnsweredAndTheLoopGoesOn(t *testing.T) {
	s := newServer(t, newEngine(quick))
	s.SetMaxLine(100_000)
	for _, tc := range []struct {
		name, line string
		code       int // 0: no answer
		id         string
	}{
		{"blank", "   \t", 0, ""},
		{"carriage return", "\r", 0, ""},
		{"garbage", "hello", -32700, "null"},
		{"half an object", `{"jsonrpc":"2.0",`, -32700, "null"},
		{"bytes", "\xff\xfe\x00", -32700, "null"},
		{"number", "17", -32600, "null"},
		{"null", "null", -32600, "null"},
		{"batch", `[{"jsonrpc":"2.0","id":1,"method":"ping"}]`, -32600, "null"},
		{"empty batch", `[]`, -32600, "null"},
		{"null id", `{"jsonrpc":"2.0","id":null,"method":"ping"}`, -32600, "null"},
		{"object id", `{"jsonrpc":"2.0","id":{},"method":"ping"}`, -32600, "null"},
		{"bool id", `{"jsonrpc":"2.0","id":true,"method":"ping"}`, -32600, "null"},
		{"no version", `{"id":5,"method":"ping"}`, -32600, "5"},
		{"wrong version", `{"jsonrpc":"1.0","id":5,"method":"ping"}`, -32600, "5"},
		{"numeric version", `{"jsonrpc":2.0,"id":5,"method":"ping"}`, -32600, "5"},
		{"numeric method", `{"jsonrpc":"2.0","id":5,"method":7}`, -32600, "5"},
		{"null method", `{"jsonrpc":"2.0","id":5,"method":null}`, -32600, "5"},
		{"nothing at all", `{"jsonrpc":"2.0"}`, -32600, "null"},
		{"id alone", `{"jsonrpc":"2.0","id":5}`, -32600, "5"},
		{"request with result", `{"jsonrpc":"2.0","id":5,"method":"ping","result":{}}`, -32600, "5"},
		{"params list", `{"jsonrpc":"2.0","id":5,"method":"tools/call","params":[]}`, -32602, "5"},
		{"params string", `{"jsonrpc":"2.0","id":5,"method":"tools/call","params":"x"}`, -32602, "5"},
		{"arguments list", request("5", "tools/call", `{"name":"run_codex_tasks","arguments":[]}`), -32602, "5"},
		{"arguments string", request("5", "tools/call", `{"name":"run_codex_tasks","arguments":"{}"}`), -32602, "5"},
		{"meta list", request("5", "tools/call", `{"name":"run_codex_tasks","_meta":[]}`), -32602, "5"},
		{"numeric tool", request("5", "tools/call", `{"name":5}`), -32600, "5"},
		{"unknown tool", request("5", "tools/call", `{"name":"nope","arguments":{}}`), -32602, "5"},
		{"unknown method", request("5", "nope", `{}`), -32601, "5"},
		{"unannounced method", request("5", "resources/subscribe", `{"uri":"codex://runs/r/report"}`), -32601, "5"},
		{"response to nothing", `{"jsonrpc":"2.0","id":"x","result":{}}`, 0, ""},
		{"error to nothing", `{"jsonrpc":"2.0","id":"x","error":{"code":1,"message":"m"}}`, 0, ""},
		{"unknown notification", `{"jsonrpc":"2.0","method":"notifications/nope"}`, 0, ""},
		{"cancel of nothing", cancelOf("99"), 0, ""},
		{"cancel without id", `{"jsonrpc":"2.0","method":"notifications/cancelled"}`, 0, ""},
		{"cancel with a list", `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":[1]}}`, 0, ""},
		{"too long", `{"jsonrpc":"2.0","id":1,"method":"` + strings.Repeat("x", 200_000) + `"}`, -32600, "null"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := serve(t, s)
			w.send(tc.line, request(`"after"`, "ping", "{}"))
			w.close()
			got := w.rest()
			var faults []message
			pinged := false
			for _, m := range got {
				if string(m.ID) == `"after"` {
					pinged = m.Error == nil
				} else {
					faults = append(faults, m)
				}
			}
			if !pinged {
				t.Errorf("the ping behind it got no answer: %v", got)
			}
			switch {
			case tc.code == 0 && len(faults) > 0:
				t.Errorf("want no answer, got %s", faults[0].raw)
			case tc.code == 0:
			case len(faults) != 1 || faults[0].Error == nil || faults[0].Error.Code != tc.code || string(faults[0].ID) != tc.id:
				t.Errorf("want one error %d with id %s, got %v", tc.code, tc.id, faults)
			}
		})
	}
}

func TestLastLineNeedsNoLineBreak(t *testing.T) {
	s := newServer(t, newEngine(quick))
	for range 50 {
		w := serve(t, s)
		if _, err := io.WriteString(w.in, request("1", "ping", "{}")); err != nil {
			t.Fatal(err)
		}
		if err := w.close(); err != nil {
			t.Fatal(err)
		}
		if got := w.rest(); len(got) != 1 || string(got[0].ID) != "1" {
			t.Fatalf("got %v", got)
		}
	}
}

func TestLinesOfMegabytes(t *testing.T) {
	big := strings.Repeat("ü", 1<<19)
	var got string
	w := connect(t, func(_ context.Context, _ string, req task.Request, _ func(task.Progress)) (task.RunResult, error) {
		got = req.Tasks[0].Prompt
		return task.RunResult{}, nil
	}, mcpserver.Options{}, nil)
	w.send(callWith("1", "", `{"tasks":[{"task_id":"a","prompt":"`+big+`"}]}`))
	m, _ := w.answer("1")
	if r := m.call(t); r.IsError || got != big {
		t.Errorf("%d bytes arrived of %d", len(got), len(big))
	}
}

func TestIDsComeBackAsTheyWere(t *testing.T) {
	s := newServer(t, newEngine(quick))
	for _, id := range []string{"0", "-1", "9007199254740993", "123456789012345678901234567890", `"1"`, `""`, `"ü\n"`} {
		w := serve(t, s)
		w.send(request(id, "ping", "{}"))
		if m := w.next(); string(m.ID) != id {
			t.Errorf("id %s came back as %s", id, m.ID)
		}
	}
}

func TestServeSaysWhyItEnded(t *testing.T) {
	why := errors.New("signal: interrupt")
	w := connect(t, quick, mcpserver.Options{}, nil)
	w.cancel(why)
	if err := <-w.served; !errors.Is(err, why) {
		t.Errorf("got %v, want %v", err, why)
	}
	w.served <- nil
	w = connect(t, quick, mcpserver.Options{}, nil)
	if err := w.close(); err != nil {
		t.Errorf("after EOF: %v", err)
	}
	w = connect(t, quick, mcpserver.Options{}, nil)
	w.in.CloseWithError(why)
	if err := <-w.served; !errors.Is(err, why) {
		t.Errorf("after a read error: %v", err)
	}
	w.served <- nil
}

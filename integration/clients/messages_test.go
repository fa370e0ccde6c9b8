//go:build integration

package clients

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// messages is a Messages API whose model does what it was told to: turn after
// turn it calls one tool, and ends when there is nothing left to call. It keeps
// what it was told of each call, which is what a model sees.
type messages struct {
	turns []turn

	mu   sync.Mutex
	told map[string]toolResult // by the call's id
	// system and tools are those of the last request that could call a tool.
	tools []offeredTool
}

// turn is one call of a tool.
type turn struct {
	tool  string
	input any
}

type offeredTool struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// toolResult is a tool_result block.
type toolResult struct {
	Type      string          `json:"type"`
	ToolUseID string          `json:"tool_use_id"`
	IsError   bool            `json:"is_error"`
	Content   json.RawMessage `json:"content"`
}

// text is what the block says; its content is a string or a list of blocks.
func (r toolResult) text() string {
	var s string
	if json.Unmarshal(r.Content, &s) == nil {
		return s
	}
	var blocks []struct{ Text string }
	_ = json.Unmarshal(r.Content, &blocks) // a third form has no text
	for _, b := range blocks {
		s += b.Text + "\n"
	}
	return s
}

func serveMessages(t testing.TB, turns ...turn) (*messages, string) {
	t.Helper()
	m := &messages{turns: turns, told: map[string]toolResult{}}
	api := httptest.NewServer(m)
	t.Cleanup(api.Close)
	return m, api.URL
}

// callID names the n-th turn's call.
func callID(n int) string { return fmt.Sprintf("toolu_%d", n) }

// result is what the model was told of the n-th turn's call.
func (m *messages) result(t testing.TB, n int) toolResult {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.told[callID(n)]
	if !ok {
		t.Fatalf("the model was told nothing of call %d, %s", n, m.turns[n].tool)
	}
	return r
}

func (m *messages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Model    string        `json:"model"`
		Stream   bool          `json:"stream"`
		Tools    []offeredTool `json:"tools"`
		Messages []struct {
			Content json.RawMessage `json:"content"`
		} `json:"messages"`
	}
	if r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&body) != nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	m.mu.Lock()
	done := 0
	for _, message := range body.Messages {
		var blocks []toolResult
		if json.Unmarshal(message.Content, &blocks) != nil {
			continue // a plain string
		}
		for _, b := range blocks {
			if b.Type == "tool_result" {
				m.told[b.ToolUseID] = b
				done++
			}
		}
	}
	if len(body.Tools) > 0 {
		m.tools = body.Tools
	}
	m.mu.Unlock()

	block, delta, reason := any(map[string]any{"type": "text", "text": ""}), any(map[string]any{"type": "text_delta", "text": "All done."}), "end_turn"
	// Requests without tools are about titles and the like.
	if len(body.Tools) > 0 && done < len(m.turns) {
		input, _ := json.Marshal(m.turns[done].input) // the test's own
		block = map[string]any{"type": "tool_use", "id": callID(done), "name": m.turns[done].tool, "input": map[string]any{}}
		delta = map[string]any{"type": "input_json_delta", "partial_json": string(input)}
		reason = "tool_use"
	}
	usage := map[string]any{"input_tokens": 1, "output_tokens": 1}
	w.Header().Set("Content-Type", "text/event-stream")
	for _, e := range []map[string]any{
		{"type": "message_start", "message": map[string]any{
			"id": fmt.Sprintf("msg_%d", done), "type": "message", "role": "assistant", "model": body.Model,
			"content": []any{}, "stop_reason": nil, "stop_sequence": nil, "usage": usage,
		}},
		{"type": "content_block_start", "index": 0, "content_block": block},
		{"type": "content_block_delta", "index": 0, "delta": delta},
		{"type": "content_block_stop", "index": 0},
		{"type": "message_delta", "delta": map[string]any{"stop_reason": reason, "stop_sequence": nil}, "usage": usage},
		{"type": "message_stop"},
	} {
		data, _ := json.Marshal(e) // maps of strings and numbers
		fmt.Fprintf(w, "event: %s\ndata: %s\n\n", e["type"], data)
	}
}

package mcpserver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/mark3labs/mcp-go/mcp"
)

// message is one line from the client, sorted but not yet understood. Exactly
// one of these holds: it is a request (method and id), a notification (method
// only), or a response (id only).
type message struct {
	id     *requestID
	method string
	params json.RawMessage
	// result is the response's result; nil if it is an error.
	result json.RawMessage
	// progressToken is the request's, verbatim; nil if there is none.
	progressToken json.RawMessage
}

// requestID is a JSON-RPC id. raw is sent back as it came, so that an integer
// beyond 2^53 survives; key tells 1 from "1".
type requestID struct {
	key string
	raw json.RawMessage
}

// fault is a line that cannot be handled, in JSON-RPC's terms.
type fault struct {
	id   *requestID // nil: null
	code int
	text string
}

func (f *fault) response() mcp.JSONRPCError {
	return errorResponse(f.id, f.code, f.text)
}

func errorResponse(id *requestID, code int, text string) mcp.JSONRPCError {
	r := mcp.JSONRPCError{JSONRPC: mcp.JSONRPC_VERSION, Error: mcp.NewJSONRPCErrorDetails(code, text, nil)}
	if id != nil {
		r.ID = mcp.NewRequestId(id.raw)
	}
	return r
}

// parseMessage sorts a line. A fault is to be answered; the loop goes on.
func parseMessage(line []byte) (message, *fault) {
	switch trimmed := bytes.TrimSpace(line); {
	case !json.Valid(trimmed):
		return message{}, &fault{code: mcp.PARSE_ERROR, text: "this line is not JSON"}
	case trimmed[0] == '[':
		return message{}, &fault{
			code: mcp.INVALID_REQUEST,
			text: "batches are not part of MCP since 2025-06-18: send one message per line",
		}
	case trimmed[0] != '{':
		return message{}, &fault{code: mcp.INVALID_REQUEST, text: "a message must be a JSON object"}
	}
	var e struct {
		JSONRPC json.RawMessage `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Method  json.RawMessage `json:"method"`
		Params  json.RawMessage `json:"params"`
		Result  json.RawMessage `json:"result"`
		Error   json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(line, &e); err != nil {
		return message{}, &fault{code: mcp.INVALID_REQUEST, text: err.Error()}
	}
	m := message{params: e.Params, result: e.Result}
	if e.ID != nil {
		id, err := parseID(e.ID)
		if err != nil {
			return message{}, &fault{code: mcp.INVALID_REQUEST, text: err.Error()}
		}
		m.id = id
	}
	bad := func(code int, text string) (message, *fault) {
		return message{}, &fault{id: m.id, code: code, text: text}
	}
	if string(e.JSONRPC) != `"2.0"` {
		return bad(mcp.INVALID_REQUEST, `jsonrpc must be "2.0"`)
	}
	if e.Method == nil {
		if m.id == nil || e.Result == nil && e.Error == nil {
			return bad(mcp.INVALID_REQUEST, "a message needs a method, or an id with a result or an error")
		}
		if e.Error != nil {
			m.result = nil
		}
		return m, nil
	}
	if err := json.Unmarshal(e.Method, &m.method); err != nil || m.method == "" {
		return bad(mcp.INVALID_REQUEST, "method must be a string")
	}
	if e.Result != nil || e.Error != nil {
		return bad(mcp.INVALID_REQUEST, "a request holds neither result nor error")
	}
	return m.checkParams(bad)
}

// checkParams refuses params that are no object, here and not in a tool,
// because only the caller's program can mend them.
func (m message) checkParams(bad func(int, string) (message, *fault)) (message, *fault) {
	if isNull(m.params) {
		return m, nil
	}
	var p struct {
		Arguments json.RawMessage `json:"arguments"`
		Meta      json.RawMessage `json:"_meta"`
	}
	if err := json.Unmarshal(m.params, &p); err != nil {
		return bad(mcp.INVALID_PARAMS, "params must be an object")
	}
	if m.method == string(mcp.MethodToolsCall) && !isNull(p.Arguments) && p.Arguments[0] != '{' {
		return bad(mcp.INVALID_PARAMS, "params.arguments must be an object")
	}
	var meta struct {
		ProgressToken json.RawMessage `json:"progressToken"`
	}
	if isNull(p.Meta) {
		return m, nil
	}
	if err := json.Unmarshal(p.Meta, &meta); err != nil {
		return bad(mcp.INVALID_PARAMS, "params._meta must be an object")
	}
	if _, err := parseID(meta.ProgressToken); err == nil {
		m.progressToken = meta.ProgressToken
	}
	return m, nil
}

// parseID reads an id or a progress token: a string or a number, never null.
func parseID(raw json.RawMessage) (*requestID, error) {
	if len(raw) == 0 {
		return nil, fmt.Errorf("id is missing")
	}
	switch c := raw[0]; {
	case c == '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, fmt.Errorf("decode id: %w", err)
		}
		return &requestID{key: "s" + s, raw: raw}, nil
	case c == '-' || '0' <= c && c <= '9':
		// 1, 1.0 and 1e0 are one number; beyond 2^53 only the digits can tell.
		key := string(raw)
		if f, err := strconv.ParseFloat(key, 64); err == nil && f == float64(int64(f)) && -1<<53 <= f && f <= 1<<53 {
			key = strconv.FormatInt(int64(f), 10)
		}
		return &requestID{key: "n" + key, raw: raw}, nil
	}
	return nil, fmt.Errorf("id must be a string or a number")
}

func isNull(raw json.RawMessage) bool {
	return len(raw) == 0 || string(raw) == "null"
}

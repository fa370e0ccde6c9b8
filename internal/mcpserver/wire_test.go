package mcpserver_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/mcpserver"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// quick answers at once.
func quick(context.Context, string, task.Request, func(task.Progress)) (task.RunResult, error) {
	return task.RunResult{RunID: "r1", Results: []task.Result{{TaskID: "a", Status: task.Success}}}, nil
}

// wire is a client that speaks raw lines.
type wire struct {
	t      testing.TB
	in     *io.PipeWriter
	out    *io.PipeReader
	lines  chan message
	served chan error
	cancel context.CancelCauseFunc
	once   sync.Once
}

// message is a line from the server.
type message struct {
	raw    string
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Data    any    `json:"data"`
	} `json:"error"`
}

func (m message) String() string { return m.raw }

type callResult struct {
	ResultType string `json:"resultType"`
	IsError    bool   `json:"isError"`
	// StructuredContent is that of the tools that tell a run; Raw is any tool's.
	StructuredContent *task.RunResult  `json:"-"`
	Raw               json.RawMessage  `json:"structuredContent"`
	Content           []map[string]any `json:"content"`
	InputRequests     map[string]any   `json:"inputRequests"`
	RequestState      string           `json:"requestState"`
}

func (m message) call(t testing.TB) callResult {
	t.Helper()
	if m.Error != nil {
		t.Fatalf("want a result, got %s", m.raw)
	}
	var r callResult
	if err := json.Unmarshal(m.Result, &r); err != nil {
		t.Fatal(err)
	}
	if r.Raw != nil {
		if err := json.Unmarshal(r.Raw, &r.StructuredContent); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func (r callResult) text() string {
	var b strings.Builder
	for _, c := range r.Content {
		s, _ := c["text"].(string)
		b.WriteString(s)
	}
	return b.String()
}

// connect serves a new client. change, if not nil, may change the server first.
func connect(t testing.TB, w work, o mcpserver.Options, change func(*mcpserver.Server)) *wire {
	t.Helper()
	return connectTo(t, newEngine(w), o, change)
}

func connectTo(t testing.TB, b mcpserver.Backend, o mcpserver.Options, change func(*mcpserver.Server)) *wire {
	t.Helper()
	if o.Getwd == nil {
		o.Getwd = func() (string, error) { return "/cwd", nil }
	}
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	s, err := mcpserver.New(b, o)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(s)
	}
	return serve(t, s)
}

// newServer makes a server for tests that connect to it many times.
func newServer(tb testing.TB, b mcpserver.Backend) *mcpserver.Server {
	tb.Helper()
	s, err := mcpserver.New(b, mcpserver.Options{Repo: "/cwd"})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// serve lets a server serve a new client.
func serve(t testing.TB, s *mcpserver.Server) *wire {
	t.Helper()
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	ctx, cancel := context.WithCancelCause(t.Context())
	w := &wire{t: t, in: inW, out: outR, lines: make(chan message, 2_000), served: make(chan error, 1), cancel: cancel}
	go func() {
		w.served <- s.Serve(ctx, inR, outW)
		outW.Close()
		inR.Close()
	}()
	go func() {
		defer close(w.lines)
		r := bufio.NewReader(outR)
		for {
			raw, err := r.ReadString('\n')
			if err != nil {
				return
			}
			m := message{raw: strings.TrimSpace(raw)}
			if err := json.Unmarshal([]byte(raw), &m); err != nil {
				t.Errorf("the server wrote %q: %v", raw, err)
			}
			w.lines <- m
		}
	}()
	t.Cleanup(func() { w.close() })
	return w
}

// send writes lines in one go.
func (w *wire) send(lines ...string) {
	w.t.Helper()
	if _, err := io.WriteString(w.in, strings.Join(lines, "\n")+"\n"); err != nil {
		w.t.Fatalf("send: %v", err)
	}
}

func (w *wire) next() message {
	w.t.Helper()
	select {
	case m, ok := <-w.lines:
		if !ok {
			w.t.Fatal("the server closed the connection")
		}
		return m
	case <-time.After(time.Minute):
		w.t.Fatal("no line from the server")
	}
	return message{}
}

// answer reads until the answer to id (as JSON); what comes before is returned too.
func (w *wire) answer(id string) (message, []message) {
	w.t.Helper()
	var before []message
	for {
		m := w.next()
		if string(m.ID) == id && m.Method == "" {
			return m, before
		}
		before = append(before, m)
	}
}

// close ends the client's side and returns what Serve returned.
func (w *wire) close() (err error) {
	w.once.Do(func() {
		w.in.Close()
		err = <-w.served
		w.cancel(nil)
	})
	return err
}

// rest is everything that was written until the end.
func (w *wire) rest() []message {
	var all []message
	for m := range w.lines {
		all = append(all, m)
	}
	return all
}

const modernMeta = `"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},"io.modelcontextprotocol/clientCapabilities":`

func request(id, method, params string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":%q,"params":%s}`, id, method, params)
}

// call is a tools/call of the era without _meta; meta is the content of _meta.
func call(id, meta string) string {
	return callWith(id, meta, `{"tasks":[{"task_id":"a","prompt":"p"}]}`)
}

func callWith(id, meta, arguments string) string {
	return request(id, "tools/call", `{"name":"run_codex_tasks","_meta":{`+meta+`},"arguments":`+arguments+`}`)
}

// callTool is a call of any tool, with a progress token that is its id.
func callTool(id, tool, arguments string) string {
	return request(id, "tools/call", `{"name":"`+tool+`","_meta":{"progressToken":`+id+`},"arguments":`+arguments+`}`)
}

func cancelOf(id string) string {
	return `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + id + `,"reason":"user-cancel"}}`
}

func initialize(version, caps string) string {
	return request(`"init"`, "initialize", `{"protocolVersion":"`+version+`","capabilities":`+caps+`,"clientInfo":{"name":"t","version":"1"}}`)
}

package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

const (
	testKey  = "sk-proj-AbCdEfGh0123456789"
	goodBody = `{"model":"m","input":[],"stream":true,"store":false}`
	sseDone  = "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"usage\":{\"input_tokens\":100,\"input_tokens_details\":{\"cached_tokens\":40},\"output_tokens\":10,\"output_tokens_details\":{\"reasoning_tokens\":4}}}}\n\n"
)

// fixed is a login that never changes.
type fixed struct{ grant Grant }

func (f fixed) Grant(context.Context, *Grant) (*Grant, error) { return &f.grant, nil }
func (f fixed) Check(context.Context) error                   { return nil }

// buffer is a bytes.Buffer for many goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// rig is a session that serves a real listener, with an upstream behind it.
type rig struct {
	t        testing.TB
	session  *Session
	addr     string
	log      *buffer // gateway.jsonl
	debug    *buffer // our own log, at debug level
	upstream *httptest.Server
	hits     func() int
	// end closes the listener and waits for Serve.
	end func()
}

// sse answers with the events and nothing else.
func sse(events ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		for _, e := range events {
			_, _ = io.WriteString(w, e)
		}
	}
}

func newRig(t testing.TB, upstream http.HandlerFunc, change func(*Options, *SessionOptions)) *rig {
	t.Helper()
	var (
		mu   sync.Mutex
		hits int
	)
	r := &rig{t: t, log: &buffer{}, debug: &buffer{}}
	r.upstream = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		mu.Lock()
		hits++
		mu.Unlock()
		upstream(w, req)
	}))
	t.Cleanup(r.upstream.Close)
	r.hits = func() int { mu.Lock(); defer mu.Unlock(); return hits }

	base, err := ParseUpstream(r.upstream.URL + "/v1")
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Upstream: base, Credentials: fixed{Grant{Secret: testKey}},
		Log: slog.New(slog.NewTextHandler(r.debug, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	so := SessionOptions{Spec: task.Spec{ID: "t1", Model: "m", Network: task.NetworkDeny}, Log: r.log}
	if change != nil {
		change(&o, &so)
	}
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	r.session = g.Session(so)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.addr = l.Addr().String()
	done := make(chan struct{})
	go func() { defer close(done); r.session.Serve(l) }()
	r.end = sync.OnceFunc(func() {
		_ = l.Close()
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Error("Serve does not return after its listener was closed")
		}
	})
	t.Cleanup(r.end)
	return r
}

// raw sends bytes as they are and returns the first answer's status and body.
func (r *rig) raw(request string) (int, string) {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		r.t.Fatal(err)
	}
	go func() { _, _ = io.WriteString(c, request) }()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, err.Error()
	}
	return resp.StatusCode, string(body)
}

// post makes a model call as Codex does.
func (r *rig) post(body string) (*http.Response, string) {
	r.t.Helper()
	return r.do(http.MethodPost, "/v1/responses", body, nil)
}

func (r *rig) do(method, path, body string, header http.Header) (*http.Response, string) {
	r.t.Helper()
	req, err := http.NewRequest(method, "http://"+r.addr+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if header != nil {
		req.Header = header
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp, string(answer)
}

func (r *rig) lines() []line {
	r.t.Helper()
	var all []line
	d := json.NewDecoder(strings.NewReader(r.log.String()))
	for {
		var l line
		if err := d.Decode(&l); err == io.EOF {
			return all
		} else if err != nil {
			r.t.Fatal(err)
		}
		all = append(all, l)
	}
}

func post(body string, headers ...string) string {
	var extra strings.Builder
	for _, h := range headers {
		extra.WriteString(h + "\r\n")
	}
	return fmt.Sprintf("POST /v1/responses HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s", extra.String(), len(body), body)
}

func mustURL(t testing.TB, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

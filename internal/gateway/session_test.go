package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func TestCallIsForwardedAndCounted(t *testing.T) {
	var path, body, host string
	var alive atomic.Int64
	r := newRig(t, func(w http.ResponseWriter, req *http.Request) {
		data, _ := io.ReadAll(req.Body)
		path, body, host = req.Method+" "+req.RequestURI, string(data), req.Host
		sse("data: {\"type\":\"response.created\"}\n\n", sseDone)(w, req)
	}, func(_ *Options, so *SessionOptions) { so.Alive = func() { alive.Add(1) } })

	resp, answer := r.post(" {\"model\" : \"m\",\n\"input\":[],\"stream\":true,\"store\":false}\n")
	r.end()
	if resp.StatusCode != 200 || answer != "data: {\"type\":\"response.created\"}\n\n"+sseDone {
		t.Errorf("got %d %q", resp.StatusCode, answer)
	}
	if path != "POST /v1/responses" || body != goodBody || host == r.addr {
		t.Errorf("upstream got %s on %s: %s", path, host, body)
	}
	if alive.Load() == 0 {
		t.Error("no sign of life")
	}
	usage := task.Usage{InputTokens: 100, CachedInputTokens: 40, OutputTokens: 10, ReasoningTokens: 4, ModelRequests: 1}
	want := task.GatewayReport{Requests: 1, LastStatus: 200, Usage: usage}
	if diff := cmp.Diff(want, r.session.Report(), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	lines := []line{{
		N: 1, Method: "POST", Path: "/v1/responses", Status: 200, Upstream: 200, BytesIn: 57, BytesOut: int64(len(answer)), End: "completed", Usage: &usage,
	}}
	if diff := cmp.Diff(lines, r.lines(), cmpopts.IgnoreFields(line{}, "Time", "FirstMS", "DurationMS")); diff != "" {
		t.Errorf("gateway.jsonl (-want +got):\n%s", diff)
	}
}

// Every event is with the sandbox before the next one is sent.
func TestStreamIsNotBuffered(t *testing.T) {
	next := make(chan struct{})
	r := newRig(t, func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 5 {
			_, _ = fmt.Fprintf(w, "data: %d\n\n", i)
			_ = http.NewResponseController(w).Flush()
			<-next
		}
	}, nil)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	defer close(next)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+r.addr+routeModel, strings.NewReader(goodBody))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	buf := make([]byte, 100)
	if held := heldBytes(&r.session.ledger); held != 0 {
		t.Errorf("%d bytes of the request are kept while the answer streams", held)
	}
	for i := range 5 {
		n, err := io.ReadAtLeast(resp.Body, buf, 9)
		if want := fmt.Sprintf("data: %d\n\n", i); string(buf[:n]) != want {
			t.Fatalf("got %q, %v, want %q", buf[:n], err, want)
		}
		next <- struct{}{}
	}
}

func heldBytes(l *ledger) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held
}

func TestUpstreamIsCancelledWhenTheSandboxHangsUp(t *testing.T) {
	begun, gone := make(chan struct{}), make(chan struct{})
	r := newRig(t, func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		_, _ = io.WriteString(w, "data: 1\n\n")
		_ = http.NewResponseController(w).Flush()
		close(begun)
		<-req.Context().Done()
		close(gone)
	}, nil)
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, post(goodBody)); err != nil {
		t.Fatal(err)
	}
	<-begun
	if _, err := io.ReadAtLeast(c, make([]byte, 1000), 17); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	select {
	case <-gone:
	case <-time.After(time.Minute):
		t.Error("upstream still works for nobody")
	}
	r.end()
	if report := r.session.Report(); report.LastError != "" || report.LastStatus != 200 {
		t.Errorf("upstream is blamed: %+v", report)
	}
}

// Closing the listener ends everything, also a call that would never end.
func TestServeEndsWithItsListener(t *testing.T) {
	begun := make(chan struct{})
	r := newRig(t, func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		close(begun)
		<-req.Context().Done()
	}, nil)
	go func() { _, _ = http.Post("http://"+r.addr+routeModel, "", strings.NewReader(goodBody)) }()
	idle, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	<-begun
	r.end() // fails the test if it takes long
	if got := len(r.lines()); got != 1 {
		t.Errorf("got %d lines after Serve, want the call's own", got)
	}
}

// A sandbox that opens all the connections that it may does not keep Serve
// from ending, and gets no more.
func TestConnectionsAreBounded(t *testing.T) {
	r := newRig(t, sse(sseDone), nil)
	for range maxConns {
		c, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, post(goodBody)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAtLeast(c, make([]byte, 12), 12); err != nil {
			t.Fatal(err) // answered, whatever the answer: it is being served
		}
	}
	if status, body := r.raw(post(goodBody)); status != 0 {
		t.Errorf("connection %d got %d %s", maxConns+1, status, body)
	}
	r.end()
}

func TestBodiesOnTheirWayAreBounded(t *testing.T) {
	var l ledger
	call := func(size int64) *outgoing { return &outgoing{data: []byte("x"), size: size, ledger: &l} }
	first, second := call(maxHeldBodies/2+1), call(maxHeldBodies/2)
	if !l.hold(first.size) || l.hold(second.size) {
		t.Fatal("more is held than may be")
	}
	first.drop()
	first.drop()
	once, twice := l.hold(second.size), l.hold(second.size)
	if !once || !twice || l.hold(1) {
		t.Error("what was let go is not free, or free twice")
	}
}

func TestNoMoreThanSoManyCallsAtOnce(t *testing.T) {
	begun, release := make(chan struct{}, maxCalls), make(chan struct{})
	r := newRig(t, func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		begun <- struct{}{}
		<-release
		sse(sseDone)(w, req)
	}, nil)
	var wg sync.WaitGroup
	for range maxCalls {
		wg.Go(func() {
			if status, body := r.raw(post(goodBody)); status != 200 {
				t.Errorf("got %d %s", status, body)
			}
		})
	}
	for range maxCalls {
		<-begun
	}
	if status, body := r.raw(post(goodBody)); status != 429 {
		t.Errorf("got %d %s, want 429", status, body)
	}
	close(release)
	wg.Wait()
	if status, _ := r.raw(post(goodBody)); status != 200 {
		t.Errorf("got %d afterwards, want 200", status)
	}
}

func TestBudgets(t *testing.T) {
	cut := "data: {\"type\":\"response.output_text.delta\"," + strings.Repeat("x", 400) + "}\n\n"
	for _, c := range []struct {
		name     string
		spec     task.Spec
		upstream http.HandlerFunc
		passes   int // calls before the one that is refused
		what     string
		used     int64
	}{
		{"requests", task.Spec{RequestBudget: 2}, sse(sseDone), 2, "model requests", 2},
		{"tokens", task.Spec{TokenBudget: 300}, sse(sseDone), 3, "tokens", 330},
		{"tokens to the point", task.Spec{TokenBudget: 110}, sse(sseDone), 1, "tokens", 110},
		{"cut streams count, too", task.Spec{TokenBudget: 200}, sse(cut), 2, "tokens", 2 * (int64(len(cut)+len(goodBody)) / 4)},
		{"errors cost no tokens", task.Spec{TokenBudget: 1, RequestBudget: 5}, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, 5, "model requests", 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stops []error
			r := newRig(t, c.upstream, func(_ *Options, so *SessionOptions) {
				so.Spec.RequestBudget, so.Spec.TokenBudget = c.spec.RequestBudget, c.spec.TokenBudget
				so.Stop = func(err error) { stops = append(stops, err) }
			})
			for i := range c.passes {
				if status, body := r.raw(post(goodBody)); status == 403 {
					t.Fatalf("call %d: %s", i, body)
				}
			}
			if len(stops) > 0 {
				t.Fatalf("stopped early: %v", stops)
			}
			for range 2 {
				if status, body := r.raw(post(goodBody)); status != 403 || !strings.Contains(body, "budget") {
					t.Errorf("got %d %s, want 403 with the reason", status, body)
				}
			}
			r.end()
			var e *Exhausted
			if len(stops) != 1 || !errors.As(stops[0], &e) {
				t.Fatalf("stopped with %v, want one *Exhausted", stops)
			}
			if e.What != c.what || e.Used != c.used {
				t.Errorf("got %v, want %d %s", e, c.used, c.what)
			}
			if r.hits() != c.passes {
				t.Errorf("upstream was called %d times, want %d", r.hits(), c.passes)
			}
		})
	}
}

func TestGuard(t *testing.T) {
	ask := func(body string) string {
		return fmt.Sprintf("POST /guard HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	r := newRig(t, sse(sseDone), func(_ *Options, so *SessionOptions) {
		so.Guard = func(_ context.Context, hook []byte) ([]byte, error) {
			if string(hook) == "break" {
				return nil, errors.New("secret of the host")
			}
			return append([]byte("re: "), hook...), nil
		}
	})
	if status, body := r.raw(ask("hook")); status != 200 || body != "re: hook" {
		t.Errorf("got %d %s", status, body)
	}
	if status, body := r.raw(ask("break")); status != 500 || strings.Contains(body, "secret") {
		t.Errorf("got %d %s, want 500 without the cause", status, body)
	}
	if status, _ := r.raw(fmt.Sprintf("POST /guard HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", maxGuardBody+1)); status != 413 {
		t.Errorf("got %d, want 413", status)
	}
	r.end()
	if report := r.session.Report(); report.Requests != 0 || report.Usage.ModelRequests != 0 || r.hits() != 0 {
		t.Errorf("a guard's question went upstream: %+v", report)
	}

	none := newRig(t, sse(sseDone), nil)
	if status, _ := none.raw(ask("hook")); status != 404 {
		t.Errorf("got %d without a guard, want 404", status)
	}
}

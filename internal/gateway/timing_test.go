package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// pipes is a listener whose connections are net.Pipes, so that a test's clock
// can run as fast as it likes.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

func (p *pipes) dial() net.Conn {
	near, far := net.Pipe()
	p.conns <- far
	return near
}

// upstreamFunc is an upstream without a network.
type upstreamFunc func(*http.Request) (*http.Response, error)

func (f upstreamFunc) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	return f(r)
}

// body is an answer's body that ends when the call does.
type body struct {
	ctx   context.Context
	first io.Reader
}

func (b body) Read(p []byte) (int, error) {
	if n, err := b.first.Read(p); err == nil {
		return n, nil
	}
	<-b.ctx.Done()
	return 0, b.ctx.Err()
}
func (body) Close() error { return nil }

func TestNobodyWaitsForever(t *testing.T) {
	silent := upstreamFunc(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	stalls := upstreamFunc(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Request: r, Body: body{r.Context(), strings.NewReader("data: 1\n\n")}}, nil
	})
	stallsInError := upstreamFunc(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 500, Header: http.Header{}, Request: r, Body: body{r.Context(), strings.NewReader("oh")}}, nil
	})
	floods := upstreamFunc(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Request: r, Body: io.NopCloser(spaces{})}, nil
	})
	for _, c := range []struct {
		name     string
		upstream upstreamFunc
		send     string
		deaf     bool // never reads the answer
		after    time.Duration
		answer   string
		last     string
	}{
		{"slow header", nil, "POST /v1/resp", false, headerWait, "", ""},
		{"nothing at all", nil, "", false, headerWait, "", ""},
		{"slow body", nil, "POST /v1/responses HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{", false, bodyWait, "HTTP/1.1 408 ", ""},
		{"slow body behind a refusal", nil, "POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{", false, bodyWait, "HTTP/1.1 403 ", ""},
		{"upstream says nothing", silent, post(goodBody), false, headerTimeout, "HTTP/1.1 502 ", "no answer from 127.0.0.1:1 within 2m0s"},
		{"upstream stalls", stalls, post(goodBody, "Connection: close"), false, stallTimeout, "HTTP/1.1 200 ", "the answer of 127.0.0.1:1 stalled for 5m0s"},
		{"upstream stalls in an error", stallsInError, post(goodBody, "Connection: close"), false, headerTimeout, "HTTP/1.1 500 ", ""},
		{"the sandbox does not read", floods, post(goodBody), true, writeWait, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, err := New(Options{Upstream: mustURL(t, "http://127.0.0.1:1/v1"), Credentials: fixed{}, Transport: c.upstream})
				if err != nil {
					t.Fatal(err)
				}
				s := g.Session(SessionOptions{Spec: task.Spec{Model: "m"}})
				l := newPipes()
				served := make(chan struct{})
				go func() { defer close(served); s.Serve(l) }()

				began := time.Now()
				conn := l.dial()
				if _, err := io.WriteString(conn, c.send); err != nil {
					t.Fatal(err)
				}
				var answer []byte
				if c.deaf {
					// The gateway hangs up; then there is nobody to write to.
					for {
						time.Sleep(time.Second)
						if _, err := conn.Write([]byte("x")); errors.Is(err, io.ErrClosedPipe) {
							break
						}
						if time.Since(began) > time.Hour {
							t.Fatal("a deaf sandbox keeps its call for ever")
						}
					}
				} else {
					answer, _ = io.ReadAll(conn)
				}
				if took := time.Since(began); took < c.after || took > c.after+10*time.Second {
					t.Errorf("ended after %s, want %s", took, c.after)
				}
				if !strings.HasPrefix(string(answer), c.answer) {
					t.Errorf("got %q, want %q", answer, c.answer)
				}
				_ = l.Close()
				<-served
				if got := s.Report().LastError; got != c.last {
					t.Errorf("got error %q, want %q", got, c.last)
				}
			})
		})
	}
}

// slow sends one event every four minutes, which is not a stall.
type slow struct {
	ctx  context.Context
	left int
}

func (s *slow) Read(p []byte) (int, error) {
	if s.left--; s.left < 0 {
		return 0, io.EOF
	}
	select {
	case <-time.After(4 * time.Minute):
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	}
	return copy(p, "data: 1\n\n"), nil
}

// A model may think for as long as the task may run: no limit is on the whole.
func TestLongAnswerIsNotCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := New(Options{Upstream: mustURL(t, "http://127.0.0.1:1/v1"), Credentials: fixed{}, Transport: upstreamFunc(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, Request: r, Body: io.NopCloser(io.MultiReader(&slow{r.Context(), 10}, strings.NewReader(sseDone)))}, nil
		})})
		if err != nil {
			t.Fatal(err)
		}
		s := g.Session(SessionOptions{Spec: task.Spec{Model: "m"}})
		l := newPipes()
		served := make(chan struct{})
		go func() { defer close(served); s.Serve(l) }()
		conn := l.dial()
		if _, err := io.WriteString(conn, post(goodBody, "Connection: close")); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn)
		if err != nil || strings.Count(string(answer), "data: 1") != 10 || !strings.Contains(string(answer), "response.completed") {
			t.Errorf("got %q, %v", answer, err)
		}
		_ = l.Close()
		<-served
		if u := s.Report().Usage; u.InputTokens != 100 {
			t.Errorf("got usage %+v", u)
		}
	})
}

// A guard may take its time, too, also over an empty question.
func TestLongGuardIsNotCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := New(Options{Credentials: fixed{}})
		if err != nil {
			t.Fatal(err)
		}
		s := g.Session(SessionOptions{Guard: func(ctx context.Context, _ []byte) ([]byte, error) {
			select {
			case <-time.After(3 * time.Minute):
				return []byte("yes"), nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}})
		l := newPipes()
		served := make(chan struct{})
		go func() { defer close(served); s.Serve(l) }()
		conn := l.dial()
		if _, err := io.WriteString(conn, "POST /guard HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if answer, err := io.ReadAll(conn); err != nil || !strings.HasSuffix(string(answer), "\r\n\r\nyes") {
			t.Errorf("got %q, %v", answer, err)
		}
		_ = l.Close()
		<-served
	})
}

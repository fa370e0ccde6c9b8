package tunnel_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/tunnel"
)

// rig is a tunnel over a pipe: dial reaches host's Accept.
type rig struct {
	host net.Listener
	dial func() net.Conn
	stop func() error // ends Forward and gives what it returned
}

func newRig(t testing.TB) *rig {
	t.Helper()
	near, far := net.Pipe()
	host, err := tunnel.Listen(far, nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- tunnel.Forward(ctx, near, l) }()
	stop := sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		_ = host.Close()
		_ = stop()
	})
	return &rig{host: host, stop: stop, dial: func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}}
}

// checkGoroutines fails if more goroutines are left than there were.
func checkGoroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for range 200 {
			if runtime.NumGoroutine() <= before {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		buf := make([]byte, 1<<20)
		t.Errorf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
	})
}

func TestServesHTTP(t *testing.T) {
	checkGoroutines(t)
	r := newRig(t)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		fmt.Fprintf(w, "%s %d", req.URL.Path, len(body))
	})}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(r.host) }()

	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return r.dial(), nil }}
	client := &http.Client{Transport: transport}
	body := strings.Repeat("x", 3<<20) // many times a stream's window
	var calls sync.WaitGroup
	for i := range 20 {
		calls.Go(func() {
			resp, err := client.Post(fmt.Sprintf("http://gateway/%d", i), "text/plain", strings.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			got, err := io.ReadAll(resp.Body)
			if want := fmt.Sprintf("/%d %d", i, len(body)); err != nil || string(got) != want {
				t.Errorf("got %q, %v, want %q", got, err, want)
			}
		})
	}
	calls.Wait()
	transport.CloseIdleConnections()
	if err := srv.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}

func TestHalfCloseIsCarriedOver(t *testing.T) {
	checkGoroutines(t)
	for _, first := range []string{"client", "server"} {
		t.Run(first+" closes first", func(t *testing.T) {
			r := newRig(t)
			client := r.dial()
			server, err := r.host.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			a, b := client, server
			if first == "server" {
				a, b = server, client
			}
			say(t, a, "one")
			closeWrite(t, a)
			if got := hear(t, b); got != "one" {
				t.Errorf("got %q before the end, want %q", got, "one")
			}
			say(t, b, "two")
			closeWrite(t, b)
			if got := hear(t, a); got != "two" {
				t.Errorf("got %q after the half-close, want %q", got, "two")
			}
		})
	}
}

// A server may answer and close before it has read the request. The slot must
// come back although the client's data has no reader any more.
func TestSlotsComeBackWhenServerDoesNotRead(t *testing.T) {
	r := newRig(t)
	go func() {
		for {
			c, err := r.host.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	for range tunnel.MaxConns + 10 {
		c := r.dial()
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		_, _ = c.Write(make([]byte, 1<<20))
		_, _ = io.Copy(io.Discard, c)
		_ = c.Close()
	}
}

func TestNoMoreThanMaxConns(t *testing.T) {
	checkGoroutines(t)
	r := newRig(t)
	for range tunnel.MaxConns + 20 {
		say(t, r.dial(), "x")
	}
	accepted := make(chan net.Conn, 2*tunnel.MaxConns)
	go func() {
		defer close(accepted)
		for {
			c, err := r.host.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	first := <-accepted
	for range tunnel.MaxConns - 1 {
		<-accepted
	}
	select {
	case <-accepted:
		t.Fatalf("more than %d connections at once", tunnel.MaxConns)
	case <-time.After(100 * time.Millisecond):
	}
	// One that ends at both ends makes room for the next.
	_ = first.Close()
	select {
	case <-accepted:
	case <-time.After(time.Minute):
		t.Fatal("no connection took the place of the closed one")
	}
	_ = r.host.Close()
	for range accepted {
	}
}

func TestCancelEndsForward(t *testing.T) {
	checkGoroutines(t)
	r := newRig(t)
	c := r.dial()
	say(t, c, "x")
	server, err := r.host.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("Forward returned %v, want the context's cause", err)
	}
	if _, err := io.Copy(io.Discard, server); err != nil {
		t.Logf("server side ended with %v", err)
	}
	if _, err := r.host.Accept(); err == nil {
		t.Error("Accept gave a connection after the near end was gone")
	}
}

func TestHostCloseEndsForward(t *testing.T) {
	checkGoroutines(t)
	near, far := net.Pipe()
	host, err := tunnel.Listen(far, nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- tunnel.Forward(t.Context(), near, l) }()
	_ = host.Close()
	_ = host.Close()
	if err := <-ended; err != nil {
		t.Errorf("Forward returned %v, want nil", err)
	}
	if _, err := host.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept returned %v, want net.ErrClosed", err)
	}
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("the local listener still answers")
	}
}

func TestCloseWakesReader(t *testing.T) {
	r := newRig(t)
	say(t, r.dial(), "x")
	server, err := r.host.Accept()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(io.Discard, server)
	}()
	_ = server.Close()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("a blocked Read outlived Close")
	}
}

func say(t testing.TB, c net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatal(err)
	}
}

func hear(t testing.TB, c net.Conn) string {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func closeWrite(t testing.TB, c net.Conn) {
	t.Helper()
	if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
}

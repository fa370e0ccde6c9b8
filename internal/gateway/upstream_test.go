package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func TestParseUpstream(t *testing.T) {
	for raw, want := range map[string]string{
		"https://api.openai.com/v1":       "https://api.openai.com/v1",
		" https://api.openai.com/v1/\n":   "https://api.openai.com/v1",
		"https://api.openai.com":          "https://api.openai.com",
		"http://127.0.0.1:1234/v1":        "http://127.0.0.1:1234/v1",
		"http://[::1]:1234/v1":            "http://[::1]:1234/v1",
		"http://[::ffff:127.0.0.1]/v1":    "http://[::ffff:127.0.0.1]/v1",
		"http://localhost:1234/v1":        "http://localhost:1234/v1",
		"https://proxy.example:8443/a/v1": "https://proxy.example:8443/a/v1",

		"http://api.openai.com/v1":         "",
		"http://192.168.1.1/v1":            "",
		"http://10.0.0.1/v1":               "",
		"http://0.0.0.0/v1":                "",
		"http://127.0.0.1.evil.example/v1": "",
		"http://[::]/v1":                   "",
		"ftp://127.0.0.1/v1":               "",
		"unix:///run/x.sock":               "",
		"api.openai.com/v1":                "",
		"//api.openai.com/v1":              "",
		"https://":                         "",
		"https:///v1":                      "",
		"https://user:secret@host/v1":      "",
		"https://host/v1?key=secret":       "",
		"https://host/v1#secret":           "",
		"https://host:secret/v1":           "",
		"https://ho st/v1":                 "",
		"\x7f://secret":                    "",
		"sk-secret":                        "",
	} {
		u, err := ParseUpstream(raw)
		if want != "" {
			if err != nil || u.String() != want {
				t.Errorf("%q: got %v, %v, want %s", raw, u, err, want)
			}
			continue
		}
		var r *task.Refusal
		if !errors.As(err, &r) || r.Mend == "" || r.Where != "OPENAI_BASE_URL" {
			t.Errorf("%q: got %v, %v, want a refusal with a mend", raw, u, err)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the refusal shows the secret: %v", raw, err)
		}
	}
	if u, err := ParseUpstream(""); u != nil || err != nil {
		t.Errorf("empty: got %v, %v, want the default", u, err)
	}
}

func TestNewHoldsItsUpstreamToTheRules(t *testing.T) {
	var r *task.Refusal
	if _, err := New(Options{Credentials: fixed{}, Upstream: mustURL(t, "http://192.0.2.1/v1")}); !errors.As(err, &r) {
		t.Errorf("got %v, want a refusal", err)
	}
	if _, err := New(Options{}); err == nil {
		t.Error("a gateway without credentials was made")
	}
}

func TestDefaultUpstreamGoesByTheLogin(t *testing.T) {
	for want, grant := range map[string]Grant{
		"https://api.openai.com/v1/responses":             {Secret: "k"},
		"https://chatgpt.com/backend-api/codex/responses": {Secret: "k", ChatGPT: true},
	} {
		var got string
		r := newRig(t, nil, func(o *Options, _ *SessionOptions) {
			o.Upstream, o.Credentials = nil, fixed{grant}
			o.Transport = upstreamFunc(func(r *http.Request) (*http.Response, error) {
				got = r.URL.String()
				return &http.Response{StatusCode: 200, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader(sseDone))}, nil
			})
		})
		if status, _ := r.raw(post(goodBody)); status != 200 || got != want {
			t.Errorf("got %d from %s, want %s", status, got, want)
		}
	}
}

// A name may point to loopback when it is checked and elsewhere when it is
// dialled. The transport for plain http looks at what it dials.
func TestPlainHTTPNeverLeavesTheHost(t *testing.T) {
	transport := newTransport(mustURL(t, "http://localhost/v1"))
	defer transport.CloseIdleConnections()
	for _, addr := range []string{"192.0.2.1:80", "[2001:db8::1]:80", "0.0.0.0:80", "169.254.169.254:80"} {
		c, err := transport.DialContext(context.Background(), "tcp", addr)
		if c != nil {
			_ = c.Close()
		}
		if !errors.Is(err, errNotLoopback) {
			t.Errorf("%s: got %v, want %v", addr, err, errNotLoopback)
		}
	}
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	c, err := transport.DialContext(context.Background(), "tcp", strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if transport.Proxy != nil {
		t.Error("plain http would go through a proxy")
	}
	if newTransport(nil).Proxy == nil || newTransport(mustURL(t, "https://host/v1")).Proxy == nil {
		t.Error("https would not go through the host's proxy")
	}
}

func TestPlainWordsQuoteNothing(t *testing.T) {
	u := mustURL(t, "https://api.example/v1")
	for want, err := range map[string]error{
		"no address found for api.example":                                      &net.DNSError{Err: "no such host", Name: "api.example"},
		"connection to api.example broke":                                       fmt.Errorf("secret: %w", io.ErrUnexpectedEOF),
		"timeout with api.example":                                              fmt.Errorf("secret: %w", context.DeadlineExceeded),
		"the sandbox went away":                                                 fmt.Errorf("secret: %w", context.Canceled),
		"api.example is not on this host, and plain http is for this host only": fmt.Errorf("secret: %w", errNotLoopback),
	} {
		if got := plainWords(err, u); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	base := mustURL(t, server.URL)
	transport := newTransport(base)
	defer transport.CloseIdleConnections()
	req, err := http.NewRequest(http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = transport.RoundTrip(req)
	if got, want := plainWords(err, base), "the certificate of "+base.Host+" is not trusted"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

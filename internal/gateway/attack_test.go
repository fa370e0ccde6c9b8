package gateway

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// What a process in the sandbox may try on the wire. None of it may reach
// upstream.
func TestNothingButModelCallsGetsThrough(t *testing.T) {
	plain := func(line string) string { return line + "\r\nHost: x\r\n\r\n" }
	huge := strings.Repeat("a", 40<<10)
	for _, c := range []struct {
		name, request string
		status        int
		rule          string // of the finding; empty: net/http refused before we saw it
		severity      task.Severity
	}{
		{"models", plain("GET /v1/models HTTP/1.1"), 403, RuleRoute, task.SeverityWarning},
		{"root", plain("GET / HTTP/1.1"), 403, RuleRoute, task.SeverityWarning},
		{"files", "POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 403, RuleRoute, task.SeverityError},
		{"search", "POST /v1/alpha/search HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 403, RuleRoute, task.SeverityError},
		{"compact", "POST /v1/responses/compact HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 403, RuleRoute, task.SeverityError},
		{"query", "POST /v1/responses?background=true HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 403, RuleRoute, task.SeverityError},
		{"empty query", "POST /v1/responses? HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 403, RuleRoute, task.SeverityError},
		{"trailing slash", "POST /v1/responses/ HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 403, RuleRoute, task.SeverityError},
		{"dots", "POST /v1/x/../responses HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 403, RuleRoute, task.SeverityError},
		{"escape", "POST /v1/%72esponses HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 403, RuleRoute, task.SeverityError},
		{"double slash", "POST //v1/responses HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 403, RuleRoute, task.SeverityError},
		{"stored response", plain("GET /v1/responses/resp_1 HTTP/1.1"), 403, RuleRoute, task.SeverityWarning},
		{"delete", plain("DELETE /v1/responses/resp_1 HTTP/1.1"), 403, RuleRoute, task.SeverityError},
		{"get on the route", plain("GET /v1/responses HTTP/1.1"), 403, RuleRoute, task.SeverityWarning},
		{"odd method", plain("BREW /v1/responses HTTP/1.1"), 403, RuleRoute, task.SeverityError},
		{"method in other case", "post /v1/responses HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 403, RuleRoute, task.SeverityError},
		{"absolute form", strings.Replace(post(goodBody), "/v1/responses", "http://evil.example/v1/responses", 1), 403, RuleRoute, task.SeverityError},
		{"absolute form to upstream", strings.Replace(post(goodBody), "/v1/responses", "https://api.openai.com/v1/responses", 1), 403, RuleRoute, task.SeverityError},
		{"CONNECT", "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n", 403, RuleRoute, task.SeverityError},
		{"CONNECT with a path", "CONNECT /v1/responses HTTP/1.1\r\nHost: x\r\n\r\n", 403, RuleRoute, task.SeverityError},
		{"OPTIONS *", plain("OPTIONS * HTTP/1.1"), 403, RuleRoute, task.SeverityWarning},
		{"TRACE", plain("TRACE /v1/responses HTTP/1.1"), 403, RuleRoute, task.SeverityError},
		{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 403, RuleRoute, task.SeverityError},
		{"HTTP/2 upgrade", post(goodBody, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"), 403, RuleRoute, task.SeverityError},
		{"WebSocket", "GET /v1/responses HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", 403, RuleRoute, task.SeverityWarning},
		{"WebSocket by POST", post(goodBody, "Connection: upgrade", "Upgrade: WebSocket"), 403, RuleRoute, task.SeverityError},
		{"expectation", post(goodBody, "Expect: 100-continue"), 403, RuleRoute, task.SeverityError},
		{"odd expectation", post(goodBody, "Expect: a-miracle"), 417, "", ""},
		{"two lengths", post(goodBody, "Content-Length: 3"), 400, "", ""},
		{"length and chunks", "POST /v1/responses HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n", 400, RuleRequest, task.SeverityError},
		{"odd transfer encoding", "POST /v1/responses HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, "", ""},
		{"transfer encoding twice", "POST /v1/responses HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 501, "", ""},
		{"broken chunks", "POST /v1/responses HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "", ""},
		{"space before colon", "POST /v1/responses HTTP/1.1\r\nHost: x\r\nContent-Length : 2\r\n\r\n{}", 400, "", ""},
		{"bare newline in a header", "POST /v1/responses HTTP/1.1\r\nHost: x\r\nX: a\n\tb: c\r\n\x00\r\n\r\n", 400, "", ""},
		{"no host", "POST /v1/responses HTTP/1.1\r\n\r\n", 400, "", ""},
		{"large header", plain("POST /v1/responses HTTP/1.1\r\nX-Big: " + huge), 431, "", ""},
		{"not HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "", ""},
		{"empty body", post(""), 400, RuleRequest, task.SeverityError},
		{"body that is not JSON", post("model=m"), 400, RuleRequest, task.SeverityError},
		{"hosted tool", post(`{"model":"m","input":[],"stream":true,"store":false,"tools":[{"type":"web_search"}]}`), 400, RuleRequest, task.SeverityError},
		{"other compression", post(goodBody, "Content-Encoding: br"), 400, RuleRequest, task.SeverityError},
		{"two compressions", post(goodBody, "Content-Encoding: gzip", "Content-Encoding: zstd"), 400, RuleRequest, task.SeverityError},
		{"listed compressions", post(goodBody, "Content-Encoding: identity, gzip"), 400, RuleRequest, task.SeverityError},
		{"compression that is none", post(goodBody, "Content-Encoding: zstd"), 400, RuleRequest, task.SeverityError},
		{"hosted tool, gzip", post(gzipped(t, strings.Replace(goodBody, `"input"`, `"background":true,"input"`, 1)), "Content-Encoding: gzip"), 400, RuleRequest, task.SeverityError},
		{"declared too large", fmt.Sprintf("POST /v1/responses HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", maxBody+1), 413, RuleLimit, task.SeverityWarning},
		{"gzip bomb", post(gzipped(t, strings.Repeat(" ", maxBody+1)), "Content-Encoding: gzip"), 400, RuleRequest, task.SeverityError},
		{"zstd bomb", post(zstandard(t, strings.Repeat(" ", maxBody+1)), "Content-Encoding: zstd"), 400, RuleRequest, task.SeverityError},
		{"guard by GET", plain("GET /guard HTTP/1.1"), 403, RuleRoute, task.SeverityWarning},
		{"guard with a query", "POST /guard?x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 403, RuleRoute, task.SeverityError},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sse(sseDone), nil)
			status, body := r.raw(c.request)
			if status != c.status {
				t.Errorf("got %d %s, want %d", status, body, c.status)
			}
			r.end()
			if n := r.hits(); n > 0 {
				t.Errorf("reached upstream %d times", n)
			}
			var rule string
			var severity task.Severity
			if f := r.session.Report().Findings; len(f) > 0 {
				rule, severity = f[0].Rule, f[0].Severity
			}
			if rule != c.rule || severity != c.severity {
				t.Errorf("got finding %q %q, want %q %q", rule, severity, c.rule, c.severity)
			}
		})
	}
}

// What a bomb holds beyond the limit is never unpacked.
func TestBombsAreNotUnpackedWhole(t *testing.T) {
	const size = 4 * maxBody
	for encoding, bomb := range map[string]string{
		"gzip": gzipped(t, strings.Repeat(" ", size)), "zstd": zstandard(t, strings.Repeat(" ", size)),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := unpack([]byte(bomb), []string{encoding})
		runtime.ReadMemStats(&after)
		// Reading all of n bytes takes up to 6n on the way, in ever larger pieces.
		if took := after.TotalAlloc - before.TotalAlloc; err == nil || took > 8*maxBody {
			t.Errorf("%s: %d KiB took %d MiB (%v)", encoding, len(bomb)>>10, took>>20, err)
		}
	}
}

func gzipped(t testing.TB, s string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, s); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zstandard(t testing.TB, s string) string {
	t.Helper()
	e, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(e.EncodeAll([]byte(s), nil))
}

// A body over the limit that does not say so is cut off, too.
func TestLargeChunkedBodyIsRefused(t *testing.T) {
	r := newRig(t, sse(sseDone), nil)
	req, err := http.NewRequest(http.MethodPost, "http://"+r.addr+routeModel, io.LimitReader(spaces{}, maxBody+1))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge || r.hits() > 0 {
		t.Errorf("got %d and %d calls upstream, want 413 and none", resp.StatusCode, r.hits())
	}
}

type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// A second request behind a refused one is never served, whatever the first
// one's length was.
func TestNothingIsReadBehindARefusal(t *testing.T) {
	r := newRig(t, sse(sseDone), nil)
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(c, "POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"+post(goodBody)); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if n := strings.Count(string(answer), "HTTP/1.1 "); n != 1 || r.hits() != 0 {
		t.Errorf("got %d answers and %d calls upstream, want 1 and none (%v):\n%s", n, r.hits(), err, answer)
	}
}

func TestOnlyListedHeadersCross(t *testing.T) {
	got := make(chan http.Header, 1)
	r := newRig(t, func(w http.ResponseWriter, req *http.Request) {
		got <- req.Header.Clone()
		for name, v := range map[string]string{
			"Content-Type": "text/event-stream", "X-Request-Id": "req_1", "X-Ratelimit-Remaining-Requests": "9", "Retry-After": "1",
			"X-Codex-Turn-State": "s", "Set-Cookie": "a=b", "Openai-Organization": "org-secret", "Openai-Project": "proj_secret",
			"X-Echo": testKey, "Openai-Model": "m " + testKey, "Www-Authenticate": "Bearer", "Location": "https://x", "Alt-Svc": "h3", "Server": "s",
		} {
			w.Header().Set(name, v)
		}
		_, _ = io.WriteString(w, sseDone)
	}, nil)
	status, _ := r.raw(post(goodBody,
		"Authorization: Bearer stolen", "Proxy-Authorization: Basic eA==", "Cookie: a=b", "Chatgpt-Account-Id: other", "OpenAI-Organization: org-other",
		"OpenAI-Project: other", "OpenAI-Beta: assistants=v2", "X-Forwarded-For: 1.2.3.4", "Forwarded: for=1.2.3.4", "X-Real-Ip: 1.2.3.4", "Host2: x",
		"Accept: */*", "Accept-Encoding: gzip", "Content-Type: multipart/form-data", "TE: trailers", "Connection: X-Codex-Window-Id, keep-alive", "Keep-Alive: 1",
		"Trailer: Authorization", "X-Http-Method-Override: DELETE", "X-Stainless-Os: x", "Idempotency-Key: x", "X-Client-Request-Id: "+strings.Repeat("x", 9000),
		"User-Agent: codex_exec/0.169.0 (Debian)", "Originator: codex_exec", "Session-Id: s", "Thread-Id: t", "X-Codex-Turn-Metadata: {}", "X-Codex-Window-Id: w",
		"X-Openai-Internal-Codex-Responses-Lite: true", "X-Openai-Subagent: x", "X-Codex-Unknown: x"))
	if status != 200 {
		t.Fatalf("got %d", status)
	}
	want := http.Header{
		"Accept": {"text/event-stream"}, "Accept-Encoding": {"identity"}, "Authorization": {"Bearer " + testKey}, "Content-Type": {"application/json"},
		"Content-Length": {fmt.Sprint(len(goodBody))}, "User-Agent": {"codex_exec/0.169.0 (Debian)"}, "Originator": {"codex_exec"}, "Session-Id": {"s"}, "Thread-Id": {"t"},
		"X-Codex-Turn-Metadata": {"{}"}, "X-Codex-Window-Id": {"w"}, "X-Openai-Internal-Codex-Responses-Lite": {"true"},
	}
	if diff := cmp.Diff(want, <-got); diff != "" {
		t.Errorf("upstream's headers (-want +got):\n%s", diff)
	}
	resp, _ := r.post(goodBody)
	<-got
	resp.Header.Del("Date")
	wantBack := http.Header{
		"Content-Type": {"text/event-stream"}, "X-Request-Id": {"req_1"}, "X-Ratelimit-Remaining-Requests": {"9"}, "Retry-After": {"1"}, "X-Codex-Turn-State": {"s"},
	}
	if diff := cmp.Diff(wantBack, resp.Header); diff != "" {
		t.Errorf("the sandbox's headers (-want +got):\n%s", diff)
	}
}

// The key is nowhere that the sandbox, the journal or our log can see, even if
// upstream says it back in every way it can.
func TestKeyIsNowhere(t *testing.T) {
	long := strings.Repeat("x", maxErrorBody-20) // so that the key is cut
	for name, upstream := range map[string]http.HandlerFunc{
		"error": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Request-Id", r.Header.Get("Authorization"))
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprintf(w, `{"error":{"message":"Incorrect API key provided: %s and sk-proj-****6789. %s"}}`, testKey, r.Header.Get("Authorization"))
		},
		"long error": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, long+testKey+testKey)
		},
		"stream": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for i := range testKey {
				_, _ = io.WriteString(w, testKey[i:i+1])
				_ = http.NewResponseController(w).Flush()
			}
			_, _ = io.WriteString(w, "\n\n"+sseDone+"data: "+testKey+testKey[:10])
		},
		"redirect": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://x/"+testKey)
			w.WriteHeader(http.StatusFound)
		},
		"break": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, "data: "+testKey)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, upstream, nil)
			c, err := net.Dial("tcp", r.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(time.Minute))
			if _, err := io.WriteString(c, post(goodBody, "Connection: close")); err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(c)
			if err != nil || len(answer) < 100 {
				t.Fatalf("got %d bytes, %v", len(answer), err)
			}
			r.end()
			for where, text := range map[string]string{
				"the answer": string(answer), "gateway.jsonl": r.log.String(), "our log": r.debug.String(),
				"the report": fmt.Sprintf("%+v", r.session.Report()), "a printed login": fmt.Sprintf("%v %+v %#v", Grant{Secret: testKey}, struct{ G Grant }{Grant{Secret: testKey}}, &Grant{Secret: testKey}),
			} {
				// The first characters and the last ones count, too.
				for _, secret := range []string{testKey, testKey[8:], testKey[:20], "****6789"} {
					if strings.Contains(text, secret) {
						t.Errorf("%s holds %s: %.600s", where, secret, text)
					}
				}
			}
			if r.log.String() == "" || r.debug.String() == "" {
				t.Error("nothing was logged, so nothing was shown")
			}
		})
	}
}

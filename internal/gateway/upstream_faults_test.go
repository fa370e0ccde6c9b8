package gateway

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func TestWhatUpstreamDoesWrong(t *testing.T) {
	dead := httptest.NewServer(nil)
	dead.Close()
	address := strings.TrimPrefix(dead.URL, "http://")
	for _, c := range []struct {
		name     string
		upstream http.HandlerFunc
		change   func(*Options, *SessionOptions)
		status   int // towards the sandbox
		report   task.GatewayReport
	}{
		{
			"is not there", nil, func(o *Options, _ *SessionOptions) { o.Upstream = mustURL(t, dead.URL+"/v1") }, 502,
			task.GatewayReport{LastError: "connection refused by " + address},
		},
		{
			"hangs up", func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }, nil, 502,
			task.GatewayReport{LastError: "connection to UPSTREAM broke"},
		},
		{"hangs up in the middle", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "data: 1\n\n")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, nil, 200, task.GatewayReport{LastStatus: 200, LastError: "connection to UPSTREAM broke"}},
		{
			"redirects", func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "https://evil.example/", http.StatusTemporaryRedirect)
			}, nil, 502,
			task.GatewayReport{LastError: "UPSTREAM answered 307, and redirects are not followed"},
		},
		{"compresses", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, gzipped(t, sseDone))
		}, nil, 502, task.GatewayReport{LastError: "UPSTREAM answered in a compression that was not asked for"}},
		{"says no", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, nil, 401, task.GatewayReport{LastStatus: 401}},
		{"is busy", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }, nil, 429, task.GatewayReport{LastStatus: 429}},
		{
			"has nobody's login", nil, func(o *Options, _ *SessionOptions) { o.Credentials = none{} }, 401,
			task.GatewayReport{LastError: "There is no login. Log in."},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, c.upstream, c.change)
			status, body := r.raw(post(goodBody))
			r.end()
			got := r.session.Report()
			host := strings.TrimPrefix(r.upstream.URL, "http://")
			got.LastError = strings.ReplaceAll(got.LastError, host, "UPSTREAM")
			c.report.Requests, c.report.Usage.ModelRequests = 1, 1
			if diff := cmp.Diff(c.report, got, cmpopts.EquateEmpty()); diff != "" || status != c.status {
				t.Errorf("got %d %s, want %d; report (-want +got):\n%s", status, body, c.status, diff)
			}
		})
	}
}

type none struct{}

func (none) Grant(context.Context, *Grant) (*Grant, error) {
	return nil, &task.Refusal{What: "There is no login.", Mend: "Log in."}
}
func (none) Check(context.Context) error { return nil }

// A later answer takes back what went wrong before.
func TestReportIsAboutTheLastCall(t *testing.T) {
	calls := 0
	r := newRig(t, func(w http.ResponseWriter, req *http.Request) {
		if calls++; calls == 1 {
			panic(http.ErrAbortHandler)
		}
		sse(sseDone)(w, req)
	}, nil)
	r.raw(post(goodBody))
	if r.session.Report().LastError == "" {
		t.Error("the first call's failure is not reported")
	}
	r.raw(post(goodBody))
	r.end()
	if report := r.session.Report(); report.LastError != "" || report.LastStatus != 200 {
		t.Errorf("got %+v", report)
	}
}

// The sandbox cannot flood the result or the host's disk.
func TestFloodIsBounded(t *testing.T) {
	b := book{w: &buffer{}}
	for i := range 2 * maxLines {
		if err := b.write(line{N: int64(i)}); err != nil {
			t.Fatal(err)
		}
		b.note(task.Finding{Rule: RuleRoute, Severity: task.SeverityWarning, Evidence: fmt.Sprint(i / 100)})
	}
	if n := strings.Count(b.w.(*buffer).String(), "\n"); n != maxLines+1 {
		t.Errorf("got %d lines, want %d", n, maxLines+1)
	}
	found := b.findings()
	last := found[len(found)-1]
	if len(found) != maxFindings || last.Rule != RuleRoute || last.Severity != task.SeverityWarning || !strings.Contains(last.Detail, "15100 more") {
		t.Errorf("got %d findings, the last %+v", len(found), last)
	}
	b.note(task.Finding{Rule: RuleRequest, Severity: task.SeverityError})
	if last := b.findings()[maxFindings-1]; last.Severity != task.SeverityError {
		t.Errorf("an error hides behind a flood of warnings: %+v", last)
	}
}

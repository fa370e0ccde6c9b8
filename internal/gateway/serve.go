package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// The two routes, compared with the request line as it was sent: no query, no
// host, no dots, no escapes.
const (
	routeModel = "/v1/responses"
	routeGuard = "/guard"
)

// refusal is an answer that is ours. It is built like the provider's own, so
// that Codex reports its message. Measured with Codex 0.169: it gives up at once
// after a 400 or a 429, repeats a call stream_max_retries times after any other
// 4xx, and after a 5xx request_max_retries times for each of those.
type refusal struct {
	status  int
	message string
	// field is the path in the body, if that is what was refused.
	field string
	// finding is what the report says; nil if the sandbox did nothing wrong.
	finding *task.Finding
	// err is the cause, for the log.
	err error
}

// exchange is one request of a sandbox on its way.
type exchange struct {
	s    *Session
	w    http.ResponseWriter
	r    *http.Request
	ctl  *http.ResponseController
	line line
}

func (s *Session) serve(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	x := &exchange{
		s: s, w: w, r: r, ctl: http.NewResponseController(w),
		line: line{Time: began.UTC(), N: s.n.Add(1), Method: clip(r.Method), Path: clip(r.RequestURI)},
	}
	// Covers the body, and what net/http reads of it after a refusal.
	_ = x.ctl.SetReadDeadline(time.Now().Add(bodyWait)) // a conn without deadlines is bounded by the task's

	if no := x.route(); no != nil { //nolint:contextcheck // the exchange has its request's
		x.refuse(no)
	}
	x.line.DurationMS = time.Since(began).Milliseconds()
	if err := s.book.write(x.line); err != nil {
		s.g.log.Warn("keep request log", "task", s.o.Spec.ID, "err", err)
	}
	s.g.log.Debug("gateway request", "task", s.o.Spec.ID, "n", x.line.N, "method", x.line.Method, "path", x.line.Path,
		"status", x.line.Status, "upstream", x.line.Upstream, "ms", x.line.DurationMS, "end", x.line.End, "err", x.line.Error)
}

func (x *exchange) route() *refusal {
	r := x.r
	for _, name := range []string{"Upgrade", "Expect", "Http2-Settings"} {
		if _, ok := r.Header[name]; ok {
			return x.noRoute(fmt.Sprintf("a request with the header %s", name))
		}
	}
	switch {
	case r.Method == http.MethodPost && r.RequestURI == routeGuard:
		return x.guard()
	case r.Method == http.MethodPost && r.RequestURI == routeModel:
		return x.model()
	default:
		return x.noRoute(x.line.Method + " " + x.line.Path)
	}
}

// noRoute refuses a request for anything but a model call. One that could only
// read is curiosity; any other could have carried data out.
func (x *exchange) noRoute(what string) *refusal {
	severity := task.SeverityError
	if x.r.Method == http.MethodGet || x.r.Method == http.MethodHead || x.r.Method == http.MethodOptions {
		severity = task.SeverityWarning
	}
	return &refusal{
		status:  http.StatusForbidden,
		message: "the gateway lets only POST " + routeModel + " through",
		finding: &task.Finding{
			Rule: RuleRoute, Severity: severity, Evidence: what,
			Detail: "Something in the sandbox asked the gateway for more than model calls, and was refused.",
		},
	}
}

// refuse answers, and closes the connection: what is left of the request on it
// is never read as another one.
func (x *exchange) refuse(no *refusal) {
	x.line.Status, x.line.Field, x.line.Error = no.status, no.field, no.message
	if no.err != nil {
		x.s.g.log.Debug("gateway refuses", "task", x.s.o.Spec.ID, "n", x.line.N, "status", no.status, "cause", no.err)
	}
	if no.finding != nil {
		x.line.Rule = no.finding.Rule
		x.s.book.note(*no.finding)
	}
	kind := "invalid_request_error"
	if no.status >= http.StatusInternalServerError {
		kind = "server_error"
	}
	body, err := json.Marshal(map[string]any{"error": map[string]any{
		"message": no.message, "type": kind, "code": "sandbox_gateway", "param": no.field,
	}})
	if err != nil {
		body = []byte("{}") // strings always encode
	}
	h := x.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Connection", "close")
	x.allowWrite()
	x.w.WriteHeader(no.status)
	n, _ := x.w.Write(body) // whoever is gone needs no answer
	x.line.BytesOut = int64(n)
}

// guard passes the hook's question on, and the answer back.
func (x *exchange) guard() *refusal {
	s := x.s
	if s.o.Guard == nil {
		return &refusal{status: http.StatusNotFound, message: "this sandbox has no guard"}
	}
	if !s.guards.wait(x.r.Context()) {
		return &refusal{status: http.StatusServiceUnavailable, message: "the sandbox went away"}
	}
	defer s.guards.release()
	hook, no := x.readBody(maxGuardBody)
	if no != nil {
		return no
	}
	s.o.Alive()
	answer, err := s.o.Guard(x.r.Context(), hook)
	if err != nil {
		// The cause stays here: it may name things of the host.
		return &refusal{status: http.StatusInternalServerError, message: "the guard could not decide", err: err}
	}
	x.line.Status = http.StatusOK
	x.w.Header().Set("Content-Type", "application/json")
	x.allowWrite()
	n, _ := x.w.Write(answer) // whoever is gone needs no answer
	x.line.BytesOut = int64(n)
	s.o.Alive()
	return nil
}

// readBody reads a request's body as it was sent.
func (x *exchange) readBody(most int64) ([]byte, *refusal) {
	tooLarge := &refusal{
		status: http.StatusRequestEntityTooLarge, message: fmt.Sprintf("the request is larger than %d MiB", most>>20),
		finding: &task.Finding{
			Rule: RuleLimit, Severity: task.SeverityWarning, Evidence: x.line.Path,
			Detail: fmt.Sprintf("A request of the sandbox was larger than %d MiB, and was refused.", most>>20),
		},
	}
	if x.r.ContentLength > most {
		return nil, tooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, most))
	x.line.BytesIn = int64(len(body))
	var over *http.MaxBytesError
	switch {
	case err == nil:
		// net/http lifts the deadline itself when a body has ended, but not when
		// there was none; it would then cancel the request.
		_ = x.ctl.SetReadDeadline(time.Time{}) // as above
		return body, nil
	case errors.As(err, &over):
		return nil, tooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &refusal{status: http.StatusRequestTimeout, message: "the request took too long to arrive", err: err}
	default:
		return nil, &refusal{status: http.StatusBadRequest, message: "the request ended early", err: err}
	}
}

// allowWrite gives the sandbox a while to take the next bytes.
func (x *exchange) allowWrite() {
	_ = x.ctl.SetWriteDeadline(time.Now().Add(writeWait)) // a conn without deadlines is bounded by the task's
}

// clip cuts a sandbox's own words to what a log line holds.
func clip(s string) string {
	const most = 200
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

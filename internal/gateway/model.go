package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// model is one model call, from the body's inspection to the answer's last byte.
func (x *exchange) model() *refusal {
	s := x.s
	if !s.calls.try() {
		return &refusal{status: http.StatusTooManyRequests, message: fmt.Sprintf("the sandbox has %d model calls under way already", maxCalls)}
	}
	defer s.calls.release()
	if err := s.ledger.left(); err != nil {
		return x.exhausted(err)
	}
	data, no := x.intake()
	if no != nil {
		return no
	}
	body := &outgoing{data: data, size: int64(len(data)), ledger: &s.ledger}
	if !s.ledger.hold(body.size) {
		return &refusal{status: http.StatusTooManyRequests, message: "the sandbox has too much on its way to the model API already"}
	}
	defer body.drop()
	if err := s.ledger.admit(); err != nil {
		return x.exhausted(err)
	}
	s.o.Alive()
	return x.forward(body)
}

func (x *exchange) exhausted(err *Exhausted) *refusal {
	x.s.stop.Do(func() { x.s.o.Stop(err) })
	return &refusal{status: http.StatusForbidden, message: err.Error()}
}

// intake reads and inspects the body: one at a time, since a body takes several
// times its size while it is taken apart.
func (x *exchange) intake() ([]byte, *refusal) {
	s := x.s
	if !s.intake.wait(x.r.Context()) {
		return nil, &refusal{status: http.StatusServiceUnavailable, message: "the sandbox went away"}
	}
	defer s.intake.release()
	raw, no := x.readBody(maxBody)
	if no != nil {
		return nil, no
	}
	plain, err := unpack(raw, x.r.Header.Values("Content-Encoding"))
	if err == nil {
		plain, err = inspect(plain, s.o.Spec.Model, s.o.Spec.Network != task.NetworkAllow)
	}
	var v *violation
	switch {
	case err == nil:
		return plain, nil
	case errors.As(err, &v):
		return nil, &refusal{
			status: http.StatusBadRequest, message: "refused by the sandbox's gateway: " + v.Error(), field: v.path,
			finding: &task.Finding{
				Rule: RuleRequest, Severity: task.SeverityError, Evidence: v.path,
				Detail: "A model call was refused: " + v.what + ".",
			},
		}
	default:
		return nil, &refusal{status: http.StatusInternalServerError, message: "the gateway could not read the request", err: err}
	}
}

// forward makes the call and passes the answer back.
func (x *exchange) forward(body *outgoing) *refusal {
	s := x.s
	ctx, cancel := context.WithCancelCause(x.r.Context())
	defer cancel(nil)

	var secrets scrubber
	resp, base, no := x.ask(ctx, cancel, body, &secrets)
	if no != nil {
		return no
	}
	defer func() { _ = resp.Body.Close() }() // read to the end, or of no more use
	body.drop()
	x.line.Upstream = resp.StatusCode

	encoding := resp.Header.Get("Content-Encoding")
	switch {
	case resp.StatusCode < 200, resp.StatusCode >= 300 && resp.StatusCode < 400:
		return x.unanswered(fmt.Sprintf("%s answered %d, and redirects are not followed", base.Host, resp.StatusCode), nil)
	case encoding != "" && encoding != "identity":
		return x.unanswered(base.Host+" answered in a compression that was not asked for", nil)
	}
	s.ledger.answered(resp.StatusCode)
	x.line.Status = resp.StatusCode
	copyAnswerHeader(x.w.Header(), resp.Header, &secrets)
	if resp.StatusCode >= 400 {
		x.passError(ctx, cancel, resp, &secrets)
		return nil
	}
	x.stream(ctx, cancel, resp, base, body.size, &secrets)
	return nil
}

// ask sends the body with the host's login; after a 401, once more with a
// renewed one if there is such.
func (x *exchange) ask(ctx context.Context, cancel context.CancelCauseFunc, body *outgoing, secrets *scrubber) (*http.Response, *url.URL, *refusal) {
	grant, err := x.s.g.credentials.Grant(ctx, nil)
	if err != nil {
		return nil, nil, x.noLogin(err)
	}
	for tried := false; ; tried = true {
		secrets.hide(grant.Secret)
		base, err := x.s.g.base(grant)
		if err != nil {
			return nil, nil, &refusal{status: http.StatusInternalServerError, message: "the gateway has no upstream", err: err}
		}
		resp, err := x.send(ctx, cancel, body, base, grant)
		if err != nil {
			return nil, nil, x.unanswered(plainWords(err, base), err)
		}
		if resp.StatusCode != http.StatusUnauthorized || tried {
			return resp, base, nil
		}
		renewed, err := x.s.g.credentials.Grant(ctx, grant)
		if err != nil {
			// The 401 stands. Why the login could not be renewed is for the host's log.
			x.s.g.log.Warn("renew login", "task", x.s.o.Spec.ID, "err", err)
			return resp, base, nil
		}
		if renewed.Secret == grant.Secret {
			return resp, base, nil
		}
		_ = resp.Body.Close() // nobody wants it
		grant = renewed
	}
}

// send is one round trip, up to the answer's header.
func (x *exchange) send(ctx context.Context, cancel context.CancelCauseFunc, body *outgoing, base *url.URL, grant *Grant) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base.JoinPath("responses").String(), body.reader())
	if err != nil {
		return nil, fmt.Errorf("make model call: %w", err)
	}
	req.ContentLength = body.size
	// Lets the transport try again on a connection that was dead already.
	req.GetBody = func() (io.ReadCloser, error) { return body.reader(), nil }
	req.Header = upstreamHeader(x.r.Header, grant)

	timer := time.AfterFunc(headerTimeout, func() { cancel(errNoHeader) })
	defer timer.Stop()
	resp, err := x.s.g.transport.RoundTrip(req)
	if err != nil {
		return nil, blame(ctx, err)
	}
	return resp, nil
}

// blame prefers our own reason for giving up over what it looked like.
func blame(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// unanswered is a call that upstream did not answer: a 502, which Codex repeats
// as often as its configuration says.
func (x *exchange) unanswered(why string, err error) *refusal {
	if x.r.Context().Err() == nil { // else it is nobody's fault
		x.s.ledger.unanswered(why)
	}
	return &refusal{status: http.StatusBadGateway, message: "the model API did not answer: " + why, err: err}
}

// noLogin is a call for which the host has no credentials.
func (x *exchange) noLogin(err error) *refusal {
	why := "the host's login could not be renewed"
	if mends := task.Refusals(err); len(mends) > 0 {
		why = mends[0].Error()
	}
	if x.r.Context().Err() == nil { // else it is nobody's fault
		x.s.ledger.unanswered(why)
		x.s.g.log.Warn("log in to the model API", "task", x.s.o.Spec.ID, "err", err)
	}
	// The sandbox is told less: the reason may name files of the host.
	return &refusal{status: http.StatusUnauthorized, message: "the host has no valid login for the model API"}
}

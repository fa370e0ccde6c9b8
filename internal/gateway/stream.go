package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"
)

// maxErrorBody bounds an error answer, which is read whole to hide secrets in it.
const maxErrorBody = 64 << 10

func (x *exchange) passError(ctx context.Context, cancel context.CancelCauseFunc, resp *http.Response, secrets *scrubber) {
	timer := time.AfterFunc(headerTimeout, func() { cancel(errStalled) })
	defer timer.Stop()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	if err != nil {
		x.line.Error = plainWords(blame(ctx, err), resp.Request.URL) // the status says enough
	}
	body = secrets.scrubError(body, err != nil || len(body) == maxErrorBody)
	x.allowWrite()
	x.w.WriteHeader(resp.StatusCode)
	n, _ := x.w.Write(body) // whoever is gone needs no answer
	x.line.BytesOut = int64(n)
	x.s.o.Alive()
}

// stream passes the answer on as it comes, and reads the usage in passing.
func (x *exchange) stream(ctx context.Context, cancel context.CancelCauseFunc, resp *http.Response, base *url.URL, asked int64, secrets *scrubber) {
	s := x.s
	stalled := time.AfterFunc(stallTimeout, func() { cancel(errStalled) })
	defer stalled.Stop()
	var (
		m        meter
		received int64
		chunk    = make([]byte, 32<<10)
	)
	x.w.WriteHeader(resp.StatusCode)
	err := x.pass(nil)
	for err == nil {
		var n int
		n, err = resp.Body.Read(chunk)
		stalled.Reset(stallTimeout)
		if n > 0 {
			if received == 0 {
				x.line.FirstMS = time.Since(x.line.Time).Milliseconds()
			}
			received += int64(n)
			_, _ = m.Write(chunk[:n]) // never fails
			s.o.Alive()
			if passErr := x.pass(secrets.next(chunk[:n])); passErr != nil {
				cancel(errGone)
				err = passErr
			}
		}
	}
	if errors.Is(err, io.EOF) {
		err = x.pass(secrets.rest())
	}
	m.close()
	x.settle(&m, asked+received)
	if err != nil && x.r.Context().Err() == nil && !errors.Is(context.Cause(ctx), errGone) {
		x.line.Error = plainWords(blame(ctx, err), base)
		s.ledger.unanswered(x.line.Error)
	}
	// A broken stream ends here like a whole one. Codex sees that the last
	// event is missing.
}

// pass writes and flushes.
func (x *exchange) pass(p []byte) error {
	x.allowWrite()
	n, err := x.w.Write(p)
	x.line.BytesOut += int64(n)
	if err != nil {
		return err
	}
	return x.ctl.Flush()
}

// settle books what the answer used.
func (x *exchange) settle(m *meter, bytes int64) {
	x.line.End = m.end
	if m.end == "" {
		x.line.End = "cut"
	}
	if m.usage == nil {
		x.s.ledger.estimate(bytes)
		return
	}
	x.s.ledger.spend(*m.usage)
	m.usage.ModelRequests = 1
	x.line.Usage = m.usage
}

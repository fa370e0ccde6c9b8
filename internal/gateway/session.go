package gateway

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// What one sandbox may take of the host. Codex makes one call at a time; the
// rest is for what else may run in there, which can only starve itself.
const (
	maxConns       = 64
	maxHeaderBytes = 32 << 10
	headerWait     = 10 * time.Second
	bodyWait       = 60 * time.Second
	writeWait      = 60 * time.Second
	idleWait       = 2 * time.Minute

	maxCalls      = 8        // model calls under way
	maxBody       = 32 << 20 // of a model call, compressed or not
	maxHeldBodies = 64 << 20 // bodies on their way to upstream

	maxGuards    = 8
	maxGuardBody = 8 << 20
)

// SessionOptions are what a Session is for.
type SessionOptions struct {
	Spec task.Spec
	// Log is gateway.jsonl: one line per request, without bodies and secrets,
	// each in one Write. Nil: none is kept. The caller closes it after Serve.
	Log io.Writer
	// Alive is called whenever bytes of an admitted request move: a sign of
	// life. Many goroutines call it; it must not block. May be nil.
	Alive func()
	// Stop is called once, with an *Exhausted, when the task must end because
	// a budget is used up. It must not block. May be nil.
	Stop func(reason error)
	// Guard answers POST /guard: what the hook was asked, and the decision.
	// An error is a 500, which the hook turns into a refusal. Nil: 404.
	Guard func(ctx context.Context, hook []byte) (answer []byte, err error)
}

// Session is the gateway for one task: its rules, its budgets, its report.
type Session struct {
	g *Gateway
	o SessionOptions

	n atomic.Int64 // numbers the lines of the log

	// calls and guards bound what is under way; intake is held while a body is
	// read and inspected, which is when a call is at its largest.
	calls, guards, intake slots

	stop sync.Once

	ledger ledger
	book   book
}

// Session returns a Session that serves nothing yet.
func (g *Gateway) Session(o SessionOptions) *Session {
	if o.Alive == nil {
		o.Alive = func() {}
	}
	if o.Stop == nil {
		o.Stop = func(error) {}
	}
	return &Session{
		g: g, o: o,
		calls: make(slots, maxCalls), guards: make(slots, maxGuards), intake: make(slots, 1),
		ledger: ledger{tokenBudget: o.Spec.TokenBudget, requestBudget: o.Spec.RequestBudget},
		book:   book{w: o.Log},
	}
}

// Serve serves the tunnel's listener. It returns when l is closed and every
// handler has returned; what is still under way then is cut off.
func (s *Session) Serve(l net.Listener) {
	var (
		open  sync.WaitGroup
		count atomic.Int64
	)
	server := &http.Server{
		Handler:                      http.HandlerFunc(s.serve),
		ReadHeaderTimeout:            headerWait,
		IdleTimeout:                  idleWait,
		MaxHeaderBytes:               maxHeaderBytes,
		DisableGeneralOptionsHandler: true, // OPTIONS * is a route like any other: none
		ErrorLog:                     slog.NewLogLogger(s.g.log.Handler(), slog.LevelWarn),
		// A limiting listener would not notice that l is closed while it waits
		// for a connection to end; so the one too many is hung up on instead.
		ConnState: func(c net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				open.Add(1)
				if count.Add(1) > maxConns {
					_ = c.Close() // the server notices, and says StateClosed
				}
			case http.StateClosed, http.StateHijacked:
				count.Add(-1)
				open.Done()
			}
		},
	}
	err := server.Serve(l) // never nil, and no news: l was closed
	s.g.log.Debug("gateway session ends", "task", s.o.Spec.ID, "reason", err)
	_ = server.Close() // l is closed already; this is for the connections
	open.Wait()
}

// Report says what the session has seen so far; after Serve, all of it.
func (s *Session) Report() task.GatewayReport {
	report := s.ledger.report()
	report.Findings = s.book.findings()
	return report
}

// slots is a semaphore.
type slots chan struct{}

func (s slots) try() bool {
	select {
	case s <- struct{}{}:
		return true
	default:
		return false
	}
}

func (s slots) wait(ctx context.Context) bool {
	select {
	case s <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s slots) release() { <-s }

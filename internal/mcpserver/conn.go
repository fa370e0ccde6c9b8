package mcpserver

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// The causes with which a call's context ends. The context of Serve may add its own.
var (
	// ErrClientCancelled is the cause if the client cancelled that one call;
	// the text goes on with the client's reason.
	ErrClientCancelled = errors.New("the client cancelled the call")
	// ErrClientGone is the cause if the client closed the connection.
	ErrClientGone = errors.New("the client closed the connection")
)

// writeGrace is how long the answers may take to be written once all calls
// have returned, for a client that has stopped reading.
const writeGrace = 2 * time.Second

// conn is one client, for as long as Serve runs.
type conn struct {
	srv    *Server
	w      *writer
	client client
	roots  rootsCache

	// working counts calls until they have returned, replying until their
	// answers are written.
	working, replying sync.WaitGroup

	mu       sync.Mutex
	inflight map[string]*request // by requestID.key
}

// request is a request in flight.
type request struct {
	message
	cancel context.CancelCauseFunc
	// cancelled by the client; guarded by conn.mu.
	cancelled bool
	// unwanted is called, with the request's own context, if the client turns out
	// not to want the answer; may be nil. See ifUnwanted.
	unwanted func(context.Context)
	// instead is answered instead of what mcp-go says; nil if nothing is. Only
	// the goroutine that handles the request touches it.
	instead *reply
}

// Serve talks MCP with one client until in is at EOF, out breaks or ctx ends.
// Then the backend is told at once to stop all runs, also those that no call
// waits for: a client may kill us half a second later. Every call in flight is
// cancelled with a cause and waited for, and its answer is still written if out
// takes it.
//
// It returns nil after EOF, otherwise why it ended. A Read that is pending when
// ctx ends, and a Write that never returns, are left behind: Serve closes
// neither stream. The caller ignores SIGPIPE; a broken out is an error here.
func (s *Server) Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	c := &conn{srv: s, w: newWriter(out, stop), inflight: map[string]*request{}}
	go c.w.run()

	err := c.read(ctx, in)
	cause := err
	if cause == nil {
		cause = ErrClientGone
	}
	// In this order no run can slip through: one that began before is stopped by
	// the backend, and one that begins later by its call, whose context has ended.
	stop(cause)
	s.backend.Stop(cause)
	c.working.Wait()
	c.drain(ctx)
	return err
}

// drain waits until all answers are written, but not for ever.
func (c *conn) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeGrace)
	defer cancel()
	replied := make(chan struct{})
	go func() {
		c.replying.Wait()
		close(replied)
	}()
	select {
	case <-replied:
	case <-ctx.Done():
	}
	c.w.close()
	<-replied
	select {
	case <-c.w.done:
	case <-ctx.Done():
	}
}

// read handles lines until in ends (nil) or something else does.
func (c *conn) read(ctx context.Context, in io.Reader) error {
	type line struct {
		text []byte
		err  error
	}
	lines := make(chan line)
	go func() {
		r := lineReader{r: bufio.NewReaderSize(in, 64<<10), max: c.srv.maxLine}
		for {
			text, err := r.next()
			select {
			case lines <- line{text, err}:
			case <-ctx.Done():
				return
			}
			if err != nil && !errors.Is(err, errLineTooLong) {
				return
			}
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case l := <-lines:
			switch {
			case errors.Is(l.err, io.EOF):
				return nil
			case errors.Is(l.err, errLineTooLong):
				c.answer(ctx, errorResponse(nil, mcp.INVALID_REQUEST,
					fmt.Sprintf("a message may be at most %d bytes long", c.srv.maxLine)))
			case l.err != nil:
				return fmt.Errorf("read from client: %w", l.err)
			default:
				c.handle(ctx, l.text)
			}
		}
	}
}

// handle does what must happen before the next line is read, and starts the rest.
func (c *conn) handle(ctx context.Context, line []byte) {
	if len(bytes.TrimSpace(line)) == 0 {
		return
	}
	m, f := parseMessage(line)
	switch {
	case f != nil:
		c.srv.log.Warn("refused a message", "reason", f.text)
		c.answer(ctx, f.response())
	case m.method == "":
		c.roots.deliver(m)
	case m.id == nil:
		c.notified(m)
	default:
		c.start(ctx, m, line)
	}
}

// start runs a request in a goroutine of its own. initialize alone runs here,
// so that what it says of the client is known to the line behind it; as MCP
// wants, it cannot be cancelled.
func (c *conn) start(ctx context.Context, m message, line []byte) {
	if m.method == string(mcp.MethodInitialize) {
		c.answer(ctx, c.call(ctx, &request{message: m}, line))
		return
	}
	ctx, cancel := context.WithCancelCause(ctx)
	r := &request{message: m, cancel: cancel}
	if !c.register(r) {
		defer cancel(nil)
		c.answer(ctx, errorResponse(m.id, mcp.INVALID_REQUEST, "this id is in use by a request that has not been answered"))
		return
	}
	c.working.Add(1)
	c.replying.Go(func() {
		defer cancel(nil)
		resp := c.call(ctx, r, line)
		c.working.Done()
		// The connection may be closing, but the answer still has its chance.
		if err := c.w.send(context.WithoutCancel(ctx), resp, func() bool { return c.finish(r) }); err != nil {
			c.finish(r)
			c.srv.log.Warn("an answer was not written", "method", r.method, "error", err)
		}
		if r.unwanted != nil && c.isCancelled(r) {
			r.unwanted(ctx)
		}
	})
}

// answer writes a response that no cancel can concern.
func (c *conn) answer(ctx context.Context, resp any) {
	if err := c.w.send(ctx, resp, nil); err != nil {
		c.srv.log.Warn("an answer was not written", "error", err)
	}
}

// register puts r in flight, unless a request with its id is.
func (c *conn) register(r *request) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, taken := c.inflight[r.id.key]; taken {
		return false
	}
	c.inflight[r.id.key] = r
	return true
}

// finish takes r out of flight and says whether the client wants its answer.
// The id is free from here on: a client may reuse it once it has the answer.
func (c *conn) finish(r *request) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inflight[r.id.key] == r {
		delete(c.inflight, r.id.key)
	}
	return !r.cancelled
}

func (c *conn) isCancelled(r *request) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return r.cancelled
}

// ifUnwanted has f called if the client cancels the call that ctx is of while its
// answer waits to be written. f's own context has ended then, with the client's cause.
func ifUnwanted(ctx context.Context, f func(context.Context)) {
	if s, ok := server.ClientSessionFromContext(ctx).(*session); ok {
		s.req.unwanted = f
	}
}

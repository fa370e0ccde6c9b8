package mcpserver

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// client is what an initialize request said of the client. Clients of the
// 2026-07-28 era say it with every request instead, and leave this empty.
type client struct {
	mu      sync.Mutex
	info    mcp.Implementation
	caps    mcp.ClientCapabilities
	version string
}

// session is how mcp-go sees the connection during one request. One per
// request keeps the eras apart and a request's notifications in order.
type session struct {
	conn *conn
	req  *request
	// notes is nil but for subscriptions/listen, the one method that notifies.
	notes chan mcp.JSONRPCNotification
}

// What mcp-go needs of a session.
var (
	_ server.ClientSession              = (*session)(nil)
	_ server.SessionWithClientInfo      = (*session)(nil)
	_ server.SessionWithProtocolVersion = (*session)(nil)
)

// call hands a request to mcp-go, unless mcp-go does not know its method, and
// returns its response.
func (c *conn) call(ctx context.Context, r *request, line []byte) (response mcp.JSONRPCMessage) {
	defer func() {
		if p := recover(); p != nil {
			c.srv.log.Error("a request panicked", "method", r.method, "panic", p, "stack", string(debug.Stack()))
			response = errorResponse(r.id, mcp.INTERNAL_ERROR, fmt.Sprintf("internal error: panic: %v", p))
		}
	}()
	s := &session{conn: c, req: r}
	if reply := s.extension(ctx); reply != nil {
		return reply.message(r.id)
	}
	if r.method == string(mcp.MethodSubscriptionsListen) {
		s.notes = make(chan mcp.JSONRPCNotification, 16)
		var pump sync.WaitGroup
		pump.Go(func() { s.forward(ctx) })
		defer pump.Wait()
		defer close(s.notes)
	}
	answer := c.srv.mcp.HandleMessage(c.srv.mcp.WithContext(ctx, s), line)
	if r.instead != nil {
		return r.instead.message(r.id)
	}
	// mcp-go has read the id as a float64: put the client's own digits back.
	switch resp := answer.(type) {
	case mcp.JSONRPCResponse:
		resp.ID = mcp.NewRequestId(r.id.raw)
		return resp
	case mcp.JSONRPCError:
		resp.ID = mcp.NewRequestId(r.id.raw)
		return resp
	default:
		return errorResponse(r.id, mcp.INVALID_REQUEST, "this request has no answer")
	}
}

// forward writes a request's own notifications until notes is closed.
func (s *session) forward(ctx context.Context) {
	for n := range s.notes {
		if err := s.notify(ctx, n); err != nil {
			s.conn.srv.log.Warn("a notification was not written", "method", n.Method, "error", err)
		}
	}
}

// notify writes v unless the client has cancelled the request.
func (s *session) notify(ctx context.Context, v any) error {
	return s.conn.w.send(ctx, v, func() bool { return !s.conn.isCancelled(s.req) })
}

// notified handles a notification. The ones not named here are of no use to us.
func (c *conn) notified(m message) {
	switch m.method {
	case mcp.MethodNotificationRootsListChanged:
		c.roots.forget()
	case string(mcp.MethodNotificationCancelled):
		var p struct {
			RequestID json.RawMessage `json:"requestId"`
			Reason    string          `json:"reason"`
		}
		if err := json.Unmarshal(m.params, &p); err != nil && p.RequestID == nil {
			return
		}
		id, err := parseID(p.RequestID)
		if err != nil {
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		r, ok := c.inflight[id.key]
		if !ok {
			return
		}
		r.cancelled = true
		cause := ErrClientCancelled
		if reason := strings.TrimSpace(p.Reason); reason != "" {
			cause = fmt.Errorf("%w: %s", ErrClientCancelled, oneLine(reason, 200))
		}
		r.cancel(cause)
	}
}

// SessionID implements server.ClientSession.
func (s *session) SessionID() string { return "stdio" }

// Initialize implements server.ClientSession.
func (s *session) Initialize() {}

// Initialized implements server.ClientSession.
func (s *session) Initialized() bool { return true }

// NotificationChannel implements server.ClientSession.
func (s *session) NotificationChannel() chan<- mcp.JSONRPCNotification { return s.notes }

// handshake says whether this request may say what the client is.
func (s *session) handshake() bool { return s.req.method == string(mcp.MethodInitialize) }

// GetClientInfo implements server.SessionWithClientInfo.
func (s *session) GetClientInfo() mcp.Implementation {
	s.conn.client.mu.Lock()
	defer s.conn.client.mu.Unlock()
	return s.conn.client.info
}

// SetClientInfo implements server.SessionWithClientInfo.
func (s *session) SetClientInfo(info mcp.Implementation) {
	s.conn.client.mu.Lock()
	defer s.conn.client.mu.Unlock()
	if s.handshake() {
		s.conn.client.info = info
	}
}

// GetClientCapabilities implements server.SessionWithClientInfo.
func (s *session) GetClientCapabilities() mcp.ClientCapabilities {
	s.conn.client.mu.Lock()
	defer s.conn.client.mu.Unlock()
	return s.conn.client.caps
}

// SetClientCapabilities implements server.SessionWithClientInfo.
func (s *session) SetClientCapabilities(caps mcp.ClientCapabilities) {
	s.conn.client.mu.Lock()
	defer s.conn.client.mu.Unlock()
	if s.handshake() {
		s.conn.client.caps = caps
	}
}

// ProtocolVersion implements server.SessionWithProtocolVersion.
func (s *session) ProtocolVersion() string {
	s.conn.client.mu.Lock()
	defer s.conn.client.mu.Unlock()
	return s.conn.client.version
}

// SetProtocolVersion is called by mcp-go at the end of initialize.
func (s *session) SetProtocolVersion(version string) {
	s.conn.client.mu.Lock()
	defer s.conn.client.mu.Unlock()
	if s.handshake() {
		s.conn.client.version = version
	}
}

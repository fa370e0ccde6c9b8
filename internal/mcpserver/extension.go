package mcpserver

import (
	"context"
	"encoding/json"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// reply is an answer that mcp-go cannot give: a result of a shape that it does not
// know, or an error whose code a handler cannot choose.
type reply struct {
	result any
	fault  *mcp.JSONRPCErrorDetails
}

// faultReply is an error; data may be nil.
func faultReply(code int, text string, data any) *reply {
	details := mcp.NewJSONRPCErrorDetails(code, text, data)
	return &reply{fault: &details}
}

func (r *reply) message(id *requestID) mcp.JSONRPCMessage {
	if r.fault != nil {
		return mcp.JSONRPCError{JSONRPC: mcp.JSONRPC_VERSION, ID: mcp.NewRequestId(id.raw), Error: *r.fault}
	}
	return mcp.JSONRPCResponse{JSONRPC: mcp.JSONRPC_VERSION, ID: mcp.NewRequestId(id.raw), Result: r.result}
}

// answerInstead has the request that ctx is of answered with r, whatever its
// handler returns to mcp-go.
func answerInstead(ctx context.Context, r *reply) {
	if s, ok := server.ClientSessionFromContext(ctx).(*session); ok {
		s.req.instead = r
	}
}

// resultOf is the beginning of every result that we write ourselves.
func (s *Server) resultOf(kind mcp.ResultType) mcp.Result {
	r := mcp.Result{ResultType: kind}
	s.sign(&r)
	return r
}

// sign says in a result who gave it, as mcp-go does.
func (s *Server) sign(r *mcp.Result) {
	r.EnsureResultMeta().SetServerInfo(s.info())
}

// extension answers the requests that mcp-go does not know; nil for all others.
func (s *session) extension(ctx context.Context) *reply {
	handle, ok := map[string]func(*Server, context.Context, *session) *reply{
		string(mcp.MethodTasksGet):            (*Server).getTask,
		methodTasksUpdate:                     (*Server).updateTask,
		string(mcp.MethodTasksCancel):         (*Server).cancelTask,
		string(mcp.MethodSubscriptionsListen): (*Server).listenToTasks,
	}[s.req.method]
	if !ok {
		return nil
	}
	info := modernRequest(s.req.params)
	if info == nil {
		return nil
	}
	ctx = server.WithRequestProtocolInfo(s.conn.srv.mcp.WithContext(ctx, s), info)
	return handle(s.conn.srv, ctx, s)
}

// modernRequest is what a request of the 2026-07-28 era says of its client. It is
// nil for a request of another era, and for one that says it wrongly: mcp-go has
// the right error for those.
func modernRequest(params json.RawMessage) *server.RequestProtocolInfo {
	var p struct {
		Meta *mcp.Meta `json:"_meta"`
	}
	if isNull(params) || json.Unmarshal(params, &p) != nil || p.Meta == nil {
		return nil
	}
	version, caps := p.Meta.ProtocolVersion(), p.Meta.ClientCapabilities()
	if !mcp.IsModernProtocol(version) || !mcp.IsValidProtocolVersion(version) || caps == nil {
		return nil
	}
	return &server.RequestProtocolInfo{
		Modern: true, ProtocolVersion: version, ClientInfo: p.Meta.ClientInfo(), ClientCapabilities: caps,
	}
}

package mcpserver

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// rootsKey names our one question in a multi round-trip exchange, and is the
// state by which the client's retry is known.
const rootsKey = "roots"

// repository finds the directory to work in: --repo, the client's first root,
// CLAUDE_PROJECT_DIR, the working directory. Only tools that need one call it.
//
// A client of the 2026-07-28 era is asked for its roots by a result: if ask is
// not nil, the tool returns it, and the client calls again with the answer, said.
func (s *Server) repository(ctx context.Context, said mcp.MultiRoundTripParams) (dir string, ask *mcp.CallToolResult, err error) {
	dir = s.opts.Repo
	if dir == "" {
		if dir, ask, err = s.rootsDir(ctx, said); ask != nil || err != nil {
			return "", ask, err
		}
	}
	if dir == "" {
		dir = s.opts.Getenv("CLAUDE_PROJECT_DIR")
	}
	if filepath.IsAbs(dir) {
		return filepath.Clean(dir), nil, nil
	}
	wd, err := s.opts.Getwd()
	if err != nil {
		return "", nil, &task.Refusal{
			What: fmt.Sprintf("The server's working directory cannot be determined (%v).", err),
			Mend: "Start the server with --repo and the absolute path of the repository.",
			Err:  err,
		}
	}
	return filepath.Join(wd, dir), nil, nil
}

// likelyRepository is repository for requests that may not ask: what a client of
// the 2026-07-28 era last named as its root stands for the answer.
func (s *Server) likelyRepository(ctx context.Context) (string, error) {
	client, ok := server.ClientSessionFromContext(ctx).(*session)
	if ok && s.opts.Repo == "" && server.IsModernRequest(ctx) {
		if dir := client.conn.roots.lastNamed(); dir != "" {
			return dir, nil
		}
	}
	dir, _, err := s.repository(ctx, mcp.MultiRoundTripParams{RequestState: rootsKey})
	return dir, err
}

// rootsDir is the client's first root, empty if it has none to tell.
func (s *Server) rootsDir(ctx context.Context, p mcp.MultiRoundTripParams) (string, *mcp.CallToolResult, error) {
	client, ok := server.ClientSessionFromContext(ctx).(*session)
	if info := server.RequestProtocolInfoFromContext(ctx); info != nil && info.Modern {
		switch {
		case info.ClientCapabilities == nil || info.ClientCapabilities.Roots == nil:
			return "", nil, nil
		case len(p.InputResponses) == 0 && p.RequestState != rootsKey:
			return "", server.NewInputRequestBuilder(rootsKey).Roots(rootsKey).ToolResult(), nil
		}
		answer := server.RootsResponse(p.InputResponses, rootsKey)
		if answer == nil {
			return "", nil, nil
		}
		dir := firstDir(answer.Roots)
		if ok {
			client.conn.roots.named(dir)
		}
		return dir, nil, nil
	}

	if !ok || client.GetClientCapabilities().Roots == nil {
		return "", nil, nil
	}
	roots, err := client.conn.listRoots(ctx)
	if errors.Is(err, errNoRoots) {
		s.log.Warn("no roots from the client", "error", err)
		return "", nil, nil
	}
	return firstDir(roots), nil, err
}

package mcpserver

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// maxProblems is how many problems one answer lists.
const maxProblems = 100

// errorResult is an error that a model can read: clients show it the text of
// an isError result and nothing else.
func errorResult(text string) *mcp.CallToolResult {
	return &mcp.CallToolResult{
		IsError: true,
		Content: []mcp.Content{mcp.NewTextContent(clip(strings.ToValidUTF8(text, "\uFFFD"), maxResult/2))},
	}
}

// badArguments lists everything that is wrong with a call's arguments.
func badArguments(tool string, problems []problem) *mcp.CallToolResult {
	var b strings.Builder
	fmt.Fprintf(&b, "The arguments of %s are not valid, and nothing was done. Mend these and call again:\n", tool)
	for i, p := range problems {
		if i == maxProblems {
			fmt.Fprintf(&b, "- and %d more\n", len(problems)-i)
			break
		}
		fmt.Fprintf(&b, "- %s\n", p)
	}
	return errorResult(b.String())
}

// failure tells the caller of an error: each refusal in a paragraph of its own,
// or that the fault is ours.
func (s *Server) failure(ctx context.Context, tool string, err error) *mcp.CallToolResult {
	if refusals := task.Refusals(err); len(refusals) > 0 {
		paragraphs := make([]string, len(refusals))
		for i, r := range refusals {
			paragraphs[i] = r.Error()
		}
		return errorResult(strings.Join(paragraphs, "\n\n"))
	}
	if cause := context.Cause(ctx); cause != nil {
		return errorResult(fmt.Sprintf("%s was stopped: %v.", tool, cause))
	}
	s.log.Error("a call failed", "tool", tool, "error", err)
	return errorResult(fmt.Sprintf("internal error: %v. This is a fault of codex-mcp-runner, not of the call: please report it.", err))
}

// guard keeps a panic in one call from ending the others.
func (s *Server) guard(tool string, handle server.ToolHandlerFunc) server.ToolHandlerFunc {
	return func(ctx context.Context, req mcp.CallToolRequest) (result *mcp.CallToolResult, err error) {
		defer func() {
			if p := recover(); p != nil {
				s.log.Error("a call panicked", "tool", tool, "panic", p, "stack", string(debug.Stack()))
				result, err = s.failure(ctx, tool, fmt.Errorf("panic: %v", p)), nil
			}
		}()
		return handle(ctx, req)
	}
}

package mcpserver

import (
	"context"
	"fmt"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// tool is one tool: In is its arguments, Out its structured result.
type tool[In, Out any] struct {
	name, title, description string
	// input is the JSON Schema of the arguments.
	input []byte
	hints hints
	// search says in a few words what the tool is for, to clients that show a
	// model the schema only once it has looked for it. Empty: the schema is
	// always before the model.
	search string
	// check finds what the schema cannot say; may be nil.
	check func(tree any) []problem
	// do is the tool's work, in the repository that repo lies in.
	do func(ctx context.Context, repo string, in In) (*mcp.CallToolResult, error)
}

// hints are a tool's annotations. All four are always told: what is left out
// means "destructive" and "open world" to a client.
type hints struct{ readOnly, destructive, idempotent, openWorld bool }

// build makes what the client is offered.
func (t tool[In, Out]) build(s *Server) (server.ServerTool, error) {
	input, err := compileInput(t.input)
	if err != nil {
		return server.ServerTool{}, fmt.Errorf("%s: %w", t.name, err)
	}
	output, err := outputSchema[Out]()
	if err != nil {
		return server.ServerTool{}, fmt.Errorf("%s: %w", t.name, err)
	}
	// These keys are Claude Code's. The first: do not replace a long result by a file.
	meta := map[string]any{"anthropic/maxResultSizeChars": 2 * maxResult}
	if t.search == "" {
		meta["anthropic/alwaysLoad"] = true
	} else {
		meta["anthropic/searchHint"] = t.search
	}
	offer := mcp.Tool{
		Name: t.name, Title: t.title, Description: t.description,
		RawInputSchema: input.raw, RawOutputSchema: output,
		Annotations: mcp.ToolAnnotation{
			Title:           t.title,
			ReadOnlyHint:    mcp.ToBoolPtr(t.hints.readOnly),
			DestructiveHint: mcp.ToBoolPtr(t.hints.destructive),
			IdempotentHint:  mcp.ToBoolPtr(t.hints.idempotent),
			OpenWorldHint:   mcp.ToBoolPtr(t.hints.openWorld),
		},
		Meta: mcp.NewMetaFromMap(meta),
	}
	handle := func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		var in In
		if problems := input.decode(req.Params.RawArguments, &in, t.check); len(problems) > 0 {
			return badArguments(t.name, problems), nil
		}
		repo, ask, err := s.repository(ctx, req.Params.MultiRoundTripParams)
		if err != nil {
			return s.failure(ctx, t.name, err), nil
		}
		if ask != nil {
			return ask, nil
		}
		result, err := t.do(ctx, repo, in)
		if err != nil {
			return s.failure(ctx, t.name, err), nil
		}
		return result, nil
	}
	return server.ServerTool{Tool: offer, Handler: handle}, nil
}

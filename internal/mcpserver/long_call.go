package mcpserver

import (
	"context"
	"fmt"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// longCall is a tool that sets Codex to work on a repository, which takes
// minutes: In is its arguments, Out what the backend says.
type longCall[In, Out any] struct {
	name, title, description string
	// input is the JSON Schema of the arguments.
	input    []byte
	readOnly bool
	// check finds what the schema cannot say; may be nil.
	check func(tree any) []problem
	// units is how much there is to do, for progress.
	units func(In) int
	do    func(ctx context.Context, repo string, in In, progress func(task.Progress)) (Out, error)
	// files is the directory of what the call left.
	files func(Out) string
	show  func(Out) *mcp.CallToolResult
}

// tool is what the client is offered.
func (c longCall[In, Out]) tool(s *Server) (server.ServerTool, error) {
	input, err := compileInput(c.input)
	if err != nil {
		return server.ServerTool{}, fmt.Errorf("%s: %w", c.name, err)
	}
	var out Out
	output, err := outputSchema(out)
	if err != nil {
		return server.ServerTool{}, fmt.Errorf("%s: %w", c.name, err)
	}
	tool := mcp.Tool{
		Name: c.name, Title: c.title, Description: c.description,
		RawInputSchema: input.raw, RawOutputSchema: output,
		Annotations: mcp.ToolAnnotation{
			Title:           c.title,
			ReadOnlyHint:    mcp.ToBoolPtr(c.readOnly),
			DestructiveHint: mcp.ToBoolPtr(false), // it applies nothing
			IdempotentHint:  mcp.ToBoolPtr(false), // no model says the same twice
			OpenWorldHint:   mcp.ToBoolPtr(true),
		},
		Meta: mcp.NewMetaFromMap(map[string]any{
			// Claude Code's: put the schema before the model without a search,
			// and do not replace a long result by a file.
			"anthropic/alwaysLoad":         true,
			"anthropic/maxResultSizeChars": 2 * maxResult,
		}),
	}
	handle := func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		var in In
		if problems := input.decode(req.Params.RawArguments, &in, c.check); len(problems) > 0 {
			return badArguments(c.name, problems), nil
		}
		repo, ask, err := s.repository(ctx, req)
		if err != nil {
			return s.failure(ctx, c.name, err, ""), nil
		}
		if ask != nil {
			return ask, nil
		}
		progress := startProgress(ctx, c.units(in))
		defer progress.stop()
		result, err := c.do(ctx, repo, in, progress.update)
		progress.stop()
		if err != nil {
			return s.failure(ctx, c.name, err, c.files(result)), nil
		}
		return c.show(result), nil
	}
	return server.ServerTool{Tool: tool, Handler: handle}, nil
}

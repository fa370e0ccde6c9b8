package mcpserver

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

//go:embed run_codex_tasks.input.json
var runCodexTasksInput []byte

const runCodexTasksDescription = `Run coding tasks with OpenAI Codex, in parallel, each in its own throwaway container on its own git worktree, and get back for each a verdict with evidence: the patch, the changed files, the commands run with their exit codes, and every rule that was broken. Nothing is applied to the user's checkout.

Put all independent tasks into one call. A call takes minutes; if the client moves it to the background, the result comes later: do not call again.`

func (s *Server) runCodexTasks() (server.ServerTool, error) {
	const name = "run_codex_tasks"
	input, err := compileInput(runCodexTasksInput)
	if err != nil {
		return server.ServerTool{}, fmt.Errorf("%s: %w", name, err)
	}
	output, err := outputSchema(task.RunResult{})
	if err != nil {
		return server.ServerTool{}, fmt.Errorf("%s: %w", name, err)
	}
	const title = "Run coding tasks with Codex"
	tool := mcp.Tool{
		Name: name, Title: title, Description: runCodexTasksDescription,
		RawInputSchema: input.raw, RawOutputSchema: output,
		Annotations: mcp.ToolAnnotation{
			Title:           title,
			ReadOnlyHint:    mcp.ToBoolPtr(false),
			DestructiveHint: mcp.ToBoolPtr(false), // it applies nothing
			IdempotentHint:  mcp.ToBoolPtr(false),
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
		var in task.Request
		if problems := input.decode(req.Params.RawArguments, &in, checkIDs); len(problems) > 0 {
			return badArguments(name, problems), nil
		}
		repo, ask, err := s.repository(ctx, req)
		if err != nil {
			return s.failure(ctx, name, err, ""), nil
		}
		if ask != nil {
			return ask, nil
		}
		progress := startProgress(ctx, len(in.Tasks))
		defer progress.stop()
		result, err := s.backend.RunTasks(ctx, repo, in, progress.update)
		progress.stop()
		if err != nil {
			return s.failure(ctx, name, err, result.JournalPath), nil
		}
		return runResult(result), nil
	}
	return server.ServerTool{Tool: tool, Handler: handle}, nil
}

// checkIDs finds what a schema cannot say: ids that are the same on a file
// system that ignores case, and ids that a path would not survive.
func checkIDs(tree any) []problem {
	args, _ := tree.(map[string]any)
	var problems []problem
	check := func(id string, path ...string) {
		if id != "" && strings.Trim(id, ".") == "" {
			problems = append(problems, problem{path, "is " + describe(id) + "; it must hold something else than dots."})
		}
	}
	if id, ok := args["run_id"].(string); ok {
		check(id, "run_id")
	}
	tasks, _ := args["tasks"].([]any)
	first := map[string]int{}
	for i, t := range tasks {
		fields, _ := t.(map[string]any)
		id, ok := fields["task_id"].(string)
		if !ok {
			continue
		}
		path := []string{"tasks", strconv.Itoa(i), "task_id"}
		check(id, path...)
		if j, taken := first[strings.ToLower(id)]; taken {
			problems = append(problems, problem{path, fmt.Sprintf(
				"is %s, which tasks[%d] has already (case is ignored); it must be unique.", describe(id), j)})
			continue
		}
		first[strings.ToLower(id)] = i
	}
	return problems
}

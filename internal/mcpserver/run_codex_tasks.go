package mcpserver

import (
	"context"
	_ "embed"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

//go:embed run_codex_tasks.input.json
var runCodexTasksInput []byte

const runCodexTasksDescription = `Run coding tasks with OpenAI Codex, in parallel, each in its own throwaway container on its own git worktree, and get back for each a verdict with evidence: the patch, the changed files, the commands run with their exit codes, what your verify_commands said, and every rule that was broken. Nothing is applied to the user's checkout: apply_codex_patches does that, once you have reviewed the patches.

Put all tasks into one call. Independent tasks run at once; a task that needs another's changes names it in depends_on and starts from its patch.

A run takes minutes. With wait_seconds the call returns by then with status "running" and says in next how to get the result; the run goes on. If the client moves the call to the background, the result comes later. In both cases do not start the run again. Cancelling this call cancels the run.`

func (s *Server) runCodexTasks() (server.ServerTool, error) {
	return tool[task.Request, task.RunResult]{
		name: "run_codex_tasks", title: "Run coding tasks with Codex", description: runCodexTasksDescription,
		input: runCodexTasksInput,
		// It applies nothing; and no model says the same twice.
		hints: hints{openWorld: true},
		check: checkIDs,
		do: func(ctx context.Context, repo string, in task.Request) (*mcp.CallToolResult, error) {
			return s.launch(ctx, launch{
				repo: repo, tasks: len(in.Tasks), wait: in.WaitSeconds,
				begin: func(ctx context.Context) (string, error) { return s.backend.StartTasks(ctx, repo, in) },
				show:  func(r task.RunResult) (*mcp.CallToolResult, error) { return runResult(r), nil },
			})
		},
	}.build(s)
}

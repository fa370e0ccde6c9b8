package mcpserver

import (
	"context"
	_ "embed"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

//go:embed wait_codex_run.input.json
var waitCodexRunInput []byte

const waitCodexRunDescription = `Wait for a run that run_codex_tasks or review_plan_with_codex has started, and get its result, as that call would have given it: for a review, the report is in review. Works for runs that ended long ago, too.

With wait_seconds it returns by then, with status "running" and what is done so far; call it again. Cancelling this call ends the waiting only: the run goes on. To stop it, use cancel_codex_run.`

// waitInput is the arguments of wait_codex_run.
type waitInput struct {
	RunID       string `json:"run_id"`
	WaitSeconds *int   `json:"wait_seconds"`
}

func (s *Server) waitCodexRun() (server.ServerTool, error) {
	return tool[waitInput, task.RunResult]{
		name: "wait_codex_run", title: "Wait for a Codex run", description: waitCodexRunDescription,
		input:  waitCodexRunInput,
		hints:  hints{readOnly: true, idempotent: true},
		search: "wait for a running Codex run, get its result by run_id",
		check:  checkIDs,
		do: func(ctx context.Context, repo string, in waitInput) (*mcp.CallToolResult, error) {
			progress := startProgress(ctx, 0)
			defer progress.stop()
			r, err := s.await(ctx, repo, in.RunID, s.deadline(in.WaitSeconds), progress.update)
			progress.stop()
			if err == nil && r.Status == task.RunRunning && ctx.Err() != nil {
				err = context.Cause(ctx) // not the patience of this call: the server itself is going
			}
			if err != nil {
				return nil, err
			}
			return runResult(r), nil
		},
	}.build(s)
}

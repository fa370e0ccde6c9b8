package mcpserver

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

//go:embed cancel_codex_run.input.json
var cancelCodexRunInput []byte

const cancelCodexRunDescription = `Stop a run, or one of its tasks: its containers are killed. Tasks that are done keep their results, a task that was stopped is failed with what it left, one that had not started is skipped. Says what was cancelled and where the run stands now. What has ended already stays as it is.`

// ErrCancelRequested is the cause with which cancel_codex_run cancels.
var ErrCancelRequested = errors.New("cancel_codex_run was called")

// settleTime is how long cancel_codex_run waits for what it has cancelled to end.
const settleTime = 10 * time.Second

// cancelInput is the arguments of cancel_codex_run.
type cancelInput struct {
	RunID  string `json:"run_id"`
	TaskID string `json:"task_id"`
}

// cancelResult is what cancel_codex_run tells.
type cancelResult struct {
	RunID  string `json:"run_id"`
	TaskID string `json:"task_id,omitempty"`
	// Cancelled is false if it had ended before.
	Cancelled bool           `json:"cancelled"`
	Run       task.RunResult `json:"run"`
}

func (s *Server) cancelCodexRun() (server.ServerTool, error) {
	return tool[cancelInput, cancelResult]{
		name: "cancel_codex_run", title: "Cancel a Codex run", description: cancelCodexRunDescription,
		input:  cancelCodexRunInput,
		hints:  hints{destructive: true, idempotent: true},
		search: "cancel or stop a Codex run or one task",
		check:  checkIDs,
		do: func(ctx context.Context, repo string, in cancelInput) (*mcp.CallToolResult, error) {
			r, err := s.look(ctx, repo, in.RunID)
			if err != nil {
				return nil, err
			}
			one, err := onlyTask(r, in.TaskID)
			if err != nil {
				return nil, err
			}
			cancel := r.Status == task.RunRunning && (in.TaskID == "" || !ended(one))
			if cancel {
				if r, err = s.cancelled(ctx, repo, in); err != nil {
					return nil, err
				}
				if in.TaskID == "" {
					r = stopping(r)
				}
			}
			return wrappedRun(r, func(r task.RunResult) cancelResult {
				return cancelResult{RunID: in.RunID, TaskID: in.TaskID, Cancelled: cancel, Run: r}
			}, cancelText), nil
		},
	}.build(s)
}

// ended says of the one task of r that it has: there is a result once it is done,
// or its state says so, as of one that was skipped.
func ended(r task.RunResult) bool {
	return len(r.Results) > 0 || slices.ContainsFunc(r.Progress, func(t task.TaskProgress) bool { return t.State == task.Done })
}

// cancelled cancels and says where the run stands when that has had its effect,
// or settleTime later.
func (s *Server) cancelled(ctx context.Context, repo string, in cancelInput) (task.RunResult, error) {
	if err := s.backend.Cancel(ctx, repo, in.RunID, in.TaskID, ErrCancelRequested); err != nil {
		return task.RunResult{}, err
	}
	settled, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	return s.await(settled, repo, in.RunID, time.Time{}, func(p task.Progress) {
		if slices.ContainsFunc(p.Tasks, func(t task.TaskProgress) bool { return t.ID == in.TaskID && t.State == task.Done }) {
			cancel()
		}
	})
}

// cancelText tells what was cancelled as text: every fact of the structured form.
func cancelText(c cancelResult) string {
	what := "The run " + c.RunID
	if c.TaskID != "" {
		what = "The task " + c.TaskID + " of the run " + c.RunID
	}
	if !c.Cancelled {
		return fmt.Sprintf("%s had ended already: nothing was cancelled.\n\n%s", what, runText(c.Run))
	}
	return fmt.Sprintf("%s was cancelled.\n\n%s", what, runText(c.Run))
}

package mcpserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// The tasks extension, as of github.com/modelcontextprotocol/ext-tasks, draft of
// 2026-08-21. It is for clients of the 2026-07-28 era. In the eras before it must
// not be used (SEP-2663, Backward Compatibility), whatever a client declares: MCP
// Inspector 2.12 declares it in all of them, and calls a task a broken result.
const (
	tasksExtension    = "io.modelcontextprotocol/tasks"
	methodTasksUpdate = "tasks/update"
)

// ErrTaskCancelled is the cause with which tasks/cancel cancels.
var ErrTaskCancelled = errors.New("the client cancelled the task")

// takesTasks says whether the client of this request takes a task for an answer.
func takesTasks(ctx context.Context) bool {
	info := server.RequestProtocolInfoFromContext(ctx)
	if info == nil || !info.Modern || info.ClientCapabilities == nil {
		return false
	}
	_, ok := info.ClientCapabilities.Extensions[tasksExtension].(map[string]any)
	return ok
}

// needsTasks is the error for clients that do not say that they know of tasks.
func needsTasks() *reply {
	type capabilities struct {
		Extensions map[string]struct{} `json:"extensions"`
	}
	return faultReply(mcp.MISSING_REQUIRED_CLIENT_CAPABILITY, "this needs the client capability extensions["+tasksExtension+"]",
		map[string]any{"requiredCapabilities": capabilities{map[string]struct{}{tasksExtension: {}}}})
}

// taskCreated is the answer of a call whose run is at work.
func (s *Server) taskCreated(ctx context.Context, m metRun, r task.RunResult) *reply {
	t := s.taskOf(ctx, m, r, nil)
	t.Result = s.resultOf(resultTypeTask)
	return &reply{result: t}
}

// getTask is tasks/get. Every run is a task, by its id, also those of before.
func (s *Server) getTask(ctx context.Context, c *session) *reply {
	m, _, fault := s.askedTask(ctx, c)
	if fault != nil {
		return fault
	}
	r, err := s.look(ctx, m.repo, m.id)
	t := s.taskOf(ctx, m, r, err)
	t.Result = s.resultOf(mcp.ResultTypeComplete)
	return &reply{result: t}
}

// updateTask is tasks/update. No task of ours asks for input, and answers to what
// was not asked are to be ignored.
func (s *Server) updateTask(ctx context.Context, c *session) *reply {
	_, p, fault := s.askedTask(ctx, c)
	if fault != nil {
		return fault
	}
	if len(p.InputResponses) == 0 || p.InputResponses[0] != '{' {
		return faultReply(mcp.INVALID_PARAMS, "params.inputResponses must be an object", nil)
	}
	return &reply{result: s.resultOf(mcp.ResultTypeComplete)}
}

// cancelTask is tasks/cancel: it acknowledges, and the run ends soon after.
func (s *Server) cancelTask(ctx context.Context, c *session) *reply {
	m, _, fault := s.askedTask(ctx, c)
	if fault != nil {
		return fault
	}
	if err := s.backend.Cancel(ctx, m.repo, m.id, "", ErrTaskCancelled); err != nil {
		return s.taskFault("cancel", m.id, err)
	}
	return &reply{result: s.resultOf(mcp.ResultTypeComplete)}
}

// taskParams are those of all methods of tasks.
type taskParams struct {
	TaskID         string          `json:"taskId"`
	InputResponses json.RawMessage `json:"inputResponses"`
}

// askedTask is the run that a request is about.
func (s *Server) askedTask(ctx context.Context, c *session) (m metRun, p taskParams, fault *reply) {
	if !takesTasks(ctx) {
		return metRun{}, p, needsTasks()
	}
	if err := json.Unmarshal(c.req.params, &p); err != nil {
		return metRun{}, p, faultReply(mcp.INVALID_PARAMS, "params.taskId must be a string", nil)
	}
	m, err := s.meet(ctx, p.TaskID)
	if err != nil {
		return metRun{}, p, s.taskFault("find", p.TaskID, err)
	}
	return m, p, nil
}

// taskFault is the error for a task that is not there, or of which a refusal says
// that it cannot be done; else the fault is ours.
func (s *Server) taskFault(what, id string, err error) *reply {
	text := fmt.Sprintf("%s task %q: %v", what, oneLine(id, 80), err)
	if len(task.Refusals(err)) > 0 {
		return faultReply(mcp.INVALID_PARAMS, text, nil)
	}
	s.log.Error("a task was not found or cancelled", "task", oneLine(id, 80), "error", err)
	return faultReply(mcp.INTERNAL_ERROR, "internal error: "+text, nil)
}

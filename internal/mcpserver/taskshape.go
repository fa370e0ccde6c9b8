package mcpserver

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// The states of a task in the tasks extension. There are two more: input_required,
// which a run never is, and failed, which is for calls that end in a JSON-RPC
// error, which ours do not.
const (
	taskWorking   = "working"
	taskCompleted = "completed"
	taskCancelled = "cancelled"
)

// resultTypeTask marks the answer of a call that has become a task.
const resultTypeTask mcp.ResultType = "task"

// pollInterval is how often a client is asked to poll, and how often a task that
// it listens to is told at most.
const pollInterval = 2 * time.Second

// mcpTask is a task on the wire: as the result that makes it (without Result), as
// the result of tasks/get, and as the params of notifications/tasks (without
// ResultType).
type mcpTask struct {
	mcp.Result
	TaskID        string    `json:"taskId"`
	Status        string    `json:"status"`
	StatusMessage string    `json:"statusMessage,omitempty"`
	CreatedAt     time.Time `json:"createdAt"`
	LastUpdatedAt time.Time `json:"lastUpdatedAt"`
	// TTLMs is null: a run is kept until newer ones push it out, not for a time.
	TTLMs          *int64              `json:"ttlMs"`
	PollIntervalMs int64               `json:"pollIntervalMs"`
	Outcome        *mcp.CallToolResult `json:"result,omitempty"`
}

// ended says that the task will not change any more.
func (t mcpTask) ended() bool { return t.Status != taskWorking }

// taskOf tells a run, or the error with which it ended, as a task.
func (s *Server) taskOf(ctx context.Context, m metRun, r task.RunResult, err error) mcpTask {
	now := time.Now()
	t := mcpTask{
		TaskID: m.id, CreatedAt: wireTime(m.created), LastUpdatedAt: wireTime(now),
		PollIntervalMs: pollInterval.Milliseconds(),
	}
	ended := func(status, message string, outcome *mcp.CallToolResult) mcpTask {
		t.Status, t.StatusMessage, t.Outcome = status, oneLine(message, maxMessage), outcome
		if took := time.Duration(r.TotalDurationMS) * time.Millisecond; took > 0 {
			t.LastUpdatedAt = wireTime(m.created.Add(took))
		}
		if outcome != nil {
			outcome.ResultType = mcp.ResultTypeComplete
			s.sign(&outcome.Result)
		}
		return t
	}
	if err == nil && r.Status == task.RunRunning {
		p := task.Progress{RunID: r.RunID, Tasks: r.Progress}
		t.Status, t.StatusMessage = taskWorking, progressLine(p, len(p.Tasks), "", m.created, now)
		return t
	}
	if errors.Is(err, ErrTaskCancelled) || errors.Is(err, ErrCancelRequested) {
		return ended(taskCancelled, err.Error(), nil)
	}
	if why := whyCancelled(r); err == nil && why != "" {
		return ended(taskCancelled, why, nil)
	}
	// From here on as the plain call: what it would have answered is the result,
	// also if that is an error of the tool.
	var outcome *mcp.CallToolResult
	if err == nil {
		outcome, err = m.show(r)
	}
	if err != nil {
		outcome = s.failure(ctx, "run "+m.id, err)
		return ended(taskCompleted, "ended without a result", outcome)
	}
	headline, _, _ := strings.Cut(runText(r), "\n")
	return ended(taskCompleted, headline, outcome)
}

// whyCancelled is empty unless a run was cancelled before anything of it was done.
// Otherwise it has a result that is worth having, which says what was cancelled.
// It looks at the result alone, so that a task never changes its last state.
func whyCancelled(r task.RunResult) string {
	why := ""
	for _, t := range r.Results {
		switch {
		case t.Failure != nil && t.Failure.Kind == task.FailCancelled:
			why = t.Failure.Message
		case t.Status != task.Skipped:
			return ""
		}
	}
	return why
}

// wireTime is a time as clients parse it.
func wireTime(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

package mcpserver

import (
	"context"
	_ "embed"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

//go:embed review_plan_with_codex.input.json
var reviewPlanInput []byte

const reviewPlanDescription = `Have a plan of several tasks reviewed by OpenAI Codex before anyone works on it. Codex looks at the repository (read-only, in a throwaway container, without a network) and says what is missing from the plan, badly ordered, in conflict when run in parallel, untested, risky or too large. What the plan's text alone proves, such as a cycle, is found without a model and comes first in each list.

Nothing is changed. A review takes minutes. With wait_seconds the call returns by then with status "running" and an empty report, and next says how to get it. If the client moves the call to the background, the result comes later. In both cases do not call again. Cancelling this call cancels the review.`

func (s *Server) reviewPlanWithCodex() (server.ServerTool, error) {
	return tool[task.ReviewRequest, task.ReviewResult]{
		name: "review_plan_with_codex", title: "Review a plan with Codex", description: reviewPlanDescription,
		input: reviewPlanInput,
		hints: hints{readOnly: true, openWorld: true},
		do: func(ctx context.Context, repo string, in task.ReviewRequest) (*mcp.CallToolResult, error) {
			return s.launch(ctx, launch{
				repo: repo, tasks: 1, wait: in.WaitSeconds,
				begin: func(ctx context.Context) (string, error) { return s.backend.StartReview(ctx, repo, in) },
				show:  reviewOf,
			})
		},
	}.build(s)
}

// reviewOf tells the review that a run made.
func reviewOf(r task.RunResult) (*mcp.CallToolResult, error) {
	if r.Review == nil && r.Status != task.RunRunning { // an empty report would say that the plan is good
		return nil, notReviewed(r)
	}
	return reviewResult(r.AsReview()), nil
}

// notReviewed says why a run that is over has no review.
func notReviewed(r task.RunResult) error {
	refusal := &task.Refusal{
		What: "The review was not made: its run " + r.RunID + " ended without one.",
		Mend: "Try again; what there is of it is in " + r.JournalPath + ".",
	}
	if len(r.Results) > 0 && r.Results[0].Failure != nil {
		f := r.Results[0].Failure
		refusal.What = "The review was not made: " + f.Message
		refusal.Mend = f.Hint + " What there is of it is in " + r.JournalPath + "."
	}
	return refusal
}

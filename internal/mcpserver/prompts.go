package mcpserver

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
)

// The prompts are what a person would otherwise have to explain to a model each
// time. {{…}} is the place of the argument.
var (
	//go:embed delegate_to_codex.md
	delegateToCodex string
	//go:embed review_codex_run.md
	reviewCodexRun string
)

// runArgument is the argument of review_codex_run.
const runArgument = "run_id"

func (s *Server) addPrompts() {
	s.addPrompt("delegate_to_codex", "Delegate to Codex", "Plan a piece of work, have the plan reviewed, let Codex do it, and judge the result by evidence.",
		"goal", "What is to be achieved, in your own words.", delegateToCodex)
	s.addPrompt("review_codex_run", "Review a Codex run", "Go through the results of a run task by task, and apply what stands.",
		runArgument, "The run, as list_codex_runs names it.", reviewCodexRun)
}

// addPrompt offers a prompt with one argument, which must be given.
func (s *Server) addPrompt(name, title, description, argument, meaning, text string) {
	s.mcp.AddPrompt(mcp.NewPrompt(name, mcp.WithPromptTitle(title), mcp.WithPromptDescription(description),
		mcp.WithArgument(argument, mcp.ArgumentDescription(meaning), mcp.RequiredArgument())),
		func(ctx context.Context, req mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			value := strings.TrimSpace(strings.ToValidUTF8(req.Params.Arguments[argument], "\uFFFD"))
			if value == "" {
				answerInstead(ctx, faultReply(mcp.INVALID_PARAMS, fmt.Sprintf("the prompt %s needs the argument %s", name, argument), nil))
			}
			filled := strings.ReplaceAll(text, "{{"+argument+"}}", value)
			return mcp.NewGetPromptResult(description, []mcp.PromptMessage{
				mcp.NewPromptMessage(mcp.RoleUser, mcp.NewTextContent(filled)),
			}), nil
		})
}

package mcpserver

import (
	"context"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
)

// maxCompleted is how many values the protocol allows.
const maxCompleted = 100

// completer completes the arguments of prompts and of resource templates.
type completer struct{ server *Server }

// CompletePromptArgument implements server.PromptCompletionProvider.
func (c completer) CompletePromptArgument(ctx context.Context, _ string, a mcp.CompleteArgument, _ mcp.CompleteContext) (*mcp.Completion, error) {
	if a.Name != runArgument {
		return completion(nil, a.Value), nil
	}
	return completion(c.runs(ctx), a.Value), nil
}

// CompleteResourceArgument implements server.ResourceCompletionProvider. uri is
// the template.
func (c completer) CompleteResourceArgument(ctx context.Context, uri string, a mcp.CompleteArgument, known mcp.CompleteContext) (*mcp.Completion, error) {
	var values []string
	switch {
	case uri != taskTemplate && uri != runTemplate:
	case a.Name == "run":
		values = c.runs(ctx)
	case a.Name == "task":
		for _, r := range c.server.newestRuns(ctx, maxCompleted) {
			if r.RunID == known.Arguments["run"] {
				values = r.TaskIDs
			}
		}
	case a.Name == "section" && uri == taskTemplate:
		values = strings.Split(sectionNames(taskSections), ", ")
	case a.Name == "section":
		values = strings.Split(sectionNames(runSections), ", ")
	}
	return completion(values, a.Value), nil
}

// runs are the ids of the newest runs.
func (c completer) runs(ctx context.Context) []string {
	var ids []string
	for _, r := range c.server.newestRuns(ctx, maxCompleted) {
		ids = append(ids, r.RunID)
	}
	return ids
}

// completion is those values that go on from what has been typed.
func completion(values []string, typed string) *mcp.Completion {
	var fitting []string
	for _, v := range values {
		if strings.HasPrefix(v, typed) {
			fitting = append(fitting, v)
		}
	}
	return &mcp.Completion{
		Values: fitting[:min(len(fitting), maxCompleted)], Total: len(fitting), HasMore: len(fitting) > maxCompleted,
	}
}

package mcpserver

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

//go:embed list_codex_runs.input.json
var listCodexRunsInput []byte

const listCodexRunsDescription = `List the Codex runs that are kept for this repository, the newest first, with their status and how many of their tasks are done and a success. Use it to find the run_id of a run whose result was lost.`

// defaultRuns is how many runs are listed if the call does not say.
const defaultRuns = 20

// listInput is the arguments of list_codex_runs.
type listInput struct {
	Limit int `json:"limit"`
}

// runList is what list_codex_runs tells.
type runList struct {
	Runs []task.RunSummary `json:"runs"`
	// Total is how many runs are kept.
	Total int `json:"total"`
	// Truncated says what was cut to fit: "task_ids", "runs".
	Truncated []string `json:"truncated,omitempty"`
}

func (s *Server) listCodexRuns() (server.ServerTool, error) {
	return tool[listInput, runList]{
		name: "list_codex_runs", title: "List Codex runs", description: listCodexRunsDescription,
		input:  listCodexRunsInput,
		hints:  hints{readOnly: true, idempotent: true},
		search: "list recent Codex runs, find a lost run_id",
		do: func(ctx context.Context, repo string, in listInput) (*mcp.CallToolResult, error) {
			runs, err := s.backend.Runs(ctx, repo)
			if err != nil {
				return nil, err
			}
			if in.Limit == 0 {
				in.Limit = defaultRuns
			}
			return listResult(runList{Runs: runs[:min(len(runs), in.Limit)], Total: len(runs)}), nil
		},
	}.build(s)
}

// listResult tells a list: ids of tasks give way first, then the oldest runs.
func listResult(l runList) *mcp.CallToolResult {
	l = tidy(l)
	return fitted(nil, func(c caps) runList { return cutRuns(l, c) }, listText)
}

// cutRuns returns a copy of l within caps.
func cutRuns(l runList, c caps) runList {
	var less bool
	l.Runs, less = cutList(l.Runs, c.path)
	l.Runs = slices.Clone(l.Runs)
	ids := false
	for i := range l.Runs {
		var cut bool
		l.Runs[i].TaskIDs, cut = cutList(l.Runs[i].TaskIDs, c.list, itself)
		ids = ids || cut
	}
	if ids {
		l.Truncated = append(l.Truncated, "task_ids")
	}
	if less {
		l.Truncated = append(l.Truncated, "runs")
	}
	return l
}

// listText tells a list as text: every fact of the structured form.
func listText(l runList) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d runs are listed, the newest first.\n", len(l.Runs), l.Total)
	fact(&b, "truncated", strings.Join(l.Truncated, ", "))
	for _, r := range l.Runs {
		fmt.Fprintf(&b, "\n## %s: %s (%d of %d tasks done, %d success), begun %s\n",
			r.RunID, r.Status, r.Done, r.Tasks, r.Succeeded, r.CreatedAt.Format(time.RFC3339Nano))
		fact(&b, "tasks", strings.Join(r.TaskIDs, ", "))
		fact(&b, "base commit", r.BaseCommit)
		fact(&b, "journal", r.JournalPath)
	}
	return b.String()
}

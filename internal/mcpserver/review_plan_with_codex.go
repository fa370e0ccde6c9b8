package mcpserver

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

//go:embed review_plan_with_codex.input.json
var reviewPlanInput []byte

const reviewPlanDescription = `Have a plan of several tasks reviewed by OpenAI Codex before anyone works on it. Codex looks at the repository (read-only, in a throwaway container, without a network) and says what is missing from the plan, badly ordered, in conflict when run in parallel, untested, risky or too large. What the plan's text alone proves, such as a cycle, is found without a model and comes first in each list.

Nothing is changed. A call takes minutes; if the client moves it to the background, the result comes later: do not call again.`

func (s *Server) reviewPlanWithCodex() (server.ServerTool, error) {
	return longCall[task.ReviewRequest, task.ReviewResult]{
		name: "review_plan_with_codex", title: "Review a plan with Codex", description: reviewPlanDescription,
		input:    reviewPlanInput,
		readOnly: true,
		units:    func(task.ReviewRequest) int { return 1 },
		do:       s.backend.ReviewPlan,
		files:    func(out task.ReviewResult) string { return out.JournalPath },
		show:     reviewResult,
	}.tool(s)
}

// reviewResult tells a review in both forms that a client may show, as runResult
// does for a run.
func reviewResult(r task.ReviewResult) *mcp.CallToolResult {
	r = tidy(r)
	c := fit(maxResult, func(c caps) bool {
		cut := cutReview(r, c.list)
		return jsonWidth(cut, maxResult) <= maxResult && width(reviewText(cut)) <= maxResult
	})
	cut := cutReview(r, c.list)
	return &mcp.CallToolResult{Content: []mcp.Content{mcp.NewTextContent(reviewText(cut))}, StructuredContent: cut}
}

// reviewList is a list of a report, by its names for a program and for a reader.
type reviewList struct {
	name, title string
	sentences   *[]string
}

func reviewLists(r *task.ReviewReport) []reviewList {
	return []reviewList{
		{"missing_tasks", "Missing tasks", &r.MissingTasks},
		{"dependency_issues", "Dependency issues", &r.DependencyIssues},
		{"parallelization_suggestions", "Parallelization", &r.ParallelizationSuggestions},
		{"test_gaps", "Test gaps", &r.TestGaps},
		{"risk_flags", "Risks", &r.RiskFlags},
		{"recommended_task_splits", "Recommended task splits", &r.RecommendedTaskSplits},
	}
}

// cutReview returns a copy of r in which each list weighs at most limit. The most
// important sentences come first and stay.
func cutReview(r task.ReviewResult, limit int) task.ReviewResult {
	whole := func(s *string) *string { return s }
	r.Truncated = slices.Clone(r.Truncated)
	for _, l := range reviewLists(&r.Report) {
		var cut bool
		if *l.sentences, cut = cutList(*l.sentences, limit, whole); cut {
			r.Truncated = append(r.Truncated, "report."+l.name)
		}
	}
	var cut bool
	if r.Notes, cut = cutList(r.Notes, limit, whole); cut {
		r.Truncated = append(r.Truncated, "notes")
	}
	return r
}

// reviewText tells a review as text: every fact of the structured form.
func reviewText(r task.ReviewResult) string {
	var b strings.Builder
	count := 0
	for _, l := range reviewLists(&r.Report) {
		count += len(*l.sentences)
	}
	switch count {
	case 0:
		b.WriteString("The review found nothing wrong with the plan.\n")
	case 1:
		b.WriteString("The review says 1 thing about the plan.\n")
	default:
		fmt.Fprintf(&b, "The review says %d things about the plan.\n", count)
	}
	for _, n := range r.Notes {
		fact(&b, "note", n)
	}
	for _, l := range reviewLists(&r.Report) {
		if len(*l.sentences) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n", l.title)
		for _, s := range *l.sentences {
			// One line each: what Codex says must not read as a line of ours.
			fmt.Fprintf(&b, "- %s\n", strings.ReplaceAll(lineBreaks.Replace(s), "\n", " "))
		}
	}
	b.WriteByte('\n')
	fact(&b, "run", r.RunID)
	fact(&b, "base commit", r.BaseCommit)
	fact(&b, "journal", r.JournalPath)
	u := r.Usage
	fmt.Fprintf(&b, "usage: %d tokens in (%d cached), %d out (%d reasoning), %d model requests\n",
		u.InputTokens, u.CachedInputTokens, u.OutputTokens, u.ReasoningTokens, u.ModelRequests)
	fact(&b, "truncated", strings.Join(r.Truncated, ", "))
	return b.String()
}

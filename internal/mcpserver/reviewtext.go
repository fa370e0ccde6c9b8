package mcpserver

import (
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// reviewResult tells a review in both forms.
func reviewResult(r task.ReviewResult) *mcp.CallToolResult {
	r = tidy(r)
	return fitted(nil, func(c caps) task.ReviewResult { return cutReview(r, c.list) }, reviewText)
}

// reviewTitles are what stands above the lists of a report, by the lists' names.
var reviewTitles = map[string]string{
	"missing_tasks":               "Missing tasks",
	"dependency_issues":           "Dependency issues",
	"parallelization_suggestions": "Parallelization",
	"test_gaps":                   "Test gaps",
	"risk_flags":                  "Risks",
	"recommended_task_splits":     "Recommended task splits",
}

// cutReview returns a copy of r in which each list weighs at most limit.
func cutReview(r task.ReviewResult, limit int) task.ReviewResult {
	names := append(cutNames{}, r.Truncated...)
	names.report("report", &r.Report, limit)
	names.list("notes", &r.Notes, limit)
	r.Truncated = names
	return r
}

// reviewText tells a review as text: every fact of the structured form.
func reviewText(r task.ReviewResult) string {
	var b strings.Builder
	if r.Status == task.RunRunning {
		b.WriteString("The review is not done yet.\n")
	} else {
		b.WriteString(reportSummary(r.Report))
	}
	fact(&b, "next", r.Next)
	for _, n := range r.Notes {
		fact(&b, "note", n)
	}
	reportText(&b, r.Report)
	b.WriteByte('\n')
	fact(&b, "run", r.RunID)
	fact(&b, "status", string(r.Status))
	fact(&b, "base commit", r.BaseCommit)
	fact(&b, "journal", r.JournalPath)
	fact(&b, "usage", usage(r.Usage))
	fact(&b, "truncated", strings.Join(r.Truncated, ", "))
	return b.String()
}

// reportSummary says in a line how much a report says.
func reportSummary(r task.ReviewReport) string {
	n := 0
	for _, l := range r.Lists() {
		n += len(*l.Sentences)
	}
	if n == 0 {
		return "The review found nothing wrong with the plan.\n"
	}
	return "The review says " + count(n, "thing") + " about the plan.\n"
}

// reportText writes a section for each list that says anything.
func reportText(b *strings.Builder, r task.ReviewReport) {
	for _, l := range r.Lists() {
		if len(*l.Sentences) == 0 {
			continue
		}
		b.WriteString("\n## " + reviewTitles[l.Name] + "\n")
		for _, s := range *l.Sentences {
			// One line each: what Codex says must not read as a line of ours.
			b.WriteString("- " + strings.ReplaceAll(lineBreaks.Replace(s), "\n", " ") + "\n")
		}
	}
}

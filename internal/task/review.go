package task

// ReviewRequest is the input of review_plan_with_codex, decoded and not yet checked.
type ReviewRequest struct {
	// PlanText is the plan, in any form that people write plans in.
	PlanText string `json:"plan_text"`
	// RepoContext is what the caller says about the repository; may be empty.
	RepoContext string `json:"repo_context,omitempty"`
	// WaitSeconds is that of Request.
	WaitSeconds *int `json:"wait_seconds,omitempty"`
}

// ReviewReport is what is wrong with a plan. Each entry is one sentence that can
// be read alone and names the task it is about.
type ReviewReport struct {
	// MissingTasks are needed and not in the plan.
	MissingTasks []string `json:"missing_tasks"`
	// DependencyIssues are cycles, impossible references, and tasks that nothing
	// orders although they need an order.
	DependencyIssues []string `json:"dependency_issues"`
	// ParallelizationSuggestions say what can run at once and what should not.
	ParallelizationSuggestions []string `json:"parallelization_suggestions"`
	TestGaps                   []string `json:"test_gaps"`
	RiskFlags                  []string `json:"risk_flags"`
	// RecommendedTaskSplits name tasks that are too large for one go.
	RecommendedTaskSplits []string `json:"recommended_task_splits"`
}

// ReviewList is one of a report's lists.
type ReviewList struct {
	// Name is the field's in JSON, Title a reader's.
	Name, Title string
	// Sentences is the field itself.
	Sentences *[]string
}

// Lists are the report's six lists, in the order of its fields.
func (r *ReviewReport) Lists() []ReviewList {
	return []ReviewList{
		{"missing_tasks", "Missing tasks", &r.MissingTasks},
		{"dependency_issues", "Dependency issues", &r.DependencyIssues},
		{"parallelization_suggestions", "What can run at once", &r.ParallelizationSuggestions},
		{"test_gaps", "Test gaps", &r.TestGaps},
		{"risk_flags", "Risks", &r.RiskFlags},
		{"recommended_task_splits", "Tasks to split", &r.RecommendedTaskSplits},
	}
}

// ReviewResult is what a client is told about a plan.
type ReviewResult struct {
	Report ReviewReport `json:"report"`
	// RunID names the run that gave the report, the last if there were two.
	RunID string `json:"run_id"`
	// BaseCommit is what Codex looked at.
	BaseCommit string `json:"base_commit"`
	// JournalPath is the run's directory, absolute.
	JournalPath string `json:"journal_path"`
	// Usage is that of all runs together.
	Usage Usage `json:"usage"`
	// Notes concern the review as a whole, such as a first answer that was no report.
	Notes []string `json:"notes"`
	// Truncated names the fields that were cut to fit; what Codex said is whole
	// in the journal.
	Truncated []string `json:"truncated,omitempty"`
	// Status is running if the caller's patience ended first: then Report is
	// empty and Next says what to call.
	Status RunStatus `json:"status"`
	Next   string    `json:"next,omitempty"`
}

// AsReview is the result of a run that reviewed a plan in the shape that a client
// is told. Without a review, which a run that goes on has not yet, the report is empty.
func (r RunResult) AsReview() ReviewResult {
	review := ReviewResult{
		RunID: r.RunID, BaseCommit: r.BaseCommit, JournalPath: r.JournalPath, Notes: r.Notes, Status: r.Status, Next: r.Next,
	}
	if len(r.Results) > 0 { // the last of the runs has what all of them used
		review.Usage = r.Results[0].Usage
	}
	if r.Review != nil {
		review.Report = *r.Review
	}
	return review
}

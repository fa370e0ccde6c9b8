package task

// Severity says what a finding does to its task.
type Severity string

const (
	// SeverityInfo is worth knowing.
	SeverityInfo Severity = "info"
	// SeverityWarning wants a look; the task may still be a success.
	SeverityWarning Severity = "warning"
	// SeverityError makes the task failed.
	SeverityError Severity = "error"
)

// Finding is one thing that a check says about a task.
type Finding struct {
	// Rule names the check, as in "path-not-allowed". Stable: clients may branch on it.
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	// Detail is one sentence for a person.
	Detail string `json:"detail"`
	// Evidence is the thing itself: a path, a command line, a field's path.
	Evidence string `json:"evidence,omitempty"`
}

package task

// ApplyTarget is where patches go.
type ApplyTarget string

// The targets of an apply.
const (
	// ApplyBranch makes a new branch at the run's base commit.
	ApplyBranch ApplyTarget = "branch"
	// ApplyCheckout adds to what the user has checked out: its branch, and its files.
	ApplyCheckout ApplyTarget = "checkout"
)

// ApplyRequest is the input of apply_codex_patches, decoded and not yet checked.
type ApplyRequest struct {
	RunID string `json:"run_id"`
	// Tasks are the ids to apply; empty means all that are a success and have a
	// patch. What they depend on is applied too, in front of them.
	Tasks []string `json:"tasks,omitempty"`
	// Target is ApplyBranch if empty.
	Target ApplyTarget `json:"target,omitempty"`
	// Branch names the new branch; empty: "codex/" and the run's id.
	Branch string `json:"branch,omitempty"`
	// AcceptUnsuccessful names tasks that are to be applied although they are no success.
	AcceptUnsuccessful []string `json:"accept_unsuccessful,omitempty"`
	// DryRun says what would happen and changes nothing.
	DryRun bool `json:"dry_run,omitempty"`
}

// ApplyResult is what a client is told about an apply.
type ApplyResult struct {
	RunID  string `json:"run_id"`
	DryRun bool   `json:"dry_run"`
	// Applied is true if the repository was changed, or in a dry run would be.
	// It is all or nothing: if one patch does not fit, none is applied.
	Applied bool        `json:"applied"`
	Target  ApplyTarget `json:"target"`
	// Branch is the branch that has the commits; empty for a detached HEAD.
	Branch string `json:"branch"`
	// Start is the commit on which the first patch was put, Head the last commit
	// made; Head equals Start if nothing was to be done.
	Start string `json:"start"`
	Head  string `json:"head"`
	// Tasks are in the order in which their patches were put on each other.
	Tasks []AppliedTask `json:"tasks"`
	// Conflicts are the paths because of which nothing was applied.
	Conflicts []string `json:"conflicts"`
	// Notes say what to know or do next.
	Notes []string `json:"notes"`
}

// AppliedTask is one commit of an apply.
type AppliedTask struct {
	TaskID string `json:"task_id"`
	// Commit is empty if the patch did not fit, or there was nothing to commit.
	Commit string `json:"commit"`
	// FilesChanged are relative to the repository's root.
	FilesChanged []string `json:"files_changed"`
	// Merged is true if the patch's context had moved and a three-way merge was needed.
	Merged bool `json:"merged"`
	// Conflicts are the paths that did not merge.
	Conflicts []string `json:"conflicts"`
}

package task

// Request is the input of run_codex_tasks, decoded and not yet checked.
//
// A nil pointer or nil slice means that the caller left the field out and the
// configuration's default applies; an empty, non-nil slice means "none".
type Request struct {
	// RunID names the run. Empty: one is made up.
	RunID string `json:"run_id,omitempty"`
	// BaseRef is what all tasks start from. Empty: HEAD.
	BaseRef string `json:"base_ref,omitempty"`
	// Concurrency is how many tasks run at once, 1 to 8.
	Concurrency *int `json:"concurrency,omitempty"`
	// ResourcePolicy is "conservative" or "normal".
	ResourcePolicy string `json:"resource_policy,omitempty"`
	// Tasks are started in the order given.
	Tasks []RequestTask `json:"tasks"`
	// DryRun resolves and checks everything and starts no container.
	DryRun bool `json:"dry_run,omitempty"`
	// WaitSeconds is how long the caller waits before it is told "running"; 0
	// answers as soon as the run has begun. The run itself knows nothing of it.
	WaitSeconds *int `json:"wait_seconds,omitempty"`
}

// RequestTask is one prompt of a Request, with its rules.
type RequestTask struct {
	// ID is unique in its run: 1 to 64 of letters, digits, '.', '-', '_'.
	ID string `json:"task_id"`
	// Prompt is what Codex is told.
	Prompt string `json:"prompt"`
	// AllowedPaths are glob patterns, relative to the repository's root.
	AllowedPaths []string `json:"allowed_paths,omitempty"`
	// AllowedCommands are command prefixes, matched word by word.
	AllowedCommands []string `json:"allowed_commands,omitempty"`
	// TimeoutSec bounds the task, container start included, 10 to 600.
	TimeoutSec *int `json:"timeout_sec,omitempty"`
	// DependsOn are ids of tasks of the same Request. This one starts when all of
	// them are a success, from their patches merged; if one is not, it is skipped.
	DependsOn []string `json:"depends_on,omitempty"`
	// VerifyCommands are shell commands that we run after Codex, in a sandbox
	// without Codex, on a clean checkout with the patch applied.
	VerifyCommands []string `json:"verify_commands,omitempty"`
	// Image and Model replace the configuration's.
	Image string `json:"image,omitempty"`
	Model string `json:"model,omitempty"`
	// Attempts is how often the task is done, each time anew, 1 to 5. The best
	// attempt is the task's result.
	Attempts *int `json:"attempts,omitempty"`
}

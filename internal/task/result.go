package task

// Status is how a task ended.
type Status string

// The four ends of a task.
const (
	// Success: the turn completed, the patch applies, no finding of severity error.
	Success Status = "success"
	// Failed: Codex, its container or a check said no; Failure says which.
	Failed Status = "failed"
	// Timeout: the task's own deadline or its idle clock ran out.
	Timeout Status = "timeout"
	// Skipped: dry run, or cancelled before it started.
	Skipped Status = "skipped"
)

// FailureKind says which part of a task failed. Stable: clients may branch on it.
type FailureKind string

// The kinds of failure.
const (
	FailAuth           FailureKind = "auth"              // the model API refused the credentials
	FailRateLimited    FailureKind = "rate_limited"      // the model API said 429
	FailModelAPI       FailureKind = "model_api"         // the model API answered another error
	FailModelUnreached FailureKind = "model_unreachable" // the model API did not answer
	FailCodex          FailureKind = "codex"             // Codex ended without completing its turn
	FailOutOfMemory    FailureKind = "out_of_memory"     // the memory limit killed it
	FailOutputLimit    FailureKind = "output_limit"      // it printed more than max_output_bytes
	FailPatch          FailureKind = "patch"             // the patch does not apply, or is too large
	FailRule           FailureKind = "rule"              // a finding of severity error
	FailBudget         FailureKind = "budget"            // tokens or requests used up
	FailTimeout        FailureKind = "timeout"           // the task's deadline
	FailIdle           FailureKind = "idle"              // no sign of life for idle_timeout_sec
	FailCancelled      FailureKind = "cancelled"         // the caller cancelled
	FailInternal       FailureKind = "internal"          // our machinery broke
)

// Failure says why a task is not a success and what to do about it.
type Failure struct {
	Kind FailureKind `json:"kind"`
	// Message is one sentence of what happened.
	Message string `json:"message"`
	// Hint is one sentence of how to mend it.
	Hint string `json:"hint"`
}

// Logs are where a task's output is.
type Logs struct {
	// Stdout and Stderr are absolute paths of files in the journal.
	Stdout string `json:"stdout"`
	Stderr string `json:"stderr"`
	// Tail is the last 500 characters of both.
	Tail string `json:"tail"`
}

// Result is what a client is told about one task. Every string is UTF-8:
// bytes that are not are replaced; PatchPath names the exact bytes.
type Result struct {
	TaskID string `json:"task_id"`
	Status Status `json:"status"`
	// ExitCode is Codex's; -1 if it did not end by itself.
	ExitCode     int      `json:"exit_code"`
	FilesChanged []string `json:"files_changed"`
	Patch        string   `json:"patch"`
	// PatchApplicable: the patch applies to base_commit and gives what Codex left.
	PatchApplicable bool      `json:"patch_applicable"`
	ApplyCheckLog   string    `json:"apply_check_log"`
	CommandsRun     []Command `json:"commands_run"`
	// Evidence is one sentence for each thing that was checked.
	Evidence []string `json:"evidence"`
	Logs     Logs     `json:"logs"`
	// WorkspacePath is where the worktree was; it is gone unless keep_worktrees says otherwise.
	WorkspacePath string `json:"workspace_path"`
	DurationMS    int64  `json:"duration_ms"`
	// Summary is Codex's own last message: a claim, not evidence.
	Summary string `json:"summary"`
	// NotesForManager is what to know or do next, in plain words.
	NotesForManager string `json:"notes_for_manager"`

	// Failure is absent from a success.
	Failure  *Failure  `json:"failure,omitempty"`
	Findings []Finding `json:"findings"`
	Usage    Usage     `json:"usage"`
	// PatchPath is the patch in the journal, byte for byte; empty if there is none.
	PatchPath string `json:"patch_path"`
	// Truncated names the fields that were cut to fit; the whole is in the journal.
	Truncated []string `json:"truncated,omitempty"`
}

// RunResult is what a client is told about a run.
type RunResult struct {
	RunID           string   `json:"run_id"`
	Results         []Result `json:"results"`
	TotalDurationMS int64    `json:"total_duration_ms"`
	// BaseCommit is what base_ref named when the run began.
	BaseCommit string `json:"base_commit"`
	// JournalPath is the run's directory, absolute.
	JournalPath string `json:"journal_path"`
	// Notes concern the whole run, such as a checkout with uncommitted changes.
	Notes []string `json:"notes"`
}

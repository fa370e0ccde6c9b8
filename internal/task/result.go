package task

import "time"

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
	// Skipped: dry run, cancelled before it started, or a dependency that is no success.
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
	FailVerify         FailureKind = "verify"            // a verify command failed
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
	// DependsOn are the tasks whose patches this one stands on: its patch applies
	// after theirs.
	DependsOn []string `json:"depends_on"`
	// Verification has one entry for each verify command that was run.
	Verification []Verification `json:"verification"`
	// Attempts are all attempts if there were several; absent otherwise. The rest
	// of the Result is that of the chosen one.
	Attempts []Attempt `json:"attempts,omitempty"`
	// RolloutPath is Codex's own session file in the journal; empty unless
	// codex_ephemeral is false.
	RolloutPath string `json:"rollout_path,omitempty"`
	// Truncated names the fields that were cut to fit; the whole is in the journal.
	Truncated []string `json:"truncated,omitempty"`
}

// Verification is what one verify command said, in a fresh sandbox.
type Verification struct {
	Command string `json:"command"`
	Passed  bool   `json:"passed"`
	// ExitCode is -1 if the command did not end by itself.
	ExitCode   int   `json:"exit_code"`
	DurationMS int64 `json:"duration_ms"`
	// OutputTail is the end of what it printed, stdout and stderr as they came.
	OutputTail string `json:"output_tail"`
	// LogPath is all that it printed, in the journal.
	LogPath string `json:"log_path"`
}

// Attempt is one of several attempts at a task.
type Attempt struct {
	// Number counts from 1.
	Number int    `json:"number"`
	Status Status `json:"status"`
	// Chosen is true for the one that became the task's result.
	Chosen bool `json:"chosen"`
	// Findings counts those of severity warning and error.
	Findings   int   `json:"findings"`
	PatchBytes int   `json:"patch_bytes"`
	DurationMS int64 `json:"duration_ms"`
	// JournalPath is the attempt's own directory, absolute.
	JournalPath string `json:"journal_path"`
}

// RunStatus is where a run stands.
type RunStatus string

// The states of a run as a client sees them.
const (
	RunRunning RunStatus = "running"
	RunDone    RunStatus = "done"
	// RunLost: the process that ran it died before it was done.
	RunLost RunStatus = "lost"
)

// RunResult is what a client is told about a run.
type RunResult struct {
	RunID string `json:"run_id"`
	// Results are in the order of the request. While the run lives they are those
	// of the tasks that are done, and Progress has all tasks.
	Results         []Result `json:"results"`
	TotalDurationMS int64    `json:"total_duration_ms"`
	// BaseCommit is what base_ref named when the run began.
	BaseCommit string `json:"base_commit"`
	// JournalPath is the run's directory, absolute.
	JournalPath string `json:"journal_path"`
	// Notes concern the whole run, such as a checkout with uncommitted changes.
	Notes []string `json:"notes"`

	Status RunStatus `json:"status"`
	// Next says what to call next; empty if there is nothing to wait for.
	Next string `json:"next,omitempty"`
	// Progress is where each task stands; absent from a run that is done.
	Progress []TaskProgress `json:"progress,omitempty"`
	// Findings concern the run as a whole, such as a base repository that changed
	// while it lasted.
	Findings []Finding `json:"findings"`
	// Combination says whether the tasks' patches can be taken together; absent
	// if fewer than two tasks have one.
	Combination *Combination `json:"combination,omitempty"`
	// ReportPath is report.html in the journal; empty if there is none.
	ReportPath string `json:"report_path,omitempty"`
	// Review is what review_plan_with_codex found; absent from other runs.
	Review *ReviewReport `json:"review,omitempty"`
}

// Combination says how the patches of a run's tasks go together. It comes from
// merging the trees that they make, not from comparing names.
type Combination struct {
	// Combines: the patches of all tasks that are a success merge, in dependency
	// order, without a conflict.
	Combines bool `json:"combines"`
	// Pairs are those of tasks that touch the same files or do not combine; every
	// other pair combines. A pair of which one depends on the other is not listed.
	Pairs []Pair `json:"pairs"`
}

// Pair is two tasks that may be in each other's way.
type Pair struct {
	// Tasks are two task ids, in the order of the request.
	Tasks []string `json:"tasks"`
	// SharedFiles are changed by both.
	SharedFiles []string `json:"shared_files"`
	Combines    bool     `json:"combines"`
	// Conflicts are the paths that do not merge; empty if Combines.
	Conflicts []string `json:"conflicts"`
}

// RunSummary is one line about a run.
type RunSummary struct {
	RunID     string    `json:"run_id"`
	Status    RunStatus `json:"status"`
	CreatedAt time.Time `json:"created_at"`
	// Tasks counts all tasks, Done those that have ended, Succeeded those that
	// are a success.
	Tasks     int `json:"tasks"`
	Done      int `json:"done"`
	Succeeded int `json:"succeeded"`
	// TaskIDs are in the order of the request.
	TaskIDs     []string `json:"task_ids"`
	BaseCommit  string   `json:"base_commit"`
	JournalPath string   `json:"journal_path"`
}

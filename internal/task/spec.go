package task

import "time"

// NetworkPolicy says what a sandbox may reach beside the model API.
type NetworkPolicy string

// SandboxMode says what a sandbox may write.
type SandboxMode string

// CommandPolicy says what happens to a command outside the rules.
type CommandPolicy string

const (
	// NetworkDeny gives a sandbox no interface but loopback.
	NetworkDeny NetworkPolicy = "deny"
	// NetworkAllow gives it the engine's default bridge.
	NetworkAllow NetworkPolicy = "allow"

	// SandboxReadOnly mounts the worktree read-only.
	SandboxReadOnly SandboxMode = "read-only"
	// SandboxWorkspaceWrite lets Codex write the worktree and tmpfs, nothing else.
	SandboxWorkspaceWrite SandboxMode = "workspace-write"
	// SandboxDangerFullAccess makes the container's root file system writable too.
	SandboxDangerFullAccess SandboxMode = "danger-full-access"

	// CommandEnforce refuses a command before it runs, and checks again afterwards.
	CommandEnforce CommandPolicy = "enforce"
	// CommandAudit only checks afterwards.
	CommandAudit CommandPolicy = "audit"
)

// Plan is a Request after policy has been applied to it: nothing is optional
// any more, and nothing has been started.
type Plan struct {
	RunID string `json:"run_id"`
	// BaseRef is as the caller wrote it; the runner resolves it once.
	BaseRef string `json:"base_ref"`
	// Concurrency is how many tasks run at once, at least 1.
	Concurrency int  `json:"concurrency"`
	DryRun      bool `json:"dry_run"`
	// Tasks are in the order given.
	Tasks []Spec `json:"tasks"`
	// MaxRunsRetained is how many runs the journal keeps.
	MaxRunsRetained int `json:"max_runs_retained"`
}

// Spec is one task with every limit resolved. It holds no host path: the same
// Spec must mean the same on an engine that shares no file system with us.
type Spec struct {
	RunID  string `json:"run_id"`
	ID     string `json:"task_id"`
	Prompt string `json:"prompt"`

	Model        string `json:"model"`
	CodexCommand string `json:"codex_command"`
	// Ephemeral is false if Codex's own rollout file is to be kept.
	Ephemeral bool `json:"ephemeral"`
	// OutputSchema is the JSON Schema of Codex's last message; empty if that is
	// free text. With a schema, Prompt is all that Codex is told.
	OutputSchema string `json:"output_schema,omitempty"`

	AllowedPaths    []string      `json:"allowed_paths"`
	AllowedCommands []string      `json:"allowed_commands"`
	AllowInspection bool          `json:"allow_inspection"`
	CommandPolicy   CommandPolicy `json:"command_policy"`

	SandboxMode SandboxMode   `json:"sandbox_mode"`
	Network     NetworkPolicy `json:"network_policy"`
	// Image is an image reference; empty means the runner image.
	Image string `json:"image"`
	// Runtime is an OCI runtime that the engine knows; empty means its default.
	Runtime string `json:"container_runtime"`
	// Env is the container's own environment beside what its image sets.
	Env    map[string]string `json:"env"`
	Limits Limits            `json:"limits"`

	// Timeout bounds the whole task; IdleTimeout the time without any sign of life.
	Timeout     time.Duration `json:"timeout_ns"`
	IdleTimeout time.Duration `json:"idle_timeout_ns"`

	MaxPatchBytes  int64 `json:"max_patch_bytes"`
	MaxOutputBytes int64 `json:"max_output_bytes"`
	// TokenBudget and RequestBudget bound the model's use; 0 means unbounded.
	TokenBudget   int64 `json:"token_budget"`
	RequestBudget int64 `json:"request_budget"`
	// KeepWorktree is "never", "failed" or "always".
	KeepWorktree string `json:"keep_worktree"`

	// DependsOn are ids of earlier or later tasks of the Plan; there is no cycle.
	DependsOn []string `json:"depends_on"`
	// VerifyCommands are run by /bin/sh -c, one after the other.
	VerifyCommands []string `json:"verify_commands"`
	// Attempts is how often the task is done, at least 1.
	Attempts int `json:"attempts"`
}

// Limits are what a container may use. All are in force at once; zero is not
// "unlimited" but invalid.
type Limits struct {
	CPUs        float64 `json:"cpus"`
	MemoryBytes int64   `json:"memory_bytes"` // swap is never added
	Pids        int64   `json:"pids"`
	OpenFiles   int64   `json:"open_files"`
	// FileBytes bounds one file (RLIMIT_FSIZE).
	FileBytes int64 `json:"file_bytes"`
	// TmpBytes bounds /tmp, HomeBytes $HOME, ShmBytes /dev/shm; all are tmpfs
	// and count against MemoryBytes.
	TmpBytes  int64 `json:"tmp_bytes"`
	HomeBytes int64 `json:"home_bytes"`
	ShmBytes  int64 `json:"shm_bytes"`
}

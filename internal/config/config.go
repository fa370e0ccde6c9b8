// Package config reads .mcp-codex.json. The JSON Schema that editors use is made
// from the Config type and is also what a file is checked against, so the two
// cannot differ. A file is read whole or refused, with every problem at once.
package config

import (
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/codex-mcp-runner/codex-mcp-runner/policies"
)

// FileName is the configuration's name, at the repository's root.
const FileName = ".mcp-codex.json"

// Config is a whole .mcp-codex.json; what the file leaves out has its default.
// The struct tags are the schema: types, ranges, defaults, help texts.
type Config struct {
	// SchemaRef is for editors; nothing reads it.
	SchemaRef string `json:"$schema,omitempty" jsonschema_description:"Where the JSON Schema of this file is; for editors."`

	AllowedCommands     []string           `json:"allowed_commands" jsonschema:"maxItems=100" jsonschema_description:"Command prefixes that a task may run unless it names its own. They match word by word: \"npm test\" allows \"npm test -- -v\" and not \"npm testing\"."`
	DefaultAllowedPaths []string           `json:"default_allowed_paths" jsonschema:"maxItems=100" jsonschema_description:"Glob patterns, relative to the repository's root, of what a task may change unless it names its own."`
	DefaultConcurrency  int                `json:"default_concurrency" jsonschema:"minimum=1,maximum=8" jsonschema_description:"How many tasks run at once."`
	DefaultTimeoutSec   int                `json:"default_timeout_sec" jsonschema:"minimum=10,maximum=1800" jsonschema_description:"Seconds that a task may take, container start included."`
	ResourcePolicy      string             `json:"resource_policy" jsonschema:"enum=conservative,enum=normal" jsonschema_description:"Which set of limits a sandbox has."`
	NetworkPolicy       task.NetworkPolicy `json:"network_policy" jsonschema:"enum=deny,enum=allow" jsonschema_description:"deny: a sandbox has no network interface but loopback. allow: the engine's default bridge."`
	CodexCommand        string             `json:"codex_command" jsonschema:"maxLength=256,pattern=^[A-Za-z0-9_./][A-Za-z0-9_./+-]*$" jsonschema_description:"The Codex CLI inside the image: a name that is found on its PATH or an absolute path, without arguments; nothing that lies in the repository."`
	CodexModel          string             `json:"codex_model" jsonschema:"maxLength=128,pattern=^[A-Za-z0-9][A-Za-z0-9_.:/-]*$" jsonschema_description:"The model that Codex uses."`
	CodexFullAuto       bool               `json:"codex_full_auto" jsonschema_description:"false: Codex may look and answer, and the worktree is mounted read-only."`
	CodexEphemeral      bool               `json:"codex_ephemeral" jsonschema_description:"true: Codex writes no session file. false: it writes one, and it is kept in the journal as rollout.jsonl."`
	SandboxMode         task.SandboxMode   `json:"sandbox_mode" jsonschema:"enum=read-only,enum=workspace-write,enum=danger-full-access" jsonschema_description:"What a sandbox may write: nothing, the worktree, or also what the image lets an unprivileged user write."`
	MaxRunsRetained     int                `json:"max_runs_retained" jsonschema:"minimum=1,maximum=10000" jsonschema_description:"How many runs the journal keeps. Those with a patch that nobody has seen stay beyond that."`
	MaxTasksPerRun      int                `json:"max_tasks_per_run" jsonschema:"minimum=1,maximum=50" jsonschema_description:"How many tasks one call may hold."`

	Image            string             `json:"image" jsonschema:"maxLength=512" jsonschema_description:"Any Linux image with a shell and git; empty means the runner image."`
	ContainerRuntime string             `json:"container_runtime" jsonschema:"maxLength=128,pattern=^([A-Za-z0-9][A-Za-z0-9._-]*)?$" jsonschema_description:"An OCI runtime that the engine knows, such as runsc or kata; empty means the engine's default."`
	Resources        policies.Resources `json:"resources" jsonschema_description:"Limits that replace single ones of resource_policy."`
	CommandPolicy    task.CommandPolicy `json:"command_policy" jsonschema:"enum=enforce,enum=audit" jsonschema_description:"enforce: a command outside the rules is refused before it runs. audit: it is only reported."`
	AllowInspection  bool               `json:"allow_inspection" jsonschema_description:"Whether Codex may always look around with ls, cat, rg, git diff and the like."`
	VerifyCommands   []string           `json:"verify_commands" jsonschema:"maxItems=20" jsonschema_description:"Shell commands that we run after Codex, each in a fresh sandbox without Codex and without network, on a clean checkout with the patch applied. One that fails makes the task failed. A task may name its own instead."`
	KeepWorktrees    string             `json:"keep_worktrees" jsonschema:"enum=never,enum=failed,enum=always" jsonschema_description:"Which worktrees stay after a run."`
	TokenBudget      int64              `json:"token_budget" jsonschema:"minimum=0,maximum=1000000000000" jsonschema_description:"Model tokens that a task may use; 0 means no bound."`
	RequestBudget    int64              `json:"request_budget" jsonschema:"minimum=0,maximum=1000000" jsonschema_description:"Model requests that a task may make; 0 means no bound."`
	IdleTimeoutSec   int                `json:"idle_timeout_sec" jsonschema:"minimum=10,maximum=1800" jsonschema_description:"Seconds without any sign of life that end a task."`
	MaxPatchBytes    policies.Size      `json:"max_patch_bytes" jsonschema:"oneof_type=string;integer" jsonschema_description:"The largest patch that is taken, from 1KiB to 64MiB."`
	MaxOutputBytes   policies.Size      `json:"max_output_bytes" jsonschema:"oneof_type=string;integer" jsonschema_description:"How much a task may print, from 64KiB to 1GiB."`
}

// Default is the configuration of a repository that has no file. Each call
// gives slices of its own.
func Default() Config {
	return Config{
		AllowedCommands:     []string{"npm test", "npm run lint", "npx tsc --noEmit"},
		DefaultAllowedPaths: []string{"src/**", "tests/**", "package.json"},
		DefaultConcurrency:  2,
		DefaultTimeoutSec:   300,
		ResourcePolicy:      "conservative",
		NetworkPolicy:       task.NetworkDeny,
		CodexCommand:        "codex",
		CodexModel:          "o4-mini",
		CodexFullAuto:       true,
		CodexEphemeral:      true,
		SandboxMode:         task.SandboxWorkspaceWrite,
		MaxRunsRetained:     20,
		MaxTasksPerRun:      10,
		CommandPolicy:       task.CommandEnforce,
		AllowInspection:     true,
		VerifyCommands:      []string{},
		KeepWorktrees:       "never",
		IdleTimeoutSec:      120,
		MaxPatchBytes:       1 << 20,
		MaxOutputBytes:      64 << 20,
	}
}

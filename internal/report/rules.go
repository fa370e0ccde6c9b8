package report

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// rule is one row of what was in force for a task.
type rule struct {
	Name, Value string
	// Items are shown in the typewriter face, one by one.
	Items []string
	// Hit: the task ran into it.
	Hit bool
}

// rules lists what was in force, and marks what the task ran into.
func rules(s task.Spec, r task.Result) []rule {
	kind := task.FailureKind("")
	if r.Failure != nil {
		kind = r.Failure.Kind
	}
	broke := func(names ...string) bool {
		return slices.ContainsFunc(r.Findings, func(f task.Finding) bool { return slices.Contains(names, f.Rule) })
	}
	used := r.Usage.Tokens()
	inspection := "none"
	if s.AllowInspection {
		inspection = "the read-only ones of the policy (ls, cat, rg, git diff …)"
	}
	rows := []rule{
		{Name: "Paths", Items: s.AllowedPaths, Value: orNone(s.AllowedPaths), Hit: broke("path-not-allowed", "path-refused", "sensitive-file")},
		{Name: "Commands", Items: s.AllowedCommands, Value: orNone(s.AllowedCommands), Hit: broke("command-not-allowed", "command-refused", "tool-refused")},
		{Name: "Commands to look around", Value: inspection},
		{Name: "A command outside the rules is", Value: word(string(s.CommandPolicy), map[string]string{"enforce": "refused before it runs", "audit": "reported afterwards"})},
		{Name: "Network", Value: word(string(s.Network), map[string]string{"deny": "none; the model through our gateway alone", "allow": "the engine's bridge, beside the model through our gateway"}), Hit: broke("gateway-route", "gateway-request")},
		{Name: "Sandbox", Value: string(s.SandboxMode)},
		{Name: "Model", Value: or(s.Model, "Codex's default")},
		{Name: "Image", Value: or(s.Image, "the runner image")},
		{Name: "OCI runtime", Value: or(s.Runtime, "the engine's default")},
		{Name: "Environment", Items: slices.Sorted(maps.Keys(s.Env)), Value: orNone(slices.Collect(maps.Keys(s.Env)))},
		{Name: "Time", Value: duration(s.Timeout), Hit: kind == task.FailTimeout},
		{Name: "Time without a sign of life", Value: duration(s.IdleTimeout), Hit: kind == task.FailIdle},
		{Name: "CPUs", Value: strconv.FormatFloat(s.Limits.CPUs, 'f', -1, 64)},
		{Name: "Memory", Value: size(s.Limits.MemoryBytes), Hit: kind == task.FailOutOfMemory || broke("memory-limit")},
		{Name: "Processes", Value: number(s.Limits.Pids)},
		{Name: "Open files", Value: number(s.Limits.OpenFiles)},
		{Name: "Size of one file", Value: size(s.Limits.FileBytes), Hit: broke("file-too-large")},
		{Name: "/tmp, home, /dev/shm", Value: strings.Join([]string{size(s.Limits.TmpBytes), size(s.Limits.HomeBytes), size(s.Limits.ShmBytes)}, ", ")},
		{Name: "Patch", Value: size(s.MaxPatchBytes), Hit: broke("patch-too-large")},
		{Name: "Output", Value: size(s.MaxOutputBytes), Hit: kind == task.FailOutputLimit},
		{Name: "Tokens", Value: budget(s.TokenBudget), Hit: kind == task.FailBudget && over(used, s.TokenBudget)},
		{Name: "Model requests", Value: budget(s.RequestBudget), Hit: kind == task.FailBudget && over(r.Usage.ModelRequests, s.RequestBudget) || broke("gateway-limit")},
		{Name: "Verify commands", Items: s.VerifyCommands, Value: orNone(s.VerifyCommands), Hit: kind == task.FailVerify},
		{Name: "Attempts", Value: number(s.Attempts)},
		{Name: "Worktree is kept", Value: s.KeepWorktree},
	}
	return rows
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

func orNone(items []string) string {
	if len(items) == 0 {
		return "none"
	}
	return ""
}

func word(key string, words map[string]string) string {
	if w, ok := words[key]; ok {
		return w
	}
	return key
}

func budget(n int64) string {
	if n == 0 {
		return "unbounded"
	}
	return number(n)
}

func over(used, budget int64) bool { return budget > 0 && used >= budget }

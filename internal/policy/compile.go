package policy

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/config"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// What a request may say; a configuration may go further where it says so.
const (
	maxConcurrency = 8
	minTimeoutSec  = 10
	maxTimeoutSec  = 600
	maxPrompt      = 1 << 20
	maxList        = 100
	maxAttempts    = 5
	maxVerify      = 20
	maxCommand     = 4096
	maxModel       = 128
)

// Compile checks req and cfg and gives the plan. Its error joins a
// *task.Refusal for each problem, Where being the field's path, such as
// "tasks[2].timeout_sec" or ".mcp-codex.json: image". Any other error is a fault
// of our own. newRunID is called only if req names no run. Whether the model and
// the image exist is not checked here, and Spec.Env holds no value of the
// host's: see Environment.
func Compile(req task.Request, cfg config.Config, newRunID func() string) (task.Plan, error) {
	limits, err := resolveLimits(req, cfg)
	if err != nil && task.Refusals(err) == nil {
		return task.Plan{}, err
	}
	var r refusals
	r.join(err)
	r.join(CheckConfig(cfg))

	if req.RunID == "" {
		req.RunID = newRunID()
	}
	r.checkID("run_id", req.RunID)
	if req.BaseRef == "" {
		req.BaseRef = "HEAD"
	}
	r.checkRef("base_ref", req.BaseRef)
	concurrency := valueOr(req.Concurrency, cfg.DefaultConcurrency)
	if req.Concurrency != nil {
		r.checkRange("concurrency", concurrency, 1, maxConcurrency)
	}
	r.checkTaskCount(len(req.Tasks), cfg.MaxTasksPerRun)
	env, err := Environment(nil)
	if err != nil {
		return task.Plan{}, err
	}

	plan := task.Plan{
		RunID: req.RunID, BaseRef: req.BaseRef, Concurrency: concurrency,
		DryRun: req.DryRun, MaxRunsRetained: cfg.MaxRunsRetained,
	}
	first := map[string]int{}
	for i, t := range req.Tasks {
		if i >= max(cfg.MaxTasksPerRun, 0) { // the count is refused already
			break
		}
		where := fmt.Sprintf("tasks[%d].", i)
		r.checkTask(where, t)
		// Case-folded: the ids become file names, also on file systems that ignore case.
		id := strings.ToLower(t.ID)
		if j, ok := first[id]; ok {
			r.add(where+"task_id", fmt.Sprintf("%q is already the id of tasks[%d].", clip(t.ID), j), "Give each task an id of its own; upper and lower case count as the same.")
		} else {
			first[id] = i
		}
		spec := newSpec(t, cfg)
		spec.RunID, spec.Limits, spec.Env = req.RunID, limits, maps.Clone(env)
		plan.Tasks = append(plan.Tasks, spec)
	}
	if len(req.Tasks) <= cfg.MaxTasksPerRun {
		r.checkDependencies(req.Tasks)
	}
	if err := r.err(); err != nil {
		return task.Plan{}, err
	}
	return plan, nil
}

// newSpec merges one task with the configuration.
func newSpec(t task.RequestTask, cfg config.Config) task.Spec {
	s := task.Spec{
		ID:              t.ID,
		Prompt:          t.Prompt,
		Model:           cfg.CodexModel,
		CodexCommand:    cfg.CodexCommand,
		Ephemeral:       cfg.CodexEphemeral,
		AllowedPaths:    listOr(t.AllowedPaths, cfg.DefaultAllowedPaths),
		AllowedCommands: listOr(t.AllowedCommands, cfg.AllowedCommands),
		AllowInspection: cfg.AllowInspection,
		CommandPolicy:   cfg.CommandPolicy,
		SandboxMode:     cfg.SandboxMode,
		Network:         cfg.NetworkPolicy,
		Image:           cfg.Image,
		Runtime:         cfg.ContainerRuntime,
		Timeout:         time.Duration(valueOr(t.TimeoutSec, cfg.DefaultTimeoutSec)) * time.Second,
		IdleTimeout:     time.Duration(cfg.IdleTimeoutSec) * time.Second,
		MaxPatchBytes:   int64(cfg.MaxPatchBytes),
		MaxOutputBytes:  int64(cfg.MaxOutputBytes),
		TokenBudget:     cfg.TokenBudget,
		RequestBudget:   cfg.RequestBudget,
		KeepWorktree:    cfg.KeepWorktrees,
		DependsOn:       append([]string{}, t.DependsOn...),
		VerifyCommands:  listOr(t.VerifyCommands, cfg.VerifyCommands),
		Attempts:        valueOr(t.Attempts, 1),
	}
	if t.Model != "" {
		s.Model = t.Model
	}
	if t.Image != "" {
		s.Image = t.Image
	}
	if !cfg.CodexFullAuto {
		s.SandboxMode = task.SandboxReadOnly
	}
	return s
}

func valueOr(p *int, otherwise int) int {
	if p != nil {
		return *p
	}
	return otherwise
}

// listOr never gives nil, and no slice that another spec shares.
func listOr(list, otherwise []string) []string {
	if list == nil {
		list = otherwise
	}
	return append([]string{}, list...)
}

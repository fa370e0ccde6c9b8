package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/console"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

const runLong = `Run tasks with Codex, each in its own worktree and container, and watch them. Nothing
is applied to the checkout: "runs diff" shows the patches, "runs apply" takes them.

The tasks are one prompt, several --task, or a file: the structure of the MCP tool
run_codex_tasks in YAML or JSON. Text on stdin is a file if it looks like one, and a
prompt otherwise. What a task of a file leaves out is taken from the flags, and what
they leave out from .mcp-codex.json; of the run's own settings the flags go first.

  tasks:
    - task_id: api
      prompt: Give /users a limit parameter.
      allowed_paths: ["src/api/**", "test/**"]
      verify_commands: [npm test]
    - task_id: docs
      prompt: Document it in README.md.
      depends_on: [api]

Ctrl-C cancels the run, waits until its containers are gone and shows what there is;
a second one leaves at once, and the next start cleans up. The run lives in this
process; "watch" in another terminal can look on.

Exit code 0 if every task is a success, 3 if one is not.`

func runCommand(f *rootFlags) *cobra.Command {
	var (
		in     taskFlags
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "run [PROMPT | -]",
		Short: "Run tasks with Codex and watch them",
		Long:  runLong,
		Example: `  codex-mcp-runner run "Fix the flaky login test" --verify "npm test"
  codex-mcp-runner run -t api="Add a limit to /users" -t docs="Document the CLI"
  codex-mcp-runner run --file tasks.yaml --json | jq '.results[].status'
  git log -1 --format=%B | codex-mcp-runner run`,
		Args: onePromptAtMost,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			req, err := in.request(cmd, args)
			if err != nil {
				return err
			}
			dir, err := f.dir()
			if err != nil {
				return err
			}
			svc, done, err := openWorker(cmd, f)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, done()) }()
			result, err := seeThrough(cmd.Context(), svc, dir, cmd.ErrOrStderr(), func(ctx context.Context) (string, error) {
				return svc.StartTasks(ctx, dir, req.Request)
			})
			if err != nil {
				return req.located(err)
			}
			return errors.Join(showRun(cmd.OutOrStdout(), result, f.repo, asJSON), outcome(result, req.DryRun))
		},
	}
	in.add(cmd)
	addJSON(cmd, &asJSON, "run_codex_tasks")
	return cmd
}

func onePromptAtMost(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		return errors.New("put the prompt in quotes; for several tasks use --task or --file")
	}
	return nil
}

// runWaiter is as much of the service as it takes to see a run through.
type runWaiter interface {
	Wait(ctx context.Context, dir, runID string, progress func(task.Progress)) (task.RunResult, error)
	Cancel(ctx context.Context, dir, runID, taskID string, cause error) error
}

var errInterrupted = errors.New("interrupted in the terminal")

// seeThrough starts a run and shows it on errOut until it is done. When ctx ends
// the run is cancelled, and what there is of it is the result.
func seeThrough(ctx context.Context, runs runWaiter, dir string, errOut io.Writer, start func(context.Context) (string, error)) (task.RunResult, error) {
	id, err := start(ctx)
	if err != nil {
		return task.RunResult{}, err
	}
	result, err := watchRun(ctx, runs, dir, id, errOut)
	if ctx.Err() == nil {
		return result, err
	}
	fmt.Fprintln(errOut, "cancelled: waiting until the containers are gone; Ctrl-C again leaves at once")
	ctx = context.WithoutCancel(ctx)
	if err := runs.Cancel(ctx, dir, id, "", errInterrupted); err != nil {
		return result, err
	}
	return watchRun(ctx, runs, dir, id, errOut)
}

func watchRun(ctx context.Context, runs runWaiter, dir, id string, errOut io.Writer) (task.RunResult, error) {
	live := console.NewLive(errOut, screenOf(errOut))
	defer live.Close()
	return runs.Wait(ctx, dir, id, live.Update)
}

// outcome is an error if a task that should be a success is none.
func outcome(result task.RunResult, dryRun bool) error {
	bad := 0
	for _, r := range result.Results {
		if r.Status != task.Success && (!dryRun || r.Status != task.Skipped) {
			bad++
		}
	}
	switch {
	case bad == 0:
		return nil
	case len(result.Results) == 1:
		return sayNo("the task is no success")
	default:
		return sayNo("%d of %d tasks are no success", bad, len(result.Results))
	}
}

package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/console"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func runsApplyCommand(f *rootFlags) *cobra.Command {
	var (
		req              task.ApplyRequest
		checkout, asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "apply RUN [TASK...]",
		Short: "Put patches of a run onto a new branch, or onto the checkout",
		Long: "Make a commit of each task's patch, by default of all tasks that are a success, on a new branch\n" +
			"at the run's base commit, or with --checkout on what is checked out. It is all or nothing.\n" +
			"A patch goes in only if its attestation verifies. A task that is no success must be named with\n" +
			"--accept-unsuccessful.\n\n" +
			"Exit code 3 if a patch does not fit; then nothing was applied.",
		Example: `  codex-mcp-runner runs apply RUN --dry-run
  codex-mcp-runner runs apply RUN --branch codex/login
  codex-mcp-runner runs apply RUN api docs --checkout`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 { // what writes does not guess
				return errors.New(whichRun(cmd, f))
			}
			return noEmptyRun(cmd, args)
		},
		ValidArgsFunction: f.completeRuns(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			req.RunID, req.Tasks, req.Target = args[0], args[1:], task.ApplyBranch
			if checkout {
				req.Target = task.ApplyCheckout
			}
			return f.withService(cmd, func(svc *service, dir string) error {
				return apply(cmd.Context(), svc, dir, req, cmd.OutOrStdout(), asJSON)
			})
		},
	}
	cmd.Flags().StringVar(&req.Branch, "branch", "", "the new branch's `NAME` (default: codex/ and the run's id)")
	cmd.Flags().BoolVar(&checkout, "checkout", false, "apply to what is checked out, its branch and its files")
	cmd.Flags().BoolVar(&req.DryRun, "dry-run", false, "say what would happen and change nothing")
	cmd.Flags().StringArrayVar(&req.AcceptUnsuccessful, "accept-unsuccessful", nil, "apply the patch of this `TASK` although it is no success; repeat it for more")
	addJSON(cmd, &asJSON, "apply_codex_patches")
	cmd.MarkFlagsMutuallyExclusive("branch", "checkout")
	_ = cmd.RegisterFlagCompletionFunc("accept-unsuccessful", f.completeTasks) // the flag is there
	return cmd
}

// whichRun asks for a run, and names the newest if there is one.
func whichRun(cmd *cobra.Command, f *rootFlags) string {
	newest := ""
	if runs, err := journalOf(cmd, f); err == nil {
		if records, _ := runs.List(); len(records) > 0 { // what cannot be read is not offered
			newest = "the newest is " + console.Visible(records[0].RunID) + ", "
		}
	}
	return "name the run whose patches to apply; " + newest + `"codex-mcp-runner runs list" has them`
}

// applier is the service's Apply.
type applier interface {
	Apply(ctx context.Context, dir string, req task.ApplyRequest) (task.ApplyResult, error)
}

func apply(ctx context.Context, a applier, dir string, req task.ApplyRequest, out io.Writer, asJSON bool) error {
	result, err := a.Apply(ctx, dir, req)
	if err != nil {
		return err
	}
	if asJSON {
		err = printJSON(out, result)
	} else {
		err = console.Apply(out, result, screenOf(out))
	}
	if len(result.Conflicts) > 0 {
		err = errors.Join(err, sayNo("nothing was applied: conflicts in %s", console.Count(len(result.Conflicts), "path", "paths")))
	}
	return err
}

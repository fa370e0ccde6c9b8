package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/console"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func reviewCommand(f *rootFlags) *cobra.Command {
	var (
		req            task.ReviewRequest
		strict, asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "review PLAN",
		Short: "Have Codex look for what a plan misses, before anybody works by it",
		Long: "Have Codex read a plan, from a file or with - from stdin, next to the repository, which it cannot\n" +
			"change, and say which tasks are missing, what depends on what, what can run at once, what is not\n" +
			"tested, what is risky and what is too large for one go.\n\n" +
			"Exit code 0 with or without remarks. With --fail-on-remarks it is 3 if there are any; a suggestion\n" +
			"of what can run at once is none.",
		Example: "  codex-mcp-runner review PLAN.md\n  codex-mcp-runner review - --json < PLAN.md | jq .report.risk_flags",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("give one plan: a file, or - for stdin")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			text, err := readInput(args[0], cmd.InOrStdin())
			if err != nil {
				return err
			}
			req.PlanText = string(text)
			dir, err := f.dir()
			if err != nil {
				return err
			}
			svc, done, err := openWorker(cmd, f)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, done()) }()
			run, err := seeThrough(cmd.Context(), svc, dir, cmd.ErrOrStderr(), func(ctx context.Context) (string, error) {
				return svc.StartReview(ctx, dir, req)
			})
			if err != nil {
				return err
			}
			return showReview(cmd, run, strict, asJSON)
		},
	}
	cmd.Flags().StringVar(&req.RepoContext, "context", "", "what to know about the repository beside what is in it")
	cmd.Flags().BoolVar(&strict, "fail-on-remarks", false, "exit with code 3 if there are remarks")
	addJSON(cmd, &asJSON, "review_plan_with_codex")
	return cmd
}

func showReview(cmd *cobra.Command, run task.RunResult, strict, asJSON bool) error {
	if run.Review == nil {
		return errors.Join(showRun(cmd.OutOrStdout(), run, "", asJSON), sayNo("the review was not made"))
	}
	result := run.AsReview()
	var err error
	if out := cmd.OutOrStdout(); asJSON {
		err = printJSON(out, result)
	} else {
		err = console.Review(out, result, screenOf(out))
	}
	if n := remarks(result.Report); strict && n > 0 {
		err = errors.Join(err, sayNo("the plan has remarks: %d", n))
	}
	return err
}

// remarks counts what is wrong with a plan.
func remarks(r task.ReviewReport) int {
	return len(r.MissingTasks) + len(r.DependencyIssues) + len(r.TestGaps) + len(r.RiskFlags) + len(r.RecommendedTaskSplits)
}

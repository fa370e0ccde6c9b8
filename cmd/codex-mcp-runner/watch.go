package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func watchCommand(f *rootFlags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "watch [RUN]",
		Short: "Look on while a run of another process goes on",
		Long: "Show a run as it goes on in another process, such as a client's server, by default the newest\n" +
			"that does, until it is done, and then what came of it. Of a run that is done that is all.\n" +
			"Ctrl-C ends the watching; the run goes on.\n\n" +
			"Exit code 0 if every task is a success, 3 if one is not or the run was lost.",
		Args:              atMostOneRun,
		ValidArgsFunction: f.completeRuns(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			runs, err := journalOf(cmd, f)
			if err != nil {
				return err
			}
			id, err := runToWatch(runs, args)
			if err != nil {
				return err
			}
			return f.withService(cmd, func(svc *service, dir string) error {
				result, err := watchRun(cmd.Context(), svc, dir, id, cmd.ErrOrStderr())
				if err != nil || cmd.Context().Err() != nil {
					return err
				}
				err = showRun(cmd.OutOrStdout(), result, f.repo, asJSON)
				if result.Status == task.RunLost {
					return errors.Join(err, sayNo("the run %s was lost with the process that ran it", id))
				}
				return errors.Join(err, outcome(result, false))
			})
		},
	}
	addJSON(cmd, &asJSON, "wait_codex_run")
	return cmd
}

// runToWatch is the run that was named, or the newest that goes on.
func runToWatch(runs *journal.Journal, args []string) (string, error) {
	if len(args) > 0 {
		return wholeID(runs, args[0])
	}
	summaries, err := runs.Summaries()
	i := slices.IndexFunc(summaries, func(s task.RunSummary) bool { return s.Status == task.RunRunning })
	switch {
	case i >= 0:
		return summaries[i].RunID, nil
	case err != nil:
		return "", fmt.Errorf("look for a run to watch: %w", err)
	}
	return "", &task.Refusal{
		What: "No run goes on in this repository.",
		Mend: `Start one, or name one that is done; "codex-mcp-runner runs list" has them.`,
	}
}

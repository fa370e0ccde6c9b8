package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/console"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/workspace"
)

// runsCommand reads the journal, and needs no Docker. Only apply changes anything.
func runsCommand(f *rootFlags) *cobra.Command {
	return group("runs", "The repository's runs: list, show, diff, apply, verify, open",
		runsListCommand(f), runsShowCommand(f), runsDiffCommand(f), runsApplyCommand(f), runsVerifyCommand(f), runsOpenCommand(f))
}

// journalOf opens the journal of the repository that a command works in.
func journalOf(cmd *cobra.Command, f *rootFlags) (*journal.Journal, error) {
	log, err := f.log(cmd)
	if err != nil {
		return nil, err
	}
	dir, err := f.dir()
	if err != nil {
		return nil, err
	}
	repo, err := workspace.Open(cmd.Context(), dir, workspace.Options{Log: log})
	if err != nil {
		return nil, err
	}
	home, err := journal.Home(os.Getenv, repo.CommonDir())
	if err != nil {
		return nil, err
	}
	return journal.At(home), nil
}

func runsListCommand(f *rootFlags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the runs, the newest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			runs, err := journalOf(cmd, f)
			if err != nil {
				return err
			}
			// Runs that cannot be read are in the error; the others are good.
			summaries, err := runs.Summaries()
			if len(summaries) == 0 && err != nil {
				return err // that there are no runs cannot be said
			}
			return errors.Join(listRuns(cmd, summaries, asJSON), err)
		},
	}
	addJSON(cmd, &asJSON, "list_codex_runs")
	return cmd
}

func listRuns(cmd *cobra.Command, runs []task.RunSummary, asJSON bool) error {
	out := cmd.OutOrStdout()
	if asJSON {
		return printJSON(out, struct {
			Runs  []task.RunSummary `json:"runs"`
			Total int               `json:"total"`
		}{runs, len(runs)})
	}
	return console.Runs(out, runs, screenOf(out))
}

func runsShowCommand(f *rootFlags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show [RUN]",
		Short: "Show what came of a run, by default the newest",
		Long: "Show what came of a run, by default the newest. Of one that goes on, or was lost with the\n" +
			"process that ran it, that is what there is so far.",
		Args:              atMostOneRun,
		ValidArgsFunction: f.completeRuns(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			runs, run, err := loadRun(cmd, f, args)
			if err != nil {
				return err
			}
			result, err := standing(run)
			return errors.Join(showRun(cmd.OutOrStdout(), result, f.repo, asJSON), err, runs.MarkSeen(result.RunID))
		},
	}
	addJSON(cmd, &asJSON, "wait_codex_run")
	return cmd
}

// standing is what there is of a run. It is good also if there is an error: then
// something of the run could not be read.
func standing(run *journal.Saved) (task.RunResult, error) {
	if run.Result != nil {
		return *run.Result, nil
	}
	return run.Partial()
}

// loadRun loads the run that the first argument names, by default the newest.
func loadRun(cmd *cobra.Command, f *rootFlags, args []string) (*journal.Journal, *journal.Saved, error) {
	runs, err := journalOf(cmd, f)
	if err != nil {
		return nil, nil, err
	}
	id := ""
	if len(args) > 0 {
		if id, err = wholeID(runs, args[0]); err != nil {
			return nil, nil, err
		}
	}
	run, err := runs.Load(id)
	return runs, run, err
}

// wholeID gives the id of the one run that begins so; id itself if there is such a
// run, or none that begins so.
func wholeID(runs *journal.Journal, id string) (string, error) {
	records, _ := runs.List() // what cannot be read may still be meant by its whole id
	var meant []string
	for _, r := range records {
		switch {
		case r.RunID == id:
			return id, nil
		case strings.HasPrefix(r.RunID, id):
			meant = append(meant, r.RunID)
		}
	}
	switch len(meant) {
	case 0:
		return id, nil
	case 1:
		return meant[0], nil
	}
	return "", &task.Refusal{
		What: fmt.Sprintf("%d runs begin with %q.", len(meant), id),
		Mend: fmt.Sprintf("Give more of the id; the newest two are %s and %s.", console.Visible(meant[0]), console.Visible(meant[1])),
	}
}

// atMostOneRun refuses more, and an empty id: a script with an unset variable
// must not be told about some other run.
func atMostOneRun(cmd *cobra.Command, args []string) error {
	if err := cobra.MaximumNArgs(1)(cmd, args); err != nil {
		return err
	}
	return noEmptyRun(cmd, args)
}

func noEmptyRun(_ *cobra.Command, args []string) error {
	if len(args) > 0 && args[0] == "" {
		return errors.New("the run id is empty")
	}
	return nil
}

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/console"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/workspace"
)

// runsCommand reads the journal. It changes nothing there and needs no Docker.
func runsCommand(f *rootFlags) *cobra.Command {
	runs := &cobra.Command{Use: "runs", Short: "The runs in the repository's journal", Args: cobra.NoArgs}
	runs.AddCommand(runsListCommand(f), runsShowCommand(f), runsVerifyCommand(f))
	return runs
}

// journalOf opens the journal of the repository that --repo is in, or
// $CLAUDE_PROJECT_DIR, or the working directory.
func journalOf(cmd *cobra.Command, f *rootFlags) (*journal.Journal, error) {
	log, err := f.log(cmd)
	if err != nil {
		return nil, err
	}
	dir := f.repo
	if dir == "" {
		dir = os.Getenv("CLAUDE_PROJECT_DIR")
	}
	if dir == "" {
		dir = "."
	}
	repo, err := workspace.Open(cmd.Context(), dir, workspace.Options{Log: log})
	if err != nil {
		return nil, err
	}
	home, err := journal.Home(os.Getenv, repo.Root())
	if err != nil {
		return nil, err
	}
	return journal.At(home), nil
}

func runsListCommand(f *rootFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the runs, the newest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			runs, err := journalOf(cmd, f)
			if err != nil {
				return err
			}
			records, err := runs.List()
			return errors.Join(listRuns(cmd.OutOrStdout(), records), err)
		},
	}
}

func listRuns(out io.Writer, records []journal.Record) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "run\tstate\tbegun\ttasks\tbase")
	for _, r := range records {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%.12s\n", console.Visible(r.RunID), console.Visible(r.State),
			r.CreatedAt.Local().Format("2006-01-02 15:04:05"), len(r.Plan.Tasks), console.Visible(r.BaseCommit))
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write the list: %w", err)
	}
	return nil
}

func runsShowCommand(f *rootFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "show [RUN_ID]",
		Short: "Show what came of a run, by default the newest",
		Args:  atMostOneRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			run, err := loadRun(cmd, f, args)
			if err != nil {
				return err
			}
			if run.Result == nil {
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "run %s is %s and has no result; what there is lies in %s\n",
					console.Visible(run.Record.RunID), console.Visible(run.Record.State), console.Visible(run.Path("")))
				return err
			}
			screen := console.Screen{}
			if out, ok := cmd.OutOrStdout().(*os.File); ok {
				screen = console.ScreenOf(out, os.Getenv)
			}
			return console.Table(cmd.OutOrStdout(), shown(*run.Result), screen)
		},
	}
}

// shown makes a result that was read from a file fit for a terminal: a status
// that we wrote is a word, one that somebody else wrote may be anything.
func shown(r task.RunResult) task.RunResult {
	for i := range r.Results {
		r.Results[i].Status = task.Status(console.Visible(string(r.Results[i].Status)))
	}
	return r
}

func loadRun(cmd *cobra.Command, f *rootFlags, args []string) (*journal.Saved, error) {
	runs, err := journalOf(cmd, f)
	if err != nil {
		return nil, err
	}
	id := ""
	if len(args) > 0 {
		id = args[0]
	}
	return runs.Load(id)
}

// atMostOneRun refuses more, and an empty id: a script with an unset variable
// must not be told about some other run.
func atMostOneRun(cmd *cobra.Command, args []string) error {
	if err := cobra.MaximumNArgs(1)(cmd, args); err != nil {
		return usageError{err}
	}
	if len(args) == 1 && args[0] == "" {
		return usageError{errors.New("the run id is empty; leave it out to mean the newest run")}
	}
	return nil
}

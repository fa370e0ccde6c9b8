package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"

	"github.com/cli/browser"
	"github.com/spf13/cobra"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/report"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func runsOpenCommand(f *rootFlags) *cobra.Command {
	var print, asJSON bool
	cmd := &cobra.Command{
		Use:   "open [RUN]",
		Short: "Open the report of a run in the browser, by default the newest's",
		Long: "Open report.html of a run, by default the newest, in the browser. The file is complete in itself\n" +
			"and can be sent to others. Where there is no browser to open, its path is printed.",
		Args:              atMostOneRun,
		ValidArgsFunction: f.completeRuns(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			runs, run, err := loadRun(cmd, f, args)
			if err != nil {
				return err
			}
			path, err := reportOf(run)
			if err != nil {
				return err
			}
			if err := runs.MarkSeen(run.Record.RunID); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), struct {
					RunID      string `json:"run_id"`
					ReportPath string `json:"report_path"`
				}{run.Record.RunID, path})
			}
			if !print && hasDisplay(runtime.GOOS, os.Getenv) {
				// What a browser says is no output of ours.
				browser.Stdout, browser.Stderr = cmd.ErrOrStderr(), cmd.ErrOrStderr()
				if err := browser.OpenFile(path); err == nil {
					return nil
				}
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), path)
			return err
		},
	}
	cmd.Flags().BoolVar(&print, "print", false, "print the report's path and open nothing")
	addJSON(cmd, &asJSON, "")
	return cmd
}

// reportOf writes the report of all that the journal has by now: of a lost run
// there was none, and one that was written when a run ended lacks a plan's review,
// which comes after. What lies at its place, a link perhaps, is replaced.
func reportOf(run *journal.Saved) (string, error) {
	if run.Status == task.RunRunning {
		return "", &task.Refusal{
			Where: "run_id", What: fmt.Sprintf("The run %q goes on.", run.Record.RunID),
			Mend: "Its report is written when it is done; \"watch\" shows it until then.",
		}
	}
	var result task.RunResult
	if run.Result != nil {
		result = *run.Result
	} else {
		var err error
		if result, err = run.Partial(); err != nil {
			return "", err
		}
	}
	html, err := renderReport(run, result)
	if err == nil {
		err = run.Write(task.FileReport, html)
	}
	return run.Path(task.FileReport), err
}

// renderReport makes a report of a result and of what else the journal has. A
// timeline says less without events, and a report more than none.
func renderReport(run *journal.Saved, result task.RunResult) ([]byte, error) {
	events, _, err := run.Events(0, 0)
	if err != nil {
		result.Notes = append(slices.Clone(result.Notes), fmt.Sprintf("The event log cannot be read: %v.", err))
	}
	return report.HTML(report.Run{Result: result, Plan: run.Record.Plan, CreatedAt: run.Record.CreatedAt.Local(), Events: events})
}

// hasDisplay says whether a browser would be seen. Over SSH, opening one would start
// a browser in the terminal, or nothing at all.
func hasDisplay(goos string, getenv func(string) string) bool {
	if goos != "linux" {
		return true
	}
	return getenv("DISPLAY") != "" || getenv("WAYLAND_DISPLAY") != "" || getenv("WSL_DISTRO_NAME") != ""
}

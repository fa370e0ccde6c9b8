package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/cli/browser"
	"github.com/spf13/cobra"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// reportFile is a run's report in its journal directory.
const reportFile = "report.html"

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
	addJSON(cmd, &asJSON)
	return cmd
}

func reportOf(run *journal.Saved) (string, error) {
	path := run.Path(reportFile)
	if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() {
		return filepath.Abs(path)
	}
	mend := "A report is written when a run is done."
	if run.Status == task.RunLost {
		mend = "It was lost with the process that ran it; \"runs show\" has what there is."
	}
	return "", &task.Refusal{What: fmt.Sprintf("The run %q has no report.", run.Record.RunID), Mend: mend}
}

// hasDisplay says whether a browser would be seen. Over SSH, opening one would start
// a browser in the terminal, or nothing at all.
func hasDisplay(goos string, getenv func(string) string) bool {
	if goos != "linux" {
		return true
	}
	return getenv("DISPLAY") != "" || getenv("WAYLAND_DISPLAY") != "" || getenv("WSL_DISTRO_NAME") != ""
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/spf13/cobra"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/console"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func runsDiffCommand(f *rootFlags) *cobra.Command {
	var raw, asJSON bool
	cmd := &cobra.Command{
		Use:   "diff [RUN [TASK...]]",
		Short: "Show the patches of a run, by default all of the newest",
		Long: "Show the patches of a run's tasks, by default of all tasks of the newest run. What looks like\n" +
			"a secret is hidden, and what cannot be seen is shown as an escape. --raw gives the bytes of\n" +
			"the patches as they are, for git; on a terminal only what cannot be seen is still escaped.",
		Example: `  codex-mcp-runner runs diff
  codex-mcp-runner runs diff RUN TASK --raw | git apply`,
		Args:              noEmptyRun,
		ValidArgsFunction: f.completeRuns(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			runs, run, err := loadRun(cmd, f, args)
			if err != nil {
				return err
			}
			result, err := standing(run)
			if err != nil {
				return err
			}
			chosen, err := chooseTasks(run, result, args)
			if err != nil {
				return err
			}
			if run.Status == task.RunRunning { // beside the output, which may go to git
				fmt.Fprintf(cmd.ErrOrStderr(), "the run %s is still running: these are its patches so far\n", console.Visible(result.RunID))
			}
			out := cmd.OutOrStdout()
			if raw {
				return errors.Join(showRaw(out, run, chosen), runs.MarkSeen(result.RunID))
			}
			return f.withService(cmd, func(svc *service, dir string) error {
				pages, err := patchPages(cmd.Context(), svc, dir, result.RunID, chosen)
				if err != nil {
					return err
				}
				return errors.Join(showPatches(out, pages, chosen, asJSON), runs.MarkSeen(result.RunID))
			})
		},
	}
	cmd.Flags().BoolVar(&raw, "raw", false, "the patches byte for byte, secrets included")
	addJSON(cmd, &asJSON, "")
	cmd.MarkFlagsMutuallyExclusive("raw", "json")
	return cmd
}

// chooseTasks gives the results of the tasks named behind the run, or of all that
// have a patch.
func chooseTasks(run *journal.Saved, result task.RunResult, args []string) ([]task.Result, error) {
	if len(args) < 2 {
		return slices.DeleteFunc(slices.Clone(result.Results), func(r task.Result) bool { return r.PatchPath == "" }), nil
	}
	var (
		chosen []task.Result
		errs   []error
	)
	for _, id := range args[1:] {
		i := slices.IndexFunc(result.Results, func(r task.Result) bool { return r.TaskID == id })
		if i < 0 {
			errs = append(errs, noResult("", run, id))
			continue
		}
		chosen = append(chosen, result.Results[i])
	}
	return chosen, errors.Join(errs...)
}

// noResult refuses a task of which the journal has none.
func noResult(where string, run *journal.Saved, id string) *task.Refusal {
	if ids := taskIDs(run); !slices.Contains(ids, id) {
		return task.NoSuchTask(where, run.Record.RunID, id, ids)
	}
	mend := "Wait until it has."
	if run.Status != task.RunRunning {
		mend = "Leave it out, or run it again: it will not get one."
	}
	return &task.Refusal{
		Where: where, What: fmt.Sprintf("The task %q of run %q has no result; the run is %s.", id, run.Record.RunID, run.Status),
		Mend: mend,
	}
}

// pager is the service's Page.
type pager interface {
	Page(ctx context.Context, dir string, req task.PageRequest) (task.Page, error)
}

// wholePatch is more than max_patch_bytes can be.
const wholePatch = 1 << 30

func patchPages(ctx context.Context, p pager, dir, runID string, chosen []task.Result) ([]task.Page, error) {
	pages := []task.Page{}
	for _, r := range chosen {
		page, err := p.Page(ctx, dir, task.PageRequest{RunID: runID, TaskID: r.TaskID, Section: task.SectionPatch, Limit: wholePatch})
		if err != nil {
			return nil, err
		}
		pages = append(pages, page)
	}
	return pages, nil
}

func showPatches(out io.Writer, pages []task.Page, chosen []task.Result, asJSON bool) error {
	if asJSON {
		return printJSON(out, pages)
	}
	if len(pages) == 0 {
		_, err := fmt.Fprintln(out, "no patches")
		return err
	}
	for i, page := range pages {
		// git takes what stands before a patch for a mail's text.
		if _, err := fmt.Fprintf(out, "# %s: %s\n", console.Visible(page.TaskID), console.Visible(string(chosen[i].Status))); err != nil {
			return err
		}
		if err := console.Patch(out, page.Text, screenOf(out)); err != nil {
			return err
		}
	}
	return nil
}

// showRaw writes patches as they are, but to a terminal: what Codex wrote must not
// command it.
func showRaw(out io.Writer, run *journal.Saved, chosen []task.Result) error {
	for _, r := range chosen {
		dir, err := run.Task(r.TaskID)
		if err != nil {
			return err
		}
		patch, err := dir.Read(task.FilePatch)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if isTerminal(out) {
			err = console.Patch(out, string(patch), screenOf(out))
		} else {
			_, err = out.Write(patch)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/console"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func gcCommand(f *rootFlags) *cobra.Command {
	var (
		scope  gcScope
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Remove what is no longer needed: old runs, stale worktrees, containers, images",
		Long: "Remove what is no longer needed, and say what that was:\n\n" +
			"  - runs of this repository beyond max_runs_retained; one that goes on never goes, and one\n" +
			"    that nobody has looked at stays twice as long\n" +
			"  - worktrees of runs that are gone or were lost, and files of interrupted writes\n" +
			"  - containers and their files of processes that died\n" +
			"  - runner images of other versions, and volumes of images that are gone\n\n" +
			"Most of it goes by itself as runs come and go. --dry-run lists exactly what would go.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if scope.gone && !scope.all {
				return usageError{errors.New("--gone goes with --all")}
			}
			return f.withService(cmd, func(svc *service, dir string) error {
				scope.dir = dir
				sweeps, lookErr := svc.sweeps(cmd.Context(), scope)
				swept, err := sweep(cmd.Context(), sweeps, scope.dryRun)
				if len(swept.Items) == 0 && len(task.Refusals(lookErr)) > 0 {
					return errors.Join(lookErr, err) // that there is nothing cannot be said
				}
				return errors.Join(showSwept(cmd.OutOrStdout(), swept, asJSON), lookErr, err)
			})
		},
	}
	cmd.Flags().BoolVar(&scope.dryRun, "dry-run", false, "list what would go and remove nothing")
	cmd.Flags().BoolVar(&scope.all, "all", false, "runs of all repositories, not only of this one")
	cmd.Flags().BoolVar(&scope.gone, "gone", false, "with --all: all runs of repositories that are not there any more; they may be on a disk that is not mounted")
	addJSON(cmd, &asJSON, "")
	return cmd
}

// gcScope says how far gc goes.
type gcScope struct {
	dir               string
	dryRun, all, gone bool
}

// gcItem is one thing that can go.
type gcItem struct {
	// Kind is run, work, temp, repository, container, files, image or volume.
	Kind string `json:"kind"`
	// Name is a path, or what the engine calls it.
	Name string `json:"name"`
	// About says more, for a person; may be empty.
	About string `json:"about,omitempty"`
	// Bytes is its size, 0 if that is not known.
	Bytes int64 `json:"bytes"`
}

// gcSweep is a list of things in one place, and how to remove exactly these. Remove
// says what has gone: what has come to life since stays.
type gcSweep struct {
	items  []gcItem
	remove func(context.Context) ([]gcItem, error)
}

// gcResult is what gc tells.
type gcResult struct {
	DryRun bool `json:"dry_run"`
	// Items went, or in a dry run would go.
	Items []gcItem `json:"items"`
	Bytes int64    `json:"bytes"`
}

// sweep removes what was listed, or in a dry run only tells. It goes on after an
// error, and returns all of them.
func sweep(ctx context.Context, sweeps []gcSweep, dryRun bool) (gcResult, error) {
	result := gcResult{DryRun: dryRun, Items: []gcItem{}}
	var errs []error
	for _, s := range sweeps {
		items := s.items
		if !dryRun && len(items) > 0 {
			if ctx.Err() != nil {
				return result, errors.Join(append(errs, context.Cause(ctx))...)
			}
			var err error
			items, err = s.remove(ctx)
			errs = append(errs, err)
		}
		result.Items = append(result.Items, items...)
		for _, item := range items {
			result.Bytes += item.Bytes
		}
	}
	return result, errors.Join(errs...)
}

func showSwept(out io.Writer, r gcResult, asJSON bool) error {
	if asJSON {
		return printJSON(out, r)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, item := range r.Items {
		name := item.Name
		if item.About != "" {
			name += " (" + item.About + ")"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", item.Kind, sizeOf(item.Bytes), console.Visible(name))
	}
	verb := "removed"
	if r.DryRun {
		verb = "would remove"
	}
	fmt.Fprintf(w, "%s %s, %s\n", verb, console.Count(len(r.Items), "thing", "things"), units.BytesSize(float64(r.Bytes)))
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write what was removed: %w", err)
	}
	return nil
}

// sizeOf leaves out what is not known.
func sizeOf(bytes int64) string {
	if bytes == 0 {
		return "-"
	}
	return units.BytesSize(float64(bytes))
}

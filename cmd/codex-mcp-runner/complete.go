package main

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/console"
)

// completeRuns completes the id of a run and then ids of its tasks; most bounds how
// many words that may be in all, 0 means any number.
func (f *rootFlags) completeRuns(most int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		switch {
		case most > 0 && len(args) >= most:
			return nil, cobra.ShellCompDirectiveNoFileComp
		case len(args) > 0:
			return f.completeTasks(cmd, args, word)
		}
		runs, err := journalOf(cmd, f)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		summaries, _ := runs.Summaries() // what cannot be read is not offered
		var ids []cobra.Completion
		for _, s := range summaries {
			about := string(s.Status) + ", " + s.CreatedAt.Local().Format("2 Jan 15:04")
			ids = append(ids, cobra.CompletionWithDesc(console.Visible(s.RunID), about))
		}
		// The newest first, which is not the order of the alphabet.
		return ids, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// complete completes a flag with one of values, and never with the names of files.
func complete(cmd *cobra.Command, flag string, values ...cobra.Completion) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
}

// completeTasks completes ids of tasks of the run that the first argument names.
func (f *rootFlags) completeTasks(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 0 || args[0] == "" {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	_, run, err := loadRun(cmd, f, args)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var ids []cobra.Completion
	for _, spec := range run.Record.Plan.Tasks {
		if !slices.Contains(args[1:], spec.ID) {
			ids = append(ids, console.Visible(spec.ID))
		}
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

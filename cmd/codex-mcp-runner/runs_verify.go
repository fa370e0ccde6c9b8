package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/attest"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/console"
)

func runsVerifyCommand(f *rootFlags) *cobra.Command {
	var asJSON bool
	verify := &cobra.Command{
		Use:   "verify [RUN]",
		Short: "Check the attestations of a run, by default the newest",
		Long: "For each task of a run: this account's key signed its attestation, task.patch is the\n" +
			"patch that was attested, and the journal says of the task what the attestation says.\n" +
			"What result.json shows of a patch is redacted; the file task.patch is what is verified.\n" +
			"Exit code 1 if anything is wrong, 2 if there is no such run.",
		Args:              atMostOneRun,
		ValidArgsFunction: f.completeRuns(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, run, err := loadRun(cmd, f, args)
			if err != nil {
				return err
			}
			checked, err := verifyRun(run, os.Getenv)
			if err != nil {
				return err
			}
			if err := checked.write(cmd.OutOrStdout(), asJSON); err != nil {
				return err
			}
			return checked.err()
		},
	}
	addJSON(verify, &asJSON, "")
	return verify
}

// runCheck is what came of verifying a run; --json prints it.
type runCheck struct {
	RunID string      `json:"run_id"`
	OK    bool        `json:"ok"`
	KeyID string      `json:"key_id"`
	Tasks []taskCheck `json:"tasks"`
}

type taskCheck struct {
	TaskID string `json:"task_id"`
	OK     bool   `json:"ok"`
	// Attested is the genuine statement; nil if there is none.
	Attested *attest.Statement `json:"attested,omitempty"`
	// Note says why a task without an attestation is in order.
	Note string `json:"note,omitempty"`
	// Problems are what is wrong, each a clause.
	Problems []string `json:"problems"`

	// patch and attestation are the bytes that were verified; nil if there is no
	// attestation.
	patch, attestation []byte
}

func (c runCheck) err() error {
	bad := 0
	for _, t := range c.Tasks {
		if !t.OK {
			bad++
		}
	}
	if bad == 0 {
		return nil
	}
	return fmt.Errorf("verify run %s: %d of %s not in order", console.Visible(c.RunID), bad, console.Count(len(c.Tasks), "task", "tasks"))
}

// write prints a line for each task.
func (c runCheck) write(out io.Writer, asJSON bool) error {
	if asJSON {
		return printJSON(out, c)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, t := range c.Tasks {
		verdict, about := "ok", t.Note
		if t.Attested != nil {
			p := t.Attested.Predicate
			about = fmt.Sprintf("%s, attested %s", p.Status, p.FinishedOn.Local().Format("2006-01-02 15:04:05"))
		}
		if !t.OK {
			verdict, about = "WRONG", strings.Join(t.Problems, "; ")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", console.Visible(t.TaskID), verdict, console.Visible(about))
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write what was verified: %w", err)
	}
	return nil
}

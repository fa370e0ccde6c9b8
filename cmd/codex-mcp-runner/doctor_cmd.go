package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/console"
)

func doctorCommand(f *rootFlags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say whether everything that a run needs is there, and how to mend what is not",
		Long: "Look at the engine, the image, git, the repository, its configuration, the login and the disk,\n" +
			"and say how to mend what is missing. Exit code 1 if anything is.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.withService(cmd, func(svc *service, dir string) error {
				setup, err := svc.CheckSetup(cmd.Context(), dir)
				if err != nil {
					return err
				}
				out := cmd.OutOrStdout()
				if asJSON {
					err = printJSON(out, setup)
				} else {
					err = console.Setup(out, setup, screenOf(out))
				}
				if !setup.Ready {
					err = errors.Join(err, errUnfit)
				}
				return err
			})
		},
	}
	addJSON(cmd, &asJSON, "check_codex_setup")
	return cmd
}

// errUnfit ends doctor with an exit code; the checks have said what is wrong.
var errUnfit = errors.New("something is missing; see above")

package main

import (
	"github.com/spf13/cobra"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/config"
)

func configCommand() *cobra.Command {
	parent := group("config", "The configuration, "+config.FileName)
	parent.AddCommand(&cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of " + config.FileName + ", for editors",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(config.Schema())
			return err
		},
	})
	return parent
}

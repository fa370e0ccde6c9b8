package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/mcpserver"
)

func serveCommand(f *rootFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Serve MCP on stdin and stdout (the default)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			// What a server that was killed left behind goes while this one answers.
			svc, done, err := openWorker(cmd, f)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, done()) }()
			wait, err := f.wait(cmd, os.Getenv, svc.o.Log)
			if err != nil {
				return err
			}
			server, err := mcpserver.New(svc, mcpserver.Options{
				Version: version(), Repo: f.repo, Wait: wait, Log: svc.o.Log, Getenv: os.Getenv, Getwd: os.Getwd,
			})
			if err != nil {
				return err
			}
			return server.Serve(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
}

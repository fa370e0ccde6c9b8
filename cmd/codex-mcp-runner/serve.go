package main

import (
	"context"
	"errors"
	"os"
	"sync"

	"github.com/spf13/cobra"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/mcpserver"
)

func serveCommand(f *rootFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Serve MCP on stdin and stdout (the default)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			svc, err := openService(cmd, f)
			if err != nil {
				return err
			}
			server, err := mcpserver.New(svc, mcpserver.Options{
				Version: version(), Repo: f.repo, Log: svc.o.Log, Getenv: os.Getenv, Getwd: os.Getwd,
			})
			if err != nil {
				return errors.Join(err, svc.Close())
			}
			// What a server that was killed left behind goes while this one answers.
			reaping, stop := context.WithCancel(cmd.Context())
			var reaper sync.WaitGroup
			reaper.Go(func() { svc.reap(reaping) })
			err = server.Serve(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout())
			stop()
			reaper.Wait()
			return errors.Join(err, svc.Close())
		},
	}
}

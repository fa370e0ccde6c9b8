package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/replay"
)

func replayCommand(f *rootFlags) *cobra.Command {
	var listen, key string
	cmd := &cobra.Command{
		Use:   "replay SCRIPT",
		Short: "Serve a scripted model API, to try things without a key",
		Long: "Serve the Responses API from a script file, so that the real Codex can be run without\n" +
			"a model: set OPENAI_BASE_URL to the address printed, and CODEX_API_KEY to anything.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			log, err := f.log(cmd)
			if err != nil {
				return err
			}
			script, err := replay.Load(args[0])
			if err != nil {
				return usageError{err}
			}
			url, serve, err := serveModel(listen, script, key, log)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), url); err != nil {
				return err
			}
			return serve(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "address to listen on")
	cmd.Flags().StringVar(&key, "key", "", "the API key that callers must present (default: any)")
	return cmd
}

// serveModel listens at once, so that url is good when it returns; serve
// answers until its context ends.
func serveModel(listen string, script replay.Script, key string, log *slog.Logger) (url string, serve func(context.Context) error, err error) {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return "", nil, fmt.Errorf("serve the scripted model: %w", err)
	}
	server := &http.Server{
		Handler:           replay.NewServer(script, replay.Options{Log: log, Key: key}),
		ReadHeaderTimeout: 10 * time.Second,
	}
	return "http://" + l.Addr().String() + "/v1", func(ctx context.Context) error {
		stop := context.AfterFunc(ctx, func() { _ = server.Close() })
		defer stop()
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve the scripted model: %w", err)
		}
		return nil
	}, nil
}

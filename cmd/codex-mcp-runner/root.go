package main

import (
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// rootFlags are the flags of every command.
type rootFlags struct {
	repo     string
	logLevel string
}

// log writes to stderr: stdout belongs to MCP.
func (f rootFlags) log(cmd *cobra.Command) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.logLevel)); err != nil {
		return nil, usageError{fmt.Errorf("--log-level %q: want debug, info, warn or error", f.logLevel)}
	}
	return slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: level})), nil
}

func newRoot() *cobra.Command {
	var f rootFlags
	serve := serveCommand(&f)
	root := &cobra.Command{
		Use:   "codex-mcp-runner",
		Short: "Hand coding tasks to Codex, each in its own worktree and throwaway container",
		Long: "An MCP server (stdio) that hands coding tasks to the OpenAI Codex CLI, many at once,\n" +
			"each in its own git worktree inside its own throwaway Docker container, and returns\n" +
			"patches that were checked. Without a command it serves.",
		Args:          cobra.NoArgs,
		RunE:          serve.RunE,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.PersistentFlags().StringVar(&f.repo, "repo", "", "a directory in the repository (default: the client's roots, $CLAUDE_PROJECT_DIR, the working directory)")
	root.PersistentFlags().StringVar(&f.logLevel, "log-level", "warn", "debug, info, warn or error; the log goes to stderr")
	root.AddCommand(serve, imageCommand(&f), demoCommand(&f), replayCommand(&f), doctorCommand(&f), runsCommand(&f), configCommand(), docsCommand())
	return root
}

// version is what the Go toolchain recorded about this build.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "devel"
	}
	return info.Main.Version
}

package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// rootFlags are the flags of every command.
type rootFlags struct {
	repo     string
	logLevel string
	// waitSeconds is that of the commands that serve.
	waitSeconds int
}

// log writes to stderr: stdout belongs to MCP.
func (f rootFlags) log(cmd *cobra.Command) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.logLevel)); err != nil {
		return nil, usageError{fmt.Errorf("--log-level %q: want debug, info, warn or error", f.logLevel)}
	}
	return slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: level})), nil
}

// dir is the absolute directory that a command in a terminal works in: --repo,
// $CLAUDE_PROJECT_DIR, the working directory.
func (f rootFlags) dir() (string, error) {
	dir := f.repo
	if dir == "" {
		dir = os.Getenv("CLAUDE_PROJECT_DIR")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find the working directory: %w", err)
	}
	return dir, nil
}

// withService has a command's work done by the service, in the directory that the
// command works in, and closes the service.
func (f *rootFlags) withService(cmd *cobra.Command, do func(svc *service, dir string) error) (err error) {
	dir, err := f.dir()
	if err != nil {
		return err
	}
	svc, err := openService(cmd, f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, svc.Close()) }()
	return do(svc, dir)
}

const rootLong = `Hands coding tasks to the OpenAI Codex CLI, many at once, each in its own git
worktree inside its own throwaway Docker container without network, and gives
back patches that were checked. It is an MCP server (stdio) for Claude and other
clients, which start it without a command, and does the same in a terminal:

  codex-mcp-runner doctor                     what is missing on this machine?
  codex-mcp-runner run "Fix the login test"   one task, watched while it runs
  codex-mcp-runner runs diff                  the patches of the newest run
  codex-mcp-runner runs apply RUN             put them onto a new branch

Results go to stdout, progress and errors to stderr, so that --json can be piped.
Colours are for terminals, and NO_COLOR turns them off.

` + exitTable

// newRoot makes the whole command line. watched, which may be nil, is called before
// a command that a person in a terminal waits for.
func newRoot(watched func()) *cobra.Command {
	var f rootFlags
	serve := serveCommand(&f)
	root := &cobra.Command{
		Use:   "codex-mcp-runner",
		Short: "Hand coding tasks to Codex, each in its own worktree and throwaway container",
		Long:  rootLong,
		Args:  noCommand,
		RunE: func(cmd *cobra.Command, args []string) error {
			if isTerminal(cmd.InOrStdin()) {
				return showWelcome(cmd.OutOrStdout())
			}
			return serve.RunE(cmd, args)
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			// Cobra looks at these next, but its errors could not be told from ours.
			if err := errors.Join(cmd.ValidateRequiredFlags(), cmd.ValidateFlagGroups()); err != nil {
				return usageError{err}
			}
			if watched != nil && cmd != serve && cmd.HasParent() {
				watched()
			}
			return nil
		},
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.PersistentFlags().StringVar(&f.repo, "repo", "", "a directory in the repository (default: $CLAUDE_PROJECT_DIR, the working directory; a server asks its client first)")
	root.PersistentFlags().StringVar(&f.logLevel, "log-level", "warn", "debug, info, warn or error; the log goes to stderr")
	complete(root, "log-level", "debug", "info", "warn", "error")
	f.addWaitSeconds(root)
	f.addWaitSeconds(serve)
	for _, g := range []struct {
		id, title string
		commands  []*cobra.Command
	}{
		{"work", "Work with Codex:", []*cobra.Command{runCommand(&f), watchCommand(&f), runsCommand(&f), reviewCommand(&f)}},
		{"machine", "Look after this machine:", []*cobra.Command{doctorCommand(&f), imageCommand(&f), gcCommand(&f), demoCommand(&f)}},
		{"server", "Serve and configure:", []*cobra.Command{serve, configCommand(), replayCommand(&f)}},
	} {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, cmd := range g.commands {
			cmd.GroupID = g.id
			root.AddCommand(cmd)
		}
	}
	root.AddCommand(versionCommand(), docsCommand())
	root.InitDefaultHelpCmd()
	if help, _, err := root.Find([]string{"help"}); err == nil {
		help.Args = func(_ *cobra.Command, args []string) error {
			at, rest, _ := root.Find(args) // what was not found is the rest
			return noCommand(at, rest)
		}
	}
	return mendUsage(root)
}

// mendUsage makes cobra's complaints about arguments the usage errors that they are.
func mendUsage(cmd *cobra.Command) *cobra.Command {
	if check := cmd.Args; check != nil {
		cmd.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return usageError{err}
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		mendUsage(sub)
	}
	return cmd
}

// group is a command that only has others below it.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	g := &cobra.Command{
		Use: use, Short: short, Args: noCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	g.AddCommand(commands...)
	return g
}

// noCommand refuses what was meant to be a command.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	hint := fmt.Sprintf("%q lists them", cmd.CommandPath()+" --help")
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return fmt.Errorf("unknown command %q; %s", args[0], hint)
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

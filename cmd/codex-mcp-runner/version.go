package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/codex"
)

// build is what is known of this binary.
type build struct {
	Version string `json:"version"`
	// Commit is what it was built from; empty if that is not known.
	Commit string `json:"commit"`
	// Modified: the checkout that it was built from had uncommitted changes.
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	// Codex is the version that the runner image gets.
	Codex string `json:"codex"`
	OS    string `json:"os"`
	Arch  string `json:"arch"`
}

// thisBuild goes by what the Go toolchain recorded.
func thisBuild() build {
	b := build{Version: "devel", Go: runtime.Version(), Codex: codex.Version, OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func version() string { return thisBuild().Version }

func versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Say which version this is, and which Codex it runs",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := thisBuild()
			if asJSON {
				return printJSON(cmd.OutOrStdout(), b)
			}
			commit := b.Commit
			switch {
			case commit == "":
				commit = "unknown"
			case b.Modified:
				commit += " with changes"
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "codex-mcp-runner %s\ncommit           %s\nCodex            %s\nGo               %s\nplatform         %s/%s\n",
				b.Version, commit, b.Codex, b.Go, b.OS, b.Arch)
			return err
		},
	}
	addJSON(cmd, &asJSON, "")
	return cmd
}

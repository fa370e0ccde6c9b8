package main

import (
	"errors"
	"fmt"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/sandbox"
)

func imageCommand(f *rootFlags) *cobra.Command {
	return group("image", "The runner image: Codex, git, ripgrep and sandbox-init", imageBuildCommand(f), imageShowCommand(f))
}

// imageInfo is what is told of a runner image.
type imageInfo struct {
	Tag   string `json:"tag"`
	ID    string `json:"id"`
	Bytes int64  `json:"bytes"`
	Codex string `json:"codex"`
	Base  string `json:"base"`
	// Fresh is true if it was built just now.
	Fresh bool `json:"fresh"`
}

func imageBuildCommand(f *rootFlags) *cobra.Command {
	var (
		o      sandbox.BuildOptions
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Build the runner image: Codex, git, ripgrep and sandbox-init",
		Long: "Build the image in which Codex runs, through the Docker engine's API. The base is pulled\n" +
			"or, where no registry answers, made from the distribution's own packages. Nothing is\n" +
			"done if the image is there already; --no-cache builds it again.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			svc, err := openService(cmd, f)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, svc.Close()) }()
			o.Progress, o.Log = cmd.ErrOrStderr(), svc.o.Log
			engine, err := svc.openEngine()
			if err != nil {
				return err
			}
			built, err := engine.Build(cmd.Context(), o)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), imageInfo{built.Tag, built.ID, built.Size, built.Codex, built.Base, built.Fresh})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s  %s  Codex %s\n", built.Tag, units.BytesSize(float64(built.Size)), built.Codex)
			return err
		},
	}
	cmd.Flags().StringVar(&o.Base, "base", "", "base image (default: the pinned one)")
	cmd.Flags().StringVar(&o.CodexVersion, "codex-version", "", "version of @openai/codex (default: the pinned one)")
	cmd.Flags().BoolVar(&o.NoCache, "no-cache", false, "build every step again")
	addJSON(cmd, &asJSON, "")
	return cmd
}

// installedInfo is what image show tells.
type installedInfo struct {
	Tag string `json:"tag"`
	// ID is empty if the image has not been built.
	ID    string `json:"id"`
	Bytes int64  `json:"bytes"`
	Codex string `json:"codex"`
	// ToolsVolume is empty until an image that is not ours has been used.
	ToolsVolume string `json:"tools_volume"`
}

func imageShowCommand(f *rootFlags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Say which runner image this version uses, and whether it is there",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			svc, err := openService(cmd, f)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, svc.Close()) }()
			engine, err := svc.openEngine()
			if err != nil {
				return err
			}
			found, err := engine.Installed(cmd.Context())
			if err != nil {
				return err
			}
			info := installedInfo{Tag: found.RunnerImage, ID: found.ImageID, Bytes: found.Bytes, Codex: found.Codex}
			if found.ToolsReady {
				info.ToolsVolume = found.ToolsVolume
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), info)
			}
			if info.ID == "" {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is not built; \"codex-mcp-runner image build\" does it\n", info.Tag)
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s  %s  Codex %s\n", info.Tag, units.BytesSize(float64(info.Bytes)), info.Codex)
			return err
		},
	}
	addJSON(cmd, &asJSON, "")
	return cmd
}

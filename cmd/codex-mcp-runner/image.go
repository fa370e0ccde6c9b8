package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/sandbox"
)

func imageCommand(f *rootFlags) *cobra.Command {
	image := &cobra.Command{Use: "image", Short: "The runner image", Args: cobra.NoArgs}
	var o sandbox.BuildOptions
	build := &cobra.Command{
		Use:   "build",
		Short: "Build the runner image: Codex, git, ripgrep and sandbox-init",
		Long: "Build the image in which Codex runs, through the Docker engine's API. The base is pulled\n" +
			"or, where no registry answers, made from the distribution's own packages. Nothing is\n" +
			"done if the image is there already; --no-cache builds it again.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			svc, err := openService(cmd, f)
			if err != nil {
				return err
			}
			defer func() { _ = svc.Close() }()
			o.Progress, o.Log = cmd.ErrOrStderr(), svc.o.Log
			built, err := svc.engine.Build(cmd.Context(), o)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s  %.0f MB  Codex %s\n", built.Tag, float64(built.Size)/1e6, built.Codex)
			return err
		},
	}
	build.Flags().StringVar(&o.Base, "base", "", "base image (default: the pinned one)")
	build.Flags().StringVar(&o.CodexVersion, "codex-version", "", "version of @openai/codex (default: the pinned one)")
	build.Flags().BoolVar(&o.NoCache, "no-cache", false, "build every step again")
	image.AddCommand(build)
	return image
}

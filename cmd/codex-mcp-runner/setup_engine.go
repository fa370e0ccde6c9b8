package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/docker/go-units"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/codex"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/console"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/sandbox"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// checkSandbox looks at the engine and at what containers are made from. Of an
// engine that cannot be reached there is nothing else to say.
func (s *service) checkSandbox(ctx context.Context) []task.SetupCheck {
	engine, err := s.openEngine()
	if err != nil {
		return []task.SetupCheck{decided("engine", err, "")}
	}
	info, err := engine.Info(ctx)
	if err != nil {
		return []task.SetupCheck{decided("engine", err, "")}
	}
	checks := []task.SetupCheck{
		decided("engine", nil, describeEngine(info)),
		decided("image", engine.Check(ctx, "", ""), sandbox.RunnerTag()),
	}
	installed, err := engine.Installed(ctx)
	if err != nil {
		return append(checks, decided("codex", err, ""))
	}
	if installed.ImageID != "" {
		c := task.SetupCheck{Name: "codex", OK: installed.Codex == codex.Version, Detail: fmt.Sprintf("Codex %s, in an image of %s", installed.Codex, units.BytesSize(float64(installed.Bytes)))}
		if !c.OK {
			c.Detail = fmt.Sprintf("The image has Codex %s; this version is made for %s.", installed.Codex, codex.Version)
			c.Mend = "Build the image anew with `codex-mcp-runner image build`."
		}
		checks = append(checks, c)
	}
	tools := task.SetupCheck{Name: "tools", OK: true, Detail: "the tools volume for images that are not ours is filled when one is first used"}
	if installed.ToolsReady {
		tools.Detail = "the tools volume for images that are not ours is " + installed.ToolsVolume
	}
	return append(checks, tools, checkLeftovers(ctx, engine))
}

// describeEngine has what a person is asked for who reports a problem.
func describeEngine(i sandbox.Info) string {
	kind := "rootful"
	if i.Rootless {
		kind = "rootless"
	}
	if i.UserNamespaces {
		kind += ", user namespaces"
	}
	return fmt.Sprintf("Docker %s at %s (API %s, %s, cgroup v%s, %s/%s, runtimes %s, %d CPUs, %.1f GiB)",
		i.Version, i.Endpoint, i.API, kind, i.CgroupVersion, i.OS, i.Arch, strings.Join(i.Runtimes, " "), i.CPUs, float64(i.MemoryBytes)/(1<<30))
}

// checkLeftovers minds containers alone: old images cost nothing but room.
func checkLeftovers(ctx context.Context, engine *sandbox.Engine) task.SetupCheck {
	left, err := engine.Leftovers(ctx)
	if err != nil {
		return decided("leftovers", err, "")
	}
	var bytes int64
	for _, image := range left.Images {
		bytes += image.Bytes
	}
	c := task.SetupCheck{Name: "leftovers", OK: len(left.Containers) == 0, Detail: fmt.Sprintf(
		"%s of processes that died, %s (%s), %s",
		console.Count(len(left.Containers), "container", "containers"),
		console.Count(len(left.Images), "old runner image", "old runner images"), units.BytesSize(float64(bytes)),
		console.Count(len(left.Volumes), "old tools volume", "old tools volumes"))}
	switch {
	case left.Empty():
		c.Detail = "nothing is left over"
	case !c.OK:
		c.Mend = "They go with the next start of a server; `codex-mcp-runner gc` removes them now."
	default:
		c.Detail += "; `codex-mcp-runner gc` removes them"
	}
	return c
}

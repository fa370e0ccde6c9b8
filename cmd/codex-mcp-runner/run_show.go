package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/console"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// showRun writes what came of a run, or as much as there is by now,
// and what to do next. repo is --repo.
func showRun(out io.Writer, result task.RunResult, repo string, asJSON bool) error {
	if asJSON {
		return printJSON(out, result)
	}
	if err := console.Table(out, result, screenOf(out)); err != nil {
		return err
	}
	_, err := io.WriteString(out, nextSteps(result, repo))
	return err
}

// nextSteps names the commands that can follow; empty if none can.
func nextSteps(result task.RunResult, repo string) string {
	self := "codex-mcp-runner "
	if repo != "" {
		self += "--repo " + shellWord(repo) + " "
	}
	id := shellWord(result.RunID)
	var b strings.Builder
	step := func(what, command string) { fmt.Fprintf(&b, "  %-16s %s%s %s\n", what, self, command, id) }
	patch := func(r task.Result) bool { return r.PatchPath != "" }
	good := func(r task.Result) bool { return patch(r) && r.Status == task.Success }
	if slices.ContainsFunc(result.Results, patch) {
		step("see the patches", "runs diff")
	}
	switch {
	case result.Status == task.RunRunning: // and apply refuses until it is done
		step("look on", "watch")
	case slices.ContainsFunc(result.Results, good):
		step("take them", "runs apply")
	}
	if result.ReportPath != "" {
		step("read the report", "runs open")
	}
	if b.Len() == 0 {
		return ""
	}
	return "\n" + b.String()
}

// shellWord quotes a word for a POSIX shell where it needs that. What cannot be
// quoted, or seen, is left to be filled in.
func shellWord(s string) string {
	quoted, err := syntax.Quote(s, syntax.LangPOSIX)
	if err != nil {
		return "..."
	}
	return quoted
}

// Package validate turns the evidence of a task into findings, and findings
// into a verdict in words. It is pure: it reads no file, starts nothing and
// asks no clock, so the same evidence always gives the same verdict.
//
// The evidence comes from a hostile sandbox. Every name, message and command in
// it may be chosen to mislead, and no check here trusts one.
package validate

import (
	"slices"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Rules are the checks that other packages own. All three must be set.
type Rules struct {
	// Path says whether path, with slashes and relative to the repository's
	// root, is covered by one of patterns.
	Path func(patterns []string, path string) bool
	// Command says whether every command of a shell script is allowed to spec's
	// task; if not, reason is a clause such as "npm publish is not allowed".
	Command func(spec task.Spec, script string) (ok bool, reason string)
	// Script takes the shell script out of a command line of the transcript,
	// as in /bin/bash -lc 'npm test'. It is false if that cannot be done safely.
	Script func(cmd string) (script string, ok bool)
}

// Judge says what the evidence breaks, in an order that depends on the evidence
// alone: what the collector found, then what changed, then what ran, then what
// the gateway refused, then what the verify commands said. It returns an empty
// slice, not nil, if there is nothing to say.
func Judge(ev task.Evidence, r Rules) []task.Finding {
	return append([]task.Finding{}, slices.Concat(
		ev.Changes.Findings,
		patch(ev),
		paths(ev, r.Path),
		links(ev.Changes),
		replaced(ev.Changes.Files),
		gitlinks(ev.Changes.Files),
		modes(ev.Changes.Files),
		gitDirs(ev.Changes.Files),
		collisions(ev.Changes),
		oddNames(ev.Changes.Files),
		sensitive(ev.Changes),
		commands(ev, r),
		ev.Gateway.Findings,
		memory(ev),
		unmodelled(ev),
		transcript(ev.Turn),
		verification(ev),
	)...)
}

// present reports whether the change leaves something at c.Path.
func present(c task.Change) bool { return c.Kind != task.Deleted && c.NewMode != 0 }

package codex

import (
	_ "embed"
	"strings"
	"text/template"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

//go:embed prompt.md
var promptText string

var promptTemplate = template.Must(template.New("prompt.md").Parse(promptText))

// Prompt is what Codex reads on stdin: the task's own prompt, then the rules of
// the place, so that it need not find them out by being refused. A task with an
// output schema brings its own rules: ours end with a wish for a summary in prose.
func Prompt(spec task.Spec) string {
	if spec.OutputSchema != "" {
		return spec.Prompt
	}
	var b strings.Builder
	err := promptTemplate.Execute(&b, struct {
		Prompt, Workspace                       string
		ReadOnly, Offline, Inspection, Enforced bool
		Paths, Commands                         []string
	}{
		Prompt:     strings.TrimRight(spec.Prompt, "\n"),
		Workspace:  task.WorkspaceDir,
		ReadOnly:   spec.SandboxMode == task.SandboxReadOnly,
		Offline:    spec.Network == task.NetworkDeny,
		Inspection: spec.AllowInspection,
		Enforced:   spec.CommandPolicy == task.CommandEnforce,
		Paths:      spec.AllowedPaths,
		Commands:   spec.AllowedCommands,
	})
	if err != nil { // the golden files show that the template fits
		return spec.Prompt
	}
	return b.String()
}

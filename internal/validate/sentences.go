package validate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// named is how many things of a kind a sentence names before it only counts.
const named = 3

// Sentences is the evidence of a Result: one plain sentence for each thing that
// was checked, with what the check saw. findings are what Judge said.
func Sentences(ev task.Evidence, findings []task.Finding, r Rules) []string {
	all := []string{
		sandboxSentence(ev),
		modelSentence(ev.Gateway),
		commandsSentence(ev.Turn.Commands, r.Script),
		commandRulesSentence(ev, findings),
		refusedSentence(ev.Refused),
		patchSentence(ev),
		pathsSentence(ev, findings),
		shapeSentence(ev.Changes, findings),
	}
	all = append(all, verifySentences(ev)...)
	var said []string
	for _, s := range all {
		if s != "" {
			said = append(said, s)
		}
	}
	return said
}

func sandboxSentence(ev task.Evidence) string {
	if ev.Exit.StartedAt.IsZero() {
		return "No sandbox was started."
	}
	network := "no network"
	if ev.Spec.Network == task.NetworkAllow {
		network = "the engine's network"
	}
	files := ""
	if ev.Spec.SandboxMode == task.SandboxReadOnly {
		files = " a worktree that it could only read,"
	}
	cpus := fmt.Sprintf("%.3g CPU", ev.Spec.Limits.CPUs)
	if ev.Spec.Limits.CPUs != 1 {
		cpus += "s"
	}
	return fmt.Sprintf("The sandbox had %s,%s %s, %s; it ran for %s.", network, files, cpus,
		size(ev.Spec.Limits.MemoryBytes), seconds(ev.Exit.FinishedAt.Sub(ev.Exit.StartedAt)))
}

func modelSentence(g task.GatewayReport) string {
	if g.Requests == 0 {
		return "The model was never called."
	}
	cached := ""
	if g.Usage.CachedInputTokens > 0 {
		cached = fmt.Sprintf(" (%s of them cached)", number(g.Usage.CachedInputTokens))
	}
	said := fmt.Sprintf("The model was called %s: %s in%s, %s out", count(g.Requests, "time"),
		count(g.Usage.InputTokens, "token"), cached, number(g.Usage.OutputTokens))
	if n := int64(len(g.Findings)); n > 0 {
		said += fmt.Sprintf("; the gateway has %s", count(n, "finding"))
	}
	return said + "."
}

func commandsSentence(all []task.Command, script func(string) (string, bool)) string {
	if len(all) == 0 {
		return "Codex ran no commands."
	}
	var failed []string
	for _, c := range all {
		if c.ExitCode != 0 {
			failed = append(failed, shortCommand(c, script))
		}
	}
	ran := "By its transcript, Codex ran " + count(int64(len(all)), "command")
	if len(failed) == 0 {
		return ran + "; none failed."
	}
	return fmt.Sprintf("%s; %s failed: %s.", ran, number(int64(len(failed))), list(failed))
}

func shortCommand(c task.Command, script func(string) (string, bool)) string {
	end := fmt.Sprintf("exit %d", c.ExitCode)
	if c.ExitCode < 0 {
		end = "never ended"
	}
	return fmt.Sprintf("%s (%s)", line(display(c.Cmd, script), 80), end)
}

func commandRulesSentence(ev task.Evidence, findings []task.Finding) string {
	if len(ev.Turn.Commands) == 0 {
		return ""
	}
	if n := int64(len(of(findings, "command-not-allowed"))); n > 0 {
		return fmt.Sprintf("The command rules do not allow %s that ran.", count(n, "command"))
	}
	if n := int64(len(of(findings, "command-unasked"))); n > 0 {
		return fmt.Sprintf("The guard was not asked about %s of the transcript.", count(n, "command"))
	}
	return "Every command that ran is allowed."
}

func refusedSentence(refused []task.Finding) string {
	if len(refused) == 0 {
		return ""
	}
	return fmt.Sprintf("The guard refused %s before anything ran: %s.", count(int64(len(refused)), "call"), list(evidence(refused)))
}

func patchSentence(ev task.Evidence) string {
	files := count(int64(len(ev.Changes.Files)), "file")
	switch {
	case !changed(ev.Changes) && ev.Stopped.Kind == task.FailCancelled:
		return "" // perhaps nobody has looked
	case !changed(ev.Changes):
		return "Codex changed nothing."
	case !ev.Changes.Applicable:
		return fmt.Sprintf("The patch (%s) does not give what Codex left when it is applied to the base commit.", files)
	}
	return fmt.Sprintf("The patch applies to the base commit and gives exactly what Codex left (%s).", files)
}

func pathsSentence(ev task.Evidence, findings []task.Finding) string {
	if len(ev.Changes.Files) == 0 {
		return ""
	}
	if outside := of(findings, "path-not-allowed"); len(outside) > 0 {
		return fmt.Sprintf("Codex touched %s outside allowed_paths (%s): %s.", count(int64(len(outside)), "path"),
			patternList(ev.Spec.AllowedPaths), list(evidence(outside)))
	}
	return "Every changed path is within allowed_paths (" + patternList(ev.Spec.AllowedPaths) + ")."
}

func shapeSentence(c task.Changes, findings []task.Finding) string {
	if len(c.Files) == 0 {
		return ""
	}
	odd := of(findings, "symlink-escapes", "gitlink", "git-dir", "case-collision", "odd-name")
	if len(odd) == 0 {
		return "No symlink of the patch leaves the repository; it holds no submodule and no misleading name."
	}
	return fmt.Sprintf("The patch has %s in symlinks, submodules or names: %s.", count(int64(len(odd)), "finding"), list(evidence(odd)))
}

// of picks the findings of some rules.
func of(findings []task.Finding, rules ...string) []task.Finding {
	var picked []task.Finding
	for _, f := range findings {
		if slices.Contains(rules, f.Rule) {
			picked = append(picked, f)
		}
	}
	return picked
}

func evidence(findings []task.Finding) []string {
	var all []string
	for _, f := range findings {
		all = append(all, show(f.Evidence))
	}
	return all
}

// list names the first few and counts the rest.
func list(items []string) string {
	if len(items) <= named {
		return strings.Join(items, ", ")
	}
	return fmt.Sprintf("%s and %s more", strings.Join(items[:named], ", "), number(int64(len(items)-named)))
}

package report

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// taskView is one task as the template sees it.
type taskView struct {
	// N is its place in the request, from 1; its anchor is made of it, and never
	// of its id.
	N      int
	ID     string
	Status statusView
	// Words is one sentence about the status, where no Failure says more.
	Words   string
	Took    string
	Result  task.Result
	HasRun  bool
	Depends []ref

	Findings  []findingView
	Diff      *diffView
	DiffNote  string
	Verify    []verifyView
	Attempts  []attemptView
	Commands  []commandView
	CmdFailed int
	Usage     []fact
	Paths     []pathView

	HasSpec bool
	Prompt  string
	Rules   []rule
	Hit     []string
}

// statusView is a status in word, sign and colour: the colour never stands alone.
type statusView struct{ Word, Sign, Class string }

func statusOf(s task.Status) statusView {
	switch s {
	case task.Success:
		return statusView{"success", "✓", "ok"}
	case task.Failed:
		return statusView{"failed", "✗", "bad"}
	case task.Timeout:
		return statusView{"timeout", "✗", "bad"}
	case task.Skipped:
		return statusView{"skipped", "–", "off"}
	}
	return statusView{clip(40, string(s)), "?", "off"}
}

type verifyView struct {
	task.Verification
	Status statusView
	Took   string
	Output string
}

type attemptView struct {
	task.Attempt
	Status statusView
	Took   string
}

type commandView struct {
	Cmd   string
	Exit  string
	Class string
}

// pathView is a file of the journal. Href is set if a browser may open it.
type pathView struct{ Name, Path, Href string }

// newTasks joins plan and results: the plan's order, then results that it does
// not know.
func newTasks(r Run, p *painter) []*taskView {
	results := map[string]task.Result{}
	for _, t := range r.Result.Results {
		results[t.TaskID] = t
	}
	var tasks []*taskView
	seen := map[string]bool{}
	add := func(id string, spec *task.Spec) {
		if seen[id] {
			return
		}
		seen[id] = true
		t := &taskView{N: len(tasks) + 1, ID: id}
		result, ended := results[id]
		if ended {
			t.fromResult(result, r.Result.JournalPath)
		} else {
			t.unfinished(id, r.Result)
		}
		if spec != nil {
			t.fromSpec(*spec, result)
		}
		tasks = append(tasks, t)
	}
	for i := range r.Plan.Tasks {
		add(r.Plan.Tasks[i].ID, &r.Plan.Tasks[i])
	}
	for _, t := range r.Result.Results {
		add(t.TaskID, nil)
	}
	for i, t := range tasks {
		depends := t.Result.DependsOn
		if !t.HasRun && i < len(r.Plan.Tasks) {
			depends = r.Plan.Tasks[i].DependsOn
		}
		for _, id := range depends {
			t.Depends = append(t.Depends, refTo(id, tasks))
		}
	}
	addDiffs(tasks, p)
	return tasks
}

// addDiffs gives every task its share of what a report shows of patches.
func addDiffs(tasks []*taskView, p *painter) {
	sizes := make([]int, len(tasks))
	for i, t := range tasks {
		sizes[i] = len(t.Result.Patch)
		if slices.Contains(t.Result.Truncated, "patch") {
			t.DiffNote = "Only the beginning of the patch was at hand here."
		}
	}
	// The markup of short lines costs more than their text: see take.
	limit := min(taskDiffBytes, share(sizes, reportDiffBytes))
	for i, t := range tasks {
		if sizes[i] > 0 {
			d := newDiff(t.Result.Patch, limit, p)
			t.Diff = &d
		}
	}
}

func (t *taskView) fromResult(r task.Result, journal string) {
	t.HasRun, t.Result, t.Status = true, r, statusOf(r.Status)
	if r.DurationMS != 0 {
		t.Took = duration(millis(r.DurationMS))
	}
	t.Words = sentence(r)
	t.Findings = newFindings(r.Findings)
	for _, v := range r.Verification {
		status := statusView{"passed", "✓", "ok"}
		if !v.Passed {
			status = statusView{"failed", "✗", "bad"}
		}
		t.Verify = append(t.Verify, verifyView{v, status, duration(millis(v.DurationMS)), tail(4000, plain(v.OutputTail))})
	}
	for _, a := range r.Attempts {
		t.Attempts = append(t.Attempts, attemptView{a, statusOf(a.Status), duration(millis(a.DurationMS))})
	}
	for _, c := range r.CommandsRun {
		view := commandView{Cmd: c.Cmd, Exit: "exit " + number(c.ExitCode)}
		switch {
		case c.ExitCode == -1:
			view.Exit, view.Class = "never ended", "warn"
		case c.ExitCode != 0:
			view.Class = "warn"
		}
		if c.ExitCode != 0 {
			t.CmdFailed++
		}
		t.Commands = append(t.Commands, view)
	}
	t.Usage = usage(r.Usage)
	t.Result.Logs.Tail = tail(2000, plain(r.Logs.Tail))
	t.Result.ApplyCheckLog = tail(4000, plain(r.ApplyCheckLog))
	t.Paths = paths(r, journal)
}

func (t *taskView) unfinished(id string, r task.RunResult) {
	t.Status = statusView{"no result", "?", "off"}
	t.Words = "There is no result of this task."
	for _, p := range r.Progress {
		if p.ID == id {
			t.Status.Word = clip(40, string(p.State))
			t.Words = "It had not ended when the report was made."
			if r.Status == task.RunLost {
				t.Status.Word, t.Words = "lost", "It had not ended when the process that ran it died."
			}
			if p.Activity != "" {
				t.Words += " It was at: " + clip(200, p.Activity)
			}
		}
	}
}

func sentence(r task.Result) string {
	switch {
	case r.Failure != nil:
		return ""
	case r.Status == task.Success && len(r.FilesChanged) == 0 && r.Patch == "":
		return "Codex completed its turn and changed nothing."
	case r.Status == task.Success:
		return "Codex completed its turn, the patch applies, and no check says no."
	case r.Status == task.Skipped:
		return "It was not run."
	}
	return ""
}

func usage(u task.Usage) []fact {
	if u == (task.Usage{}) {
		return nil
	}
	return []fact{
		{Name: "Input tokens", Value: number(u.InputTokens)},
		{Name: "of them cached", Value: number(u.CachedInputTokens)},
		{Name: "Output tokens", Value: number(u.OutputTokens)},
		{Name: "of them reasoning", Value: number(u.ReasoningTokens)},
		{Name: "Model requests", Value: number(u.ModelRequests)},
	}
}

// paths are where the journal keeps what this page cuts or leaves out.
func paths(r task.Result, journal string) []pathView {
	var out []pathView
	add := func(name, path string) {
		seen := slices.ContainsFunc(out, func(p pathView) bool { return p.Path == path })
		if path != "" && !seen {
			out = append(out, pathView{name, path, link(path, journal)})
		}
	}
	add("Patch, byte for byte", r.PatchPath)
	add("Codex's transcript", r.Logs.Stdout)
	add("Codex's stderr", r.Logs.Stderr)
	for _, v := range r.Verification {
		add("Output of the verify commands", v.LogPath)
	}
	add("Codex's session", r.RolloutPath)
	for _, a := range r.Attempts {
		add("Attempt "+number(a.Number), a.JournalPath)
	}
	add("Worktree (if it was kept)", r.WorkspacePath)
	return out
}

// Only files whose names are ours and that begin with bytes of ours are linked:
// a browser that guesses what a file is must not guess that it is a page.
var linkable = regexp.MustCompile(`^tasks/[A-Za-z0-9][A-Za-z0-9._-]{0,63}/(` +
	regexp.QuoteMeta(task.FilePatch) + `|` + regexp.QuoteMeta(task.FileVerify) + `)$`)

// link returns the path relative to the journal, or "".
func link(path, journal string) string {
	rel, inside := strings.CutPrefix(path, filepath.Clean(journal)+"/")
	if journal == "" || !inside || !linkable.MatchString(rel) {
		return ""
	}
	return rel
}

func (t *taskView) fromSpec(s task.Spec, r task.Result) {
	t.HasSpec, t.Prompt = true, s.Prompt
	t.Rules = rules(s, r)
	for _, row := range t.Rules {
		if row.Hit {
			t.Hit = append(t.Hit, strings.ToLower(row.Name))
		}
	}
}

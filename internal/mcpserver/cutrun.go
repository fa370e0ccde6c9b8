package mcpserver

import (
	"slices"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// cutNames are the fields of a value that were cut, in order and each once.
type cutNames []string

func (n *cutNames) note(name string, was bool) {
	if was && !slices.Contains(*n, name) {
		*n = append(*n, name)
	}
}

// text cuts a text; path drops a path, since half of one is none.
func (n *cutNames) text(name string, s *string, limit int) {
	whole := len(*s)
	*s = clip(*s, limit)
	n.note(name, len(*s) != whole)
}

func (n *cutNames) path(name string, s *string, limit int) {
	if len(*s) > limit {
		*s = ""
		n.note(name, true)
	}
}

func (n *cutNames) list(name string, list *[]string, limit int) {
	var was bool
	*list, was = cutList(*list, limit, itself)
	n.note(name, was)
}

func (n *cutNames) findings(list *[]task.Finding, limit int) {
	var was bool
	*list, was = cutList(*list, limit,
		func(f *task.Finding) *string { return &f.Detail },
		func(f *task.Finding) *string { return &f.Evidence },
		func(f *task.Finding) *string { return &f.Rule })
	n.note("findings", was)
}

// cutRun returns a copy of r within caps. r itself must be tidy.
func cutRun(r task.RunResult, c caps) task.RunResult {
	var names cutNames
	r.Results = slices.Clone(r.Results)
	cut := false
	for i := range r.Results {
		r.Results[i] = cutResult(r.Results[i], c)
		cut = cut || len(r.Results[i].Truncated) > 0
	}
	r.Progress = names.progress(r.Progress, c)
	names.list("notes", &r.Notes, max(c.list, 100))
	names.findings(&r.Findings, c.list)
	names.path("report_path", &r.ReportPath, c.path)
	if r.Combination != nil {
		combination := *r.Combination
		names.pairs(&combination.Pairs, c.list)
		r.Combination = &combination
	}
	if r.Review != nil {
		report := *r.Review
		names.report("review", &report, c.list)
		r.Review = &report
	}
	if len(names) > 0 {
		r.Notes = append(slices.Clone(r.Notes), "Of the run as a whole, these were cut to keep this result short: "+
			strings.Join(names, ", ")+". get_codex_run with section result has them whole.")
	}
	if cut {
		r.Notes = append(slices.Clone(r.Notes), "Fields named in `truncated` were cut to keep this result short. "+
			"Patches are whole at patch_path; everything is in journal_path, and get_codex_run reads it.")
	}
	return r
}

// progress cuts where the tasks stand: in need, to those that have no result yet.
func (n *cutNames) progress(tasks []task.TaskProgress, c caps) []task.TaskProgress {
	var kept []task.TaskProgress
	for _, t := range tasks {
		if t.State == task.Done && c.list <= shortList {
			n.note("progress", true)
			continue
		}
		n.text("progress", &t.Activity, c.text)
		kept = append(kept, t)
	}
	return kept
}

// pairs cuts the pairs of a combination, those that do not combine last.
func (n *cutNames) pairs(pairs *[]task.Pair, limit int) {
	sorted := slices.Clone(*pairs)
	slices.SortStableFunc(sorted, func(a, b task.Pair) int {
		switch {
		case a.Combines == b.Combines:
			return 0
		case b.Combines:
			return -1
		}
		return 1
	})
	var kept []task.Pair
	cut := false
	for _, p := range sorted {
		if limit -= 3 * itemCost; limit < 0 {
			cut = true
			break
		}
		for _, list := range []*[]string{&p.Conflicts, &p.SharedFiles} {
			var was bool
			*list, was = cutList(*list, limit, itself)
			cut = cut || was
			for _, path := range *list {
				limit -= itemCost + len(path)
			}
		}
		kept = append(kept, p)
	}
	if !cut {
		return // in the order in which they came
	}
	*pairs = append([]task.Pair{}, kept...)
	n.note("combination.pairs", true)
}

// report cuts the lists of a review. The most important sentences come first and stay.
func (n *cutNames) report(name string, r *task.ReviewReport, limit int) {
	for _, l := range r.Lists() {
		n.list(name+"."+l.Name, l.Sentences, limit)
	}
}

func cutResult(r task.Result, c caps) task.Result {
	names := cutNames(slices.Clone(r.Truncated))
	names.text("patch", &r.Patch, c.text)
	names.text("summary", &r.Summary, c.text)
	names.text("logs.tail", &r.Logs.Tail, c.text)
	names.text("apply_check_log", &r.ApplyCheckLog, c.text)
	names.text("notes_for_manager", &r.NotesForManager, c.text)

	names.list("files_changed", &r.FilesChanged, c.list)
	names.list("evidence", &r.Evidence, c.list)
	names.list("depends_on", &r.DependsOn, c.list)
	names.findings(&r.Findings, c.list)
	var was bool
	r.CommandsRun, was = cutList(r.CommandsRun, c.list, func(x *task.Command) *string { return &x.Cmd })
	names.note("commands_run", was)
	r.Verification, was = cutList(r.Verification, c.list, func(v *task.Verification) *string { return &v.Command })
	names.note("verification", was)
	for i := range r.Verification {
		names.text("verification", &r.Verification[i].OutputTail, c.text)
		names.path("verification", &r.Verification[i].LogPath, c.path)
	}
	if len(r.Attempts) > 0 {
		r.Attempts, was = cutList(r.Attempts, c.list)
		names.note("attempts", was)
		for i := range r.Attempts {
			names.path("attempts", &r.Attempts[i].JournalPath, c.path)
		}
	}
	if r.Failure != nil {
		f := *r.Failure
		names.text("failure.message", &f.Message, c.list)
		names.text("failure.hint", &f.Hint, c.list)
		r.Failure = &f
	}
	names.path("workspace_path", &r.WorkspacePath, c.path)
	names.path("logs.stdout", &r.Logs.Stdout, c.path)
	names.path("logs.stderr", &r.Logs.Stderr, c.path)
	names.path("rollout_path", &r.RolloutPath, c.path)
	names.path("patch_path", &r.PatchPath, c.patchPath)

	if c.path == 0 && len(names) > 0 {
		names = cutNames{"*"} // the names alone would not fit
	}
	r.Truncated = names
	return r
}

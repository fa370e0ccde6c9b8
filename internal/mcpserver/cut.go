package mcpserver

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// caps are what the parts of a run's result may measure, in bytes each. Links
// is a number of links.
type caps struct{ text, list, path, patchPath, links int }

// floors are the steps in which a result that is too long gives way: one part
// after the other goes down to its floor until the rest fits, and the last part
// to move keeps as much as it can. Texts first, since files hold the whole of
// them; the way to those files last.
var floors = []func(*caps) (*int, int){
	func(c *caps) (*int, int) { return &c.text, 400 },
	func(c *caps) (*int, int) { return &c.list, 300 },
	func(c *caps) (*int, int) { return &c.links, 0 },
	func(c *caps) (*int, int) { return &c.text, 0 },
	func(c *caps) (*int, int) { return &c.list, 0 },
	func(c *caps) (*int, int) { return &c.path, 0 },
	func(c *caps) (*int, int) { return &c.patchPath, 0 },
}

// fit finds the largest caps with which a result fits. The same cap holds for
// all texts of all tasks, so the longest give way first and short ones stay
// whole.
func fit(limit int, fits func(caps) bool) caps {
	c := caps{text: limit, list: limit, path: limit, patchPath: limit, links: limit}
	if fits(c) {
		return c
	}
	for _, floor := range floors {
		part, low := floor(&c)
		high := *part
		if *part = low; !fits(c) {
			continue
		}
		for high-low > 1 {
			middle := (low + high) / 2
			if *part = middle; fits(c) {
				low = middle
			} else {
				high = middle
			}
		}
		*part = low
		break
	}
	return c
}

// cutRun returns a copy of r within caps. r itself must be tidy.
func cutRun(r task.RunResult, c caps) task.RunResult {
	r.Results = slices.Clone(r.Results)
	cut := false
	for i := range r.Results {
		r.Results[i] = cutResult(r.Results[i], c)
		cut = cut || len(r.Results[i].Truncated) > 0
	}
	r.Notes, _ = cutList(r.Notes, max(c.list, 100), func(s *string) *string { return s })
	if cut {
		r.Notes = append(slices.Clone(r.Notes), "Fields named in `truncated` were cut to keep this result short. "+
			"Patches are whole at patch_path; everything is in journal_path.")
	}
	return r
}

func cutResult(r task.Result, c caps) task.Result {
	names := slices.Clone(r.Truncated)
	note := func(name string, was bool) {
		if was && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	text := func(name string, s *string, limit int) {
		whole := len(*s)
		*s = clip(*s, limit)
		note(name, len(*s) != whole)
	}
	path := func(name string, s *string, limit int) {
		if len(*s) > limit { // half a path is none
			*s = ""
			note(name, true)
		}
	}
	text("patch", &r.Patch, c.text)
	text("summary", &r.Summary, c.text)
	text("logs.tail", &r.Logs.Tail, c.text)
	text("apply_check_log", &r.ApplyCheckLog, c.text)
	text("notes_for_manager", &r.NotesForManager, c.text)

	var was bool
	r.FilesChanged, was = cutList(r.FilesChanged, c.list, func(s *string) *string { return s })
	note("files_changed", was)
	r.Evidence, was = cutList(r.Evidence, c.list, func(s *string) *string { return s })
	note("evidence", was)
	r.CommandsRun, was = cutList(r.CommandsRun, c.list, func(x *task.Command) *string { return &x.Cmd })
	note("commands_run", was)
	r.Findings, was = cutList(r.Findings, c.list,
		func(f *task.Finding) *string { return &f.Detail },
		func(f *task.Finding) *string { return &f.Evidence },
		func(f *task.Finding) *string { return &f.Rule })
	note("findings", was)
	if r.Failure != nil {
		f := *r.Failure
		text("failure.message", &f.Message, c.list)
		text("failure.hint", &f.Hint, c.list)
		r.Failure = &f
	}
	path("workspace_path", &r.WorkspacePath, c.path)
	path("logs.stdout", &r.Logs.Stdout, c.path)
	path("logs.stderr", &r.Logs.Stderr, c.path)
	path("patch_path", &r.PatchPath, c.patchPath)

	if c.path == 0 && len(names) > 0 {
		names = []string{"*"} // the names alone would not fit
	}
	r.Truncated = names
	return r
}

// itemCost is what an item of a list weighs beside its texts.
const itemCost = 20

// cutList keeps the head of list that fits, the last item's texts cut. It does
// not change list itself.
func cutList[T any](list []T, limit int, texts ...func(*T) *string) ([]T, bool) {
	kept := make([]T, 0, min(len(list), 16))
	cut := false
	for _, item := range list {
		if limit -= itemCost; limit < 0 {
			return kept, true
		}
		for _, text := range texts {
			s := text(&item)
			whole := len(*s)
			*s = clip(*s, limit)
			cut = cut || len(*s) != whole
			limit -= len(*s)
		}
		kept = append(kept, item)
	}
	return kept, cut
}

// clip keeps the head of a valid UTF-8 string, at most limit bytes of it with
// a mark that says how much there was.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	mark := fmt.Sprintf("\n[cut here; %d bytes in all]", len(s))
	if limit < 4*len(mark) {
		mark = "…"
	}
	if limit < len(mark) {
		return ""
	}
	n := limit - len(mark)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + mark
}

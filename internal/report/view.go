package report

import (
	"cmp"
	"html/template"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// view is the page as its template sees it. All words in it are plain text: the
// template escapes them.
type view struct {
	Style       template.CSS
	Policy      string
	RunID       string
	Headline    string
	Others      string // what became of the tasks that did not succeed
	Class       string
	State       string // what a run that is not simply done should say of itself
	CreatedAt   string
	CreatedISO  string
	Facts       []fact
	Notes       []string
	Findings    []findingView
	Combination *combinationView
	Review      []reviewList
	Timeline    timelineView
	Tasks       []*taskView
	JournalPath string
}

// fact is a name with its value. Code values are set in the typewriter face.
type fact struct {
	Name, Value, Note string
	Code              bool
}

// findingView is a finding with the words of its severity.
type findingView struct {
	task.Finding
	Class string
}

func newView(r Run, p *painter) *view {
	v := &view{
		Style: template.CSS(style), Policy: policy, // our own file
		RunID: clip(200, cmp.Or(r.Result.RunID, r.Plan.RunID)), JournalPath: clip(1000, r.Result.JournalPath),
		Notes: r.Result.Notes, Findings: newFindings(r.Result.Findings),
		Review: newReview(r.Result.Review),
	}
	if !r.CreatedAt.IsZero() {
		v.CreatedAt = r.CreatedAt.Format("2 Jan 2006, 15:04 MST")
		v.CreatedISO = r.CreatedAt.Format(time.RFC3339)
	}
	v.Tasks = newTasks(r, p)
	v.Timeline = newTimeline(r, v.Tasks)
	v.Combination = newCombination(r.Result, v.Tasks)
	v.headline(r)
	v.facts(r)
	return v
}

// headline counts; State says what the count cannot.
func (v *view) headline(r Run) {
	succeeded := 0
	others := map[string]int{}
	for _, t := range v.Tasks {
		if t.Result.Status == task.Success {
			succeeded++
		} else {
			others[t.Status.Word]++
		}
	}
	var words []string
	for _, word := range slices.Sorted(maps.Keys(others)) {
		words = append(words, number(others[word])+" "+word)
	}
	v.Others = strings.Join(words, ", ")
	n := len(v.Tasks)
	v.Headline = number(succeeded) + " of " + count(n, "task") + " succeeded"
	switch {
	case succeeded == n && n > 0:
		v.Class = "ok"
	case succeeded == 0:
		v.Class = "bad"
	default:
		v.Class = "warn"
	}
	switch {
	case r.Result.Status == task.RunRunning:
		v.Class, v.State = "off", "This run was still going on when the report was made."
	case r.Result.Status == task.RunLost:
		v.Class, v.State = "bad", "This run was lost: the process that ran it died before it was done."
	case r.Plan.DryRun:
		v.Class, v.State = "off", "This was a dry run: everything was checked and nothing was started."
	}
}

func (v *view) facts(r Run) {
	var u task.Usage
	for _, t := range r.Result.Results {
		u = u.Plus(t.Usage)
	}
	add := func(name, value, note string, code bool) {
		if value != "" {
			v.Facts = append(v.Facts, fact{name, value, note, code})
		}
	}
	if d := millis(r.Result.TotalDurationMS); d > 0 {
		add("Took", duration(d), "", false)
	}
	if total := u.Tokens(); total > 0 {
		add("Tokens", number(total), number(u.CachedInputTokens)+" cached", false)
		add("Model requests", number(u.ModelRequests), "", false)
	}
	if r.Plan.Concurrency > 0 {
		add("At once", count(r.Plan.Concurrency, "task"), "", false)
	}
	add("Base", clip(200, r.Plan.BaseRef), "", true)
	add("Base commit", clip(200, r.Result.BaseCommit), "", true)
	add("Journal", clip(1000, r.Result.JournalPath), "", true)
}

// newFindings puts the grave ones first.
func newFindings(all []task.Finding) []findingView {
	var out []findingView
	for _, f := range all {
		class := "info"
		switch f.Severity {
		case task.SeverityError:
			class = "bad"
		case task.SeverityWarning:
			class = "warn"
		case task.SeverityInfo:
		}
		out = append(out, findingView{f, class})
	}
	rank := map[string]int{"bad": 0, "warn": 1, "info": 2}
	slices.SortStableFunc(out, func(a, b findingView) int { return rank[a.Class] - rank[b.Class] })
	return out
}

// reviewList is one part of the review of a plan.
type reviewList struct {
	Name  string
	Items []string
}

func newReview(r *task.ReviewReport) []reviewList {
	if r == nil {
		return nil
	}
	var lists []reviewList
	for _, l := range r.Lists() {
		lists = append(lists, reviewList{l.Title, *l.Sentences})
	}
	return lists
}

// combinationView says how the patches go together.
type combinationView struct {
	Combines bool
	Pairs    []pairView
}

type pairView struct {
	Tasks    []ref
	Combines bool
	// Files are those in conflict, or else those that both change.
	Files []string
}

// ref is the name of a task with its place on the page; N is 0 if it has none.
type ref struct {
	ID string
	N  int
}

func newCombination(r task.RunResult, tasks []*taskView) *combinationView {
	if r.Combination == nil {
		return nil
	}
	c := &combinationView{Combines: r.Combination.Combines}
	for _, p := range r.Combination.Pairs {
		pv := pairView{Combines: p.Combines, Files: p.SharedFiles}
		if !p.Combines {
			pv.Files = p.Conflicts
		}
		for _, id := range p.Tasks {
			pv.Tasks = append(pv.Tasks, refTo(id, tasks))
		}
		c.Pairs = append(c.Pairs, pv)
	}
	// Conflicts first.
	slices.SortStableFunc(c.Pairs, func(a, b pairView) int {
		switch {
		case a.Combines == b.Combines:
			return 0
		case b.Combines:
			return -1
		}
		return 1
	})
	return c
}

func refTo(id string, tasks []*taskView) ref {
	for _, t := range tasks {
		if t.ID == id {
			return ref{id, t.N}
		}
	}
	return ref{ID: id}
}

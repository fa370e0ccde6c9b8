package runner_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func TestARunSaysWhatChangedInTheRepository(t *testing.T) {
	w := newWorld()
	moved := task.Finding{Rule: "repository-changed", Severity: task.SeverityError, Evidence: "refs/heads/main"}
	w.changed = func() ([]task.Finding, error) { return []task.Finding{moved}, nil }
	res := must(t)(w.start(t.Context(), w.plan("a")))
	if !slices.Equal(res.Findings, []task.Finding{moved}) || res.Results[0].Status != task.Success {
		t.Errorf("got %+v", res)
	}
	if w.events[0] != "watch" || !slices.Equal(w.events[len(w.events)-3:], []string{"remove run-a keep=false", "compare", "finish"}) {
		t.Errorf("did %q", w.events)
	}
}

func TestARepositoryThatCannotBeWatchedIsANote(t *testing.T) {
	fault := errors.New("permission denied")
	for name, change := range map[string]func(w *world){
		"before": func(w *world) { w.watch = func() error { return fault } },
		"after":  func(w *world) { w.changed = func() ([]task.Finding, error) { return nil, fault } },
	} {
		w := newWorld()
		change(w)
		res := must(t)(w.start(t.Context(), w.plan("a")))
		if len(res.Notes) != 2 || res.Notes[1] != "Whether the repository stayed as it was is not known: permission denied." {
			t.Errorf("%s: notes %q", name, res.Notes)
		}
		if res.Findings == nil || len(res.Findings) > 0 || res.Results[0].Status != task.Success || res.Status != task.RunDone {
			t.Errorf("%s: got %+v", name, res)
		}
	}
}

func TestTheRolloutIsKeptIfItIsWanted(t *testing.T) {
	for name, c := range map[string]struct {
		ephemeral bool
		content   string
		err       error
		path      string
	}{
		"kept":        {false, `{"key":"hunter2hunter2"}`, nil, "/journal/a/rollout.jsonl"},
		"not wanted":  {true, "x", nil, ""},
		"none":        {false, "", nil, ""},
		"unreadable":  {false, "", errors.New("too many links"), ""},
		"over length": {false, strings.Repeat("x", 2<<20), nil, "/journal/a/rollout.jsonl"},
	} {
		w := newWorld()
		w.secret = "hunter2hunter2"
		w.rollout = func(string) ([]byte, error) { return []byte(c.content), c.err }
		plan := w.plan("a")
		plan.Tasks[0].Ephemeral = c.ephemeral
		r := must(t)(w.start(t.Context(), plan)).Results[0]
		kept := w.file("a/rollout.jsonl")
		if r.RolloutPath != c.path || (kept != "") != (c.path != "") || strings.Contains(kept, w.secret) || len(kept) > 1<<20 {
			t.Errorf("%s: %q has %.80q", name, r.RolloutPath, kept)
		}
		if r.Status != task.Success {
			t.Errorf("%s: got %+v", name, r)
		}
		if c.err != nil && (len(r.Findings) != 1 || r.Findings[0].Rule != "rollout-not-kept" || r.Findings[0].Severity != task.SeverityInfo) {
			t.Errorf("%s: findings %+v", name, r.Findings)
		}
	}
}

func TestEveryRunHasItsReport(t *testing.T) {
	w := newWorld()
	w.html = func(res task.RunResult) ([]byte, error) {
		if w.result != nil || len(res.Results) != 1 || res.ReportPath == "" || res.TotalDurationMS < 0 {
			t.Errorf("the report is made of %+v", res)
		}
		return []byte("<html>"), nil
	}
	res := must(t)(w.start(t.Context(), w.plan("a")))
	if w.file("report.html") != "<html>" || res.ReportPath != "/journal/report.html" || w.result.ReportPath != res.ReportPath {
		t.Errorf("got %q at %q", w.file("report.html"), res.ReportPath)
	}

	w = newWorld()
	w.html = func(task.RunResult) ([]byte, error) { return nil, errors.New("no template") }
	res = must(t)(w.start(t.Context(), w.plan("a")))
	if res.ReportPath != "" || res.Notes[len(res.Notes)-1] != "There is no report.html: no template." || w.result == nil {
		t.Errorf("got %+v", res)
	}
}

func TestADryRunTellsOfEverything(t *testing.T) {
	w := newWorld()
	plan := w.plan("a", "b")
	plan.DryRun = true
	spec := &plan.Tasks[1]
	spec.DependsOn, spec.Attempts, spec.VerifyCommands, spec.Image = []string{"a"}, 3, []string{"npm test", "npm run lint"}, "node:22"
	res := must(t)(w.start(t.Context(), plan))
	for _, want := range []string{"in node:22", "patches of a", "best of 3 attempts", "npm test; npm run lint"} {
		if notes := res.Results[1].NotesForManager; !strings.Contains(notes, want) {
			t.Errorf("%q says nothing of %q", notes, want)
		}
	}
	if res.Status != task.RunDone || res.Findings == nil || w.attached() > 0 || len(w.events) > 0 {
		t.Errorf("got %+v, did %q", res, w.events)
	}
}

// What is ours to say goes with the findings of the collector: the guard has
// refused nothing.
func TestCodexThatHungIsNoRefusalOfTheGuard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.run = hangs(completed)
		must(t)(w.start(t.Context(), w.plan("a")))
		ev := w.judged[0]
		if len(ev.Refused) != 0 || len(ev.Changes.Findings) != 1 || ev.Changes.Findings[0].Rule != "codex-hung" {
			t.Errorf("judged %+v", ev)
		}
	})
}

// A turn that failed is Codex's failure, also if Codex does not exit after it.
func TestCodexThatHungAfterAFailedTurnIsNoFaultOfOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.run = hangs(`{"type":"turn.failed","error":{"message":"no such model"}}` + "\n")
		r := must(t)(w.start(t.Context(), w.plan("a"))).Results[0]
		if len(w.judged) != 1 || w.judged[0].Turn.Failed != "no such model" || r.Failure != nil && r.Failure.Kind == task.FailInternal {
			t.Errorf("judged %+v, got %+v", w.judged, r.Failure)
		}
	})
}

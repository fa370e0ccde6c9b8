package journal_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func TestPartialIsWhatThereIsSoFar(t *testing.T) {
	j, run, log := logOf(t)
	log.Post(snapshot(task.TaskProgress{State: task.Running, Activity: "npm test"}, task.TaskProgress{State: task.Done, Status: task.Success}))
	b, err := run.Task("b")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Write("result.json", []byte(`{"task_id":"b","status":"success","files_changed":["x"]}`)); err != nil {
		t.Fatal(err)
	}
	want := task.RunResult{
		RunID: "r", Status: task.RunRunning, BaseCommit: "abc", JournalPath: run.Path(""),
		Results: []task.Result{{
			TaskID: "b", Status: task.Success, FilesChanged: []string{"x"}, CommandsRun: []task.Command{}, Evidence: []string{},
			Findings: []task.Finding{}, DependsOn: []string{}, Verification: []task.Verification{},
		}},
		Notes: []string{}, Findings: []task.Finding{},
		Progress: []task.TaskProgress{
			{ID: "a", State: task.Running, Activity: "npm test"}, {ID: "b", State: task.Done, Status: task.Success},
		},
	}
	partial := func() task.RunResult {
		got, err := load(t, j, "r").Partial()
		if err != nil {
			t.Fatal(err)
		}
		if got.TotalDurationMS < 0 || got.TotalDurationMS > 60_000 {
			t.Errorf("it took %d ms", got.TotalDurationMS)
		}
		got.TotalDurationMS = 0
		return got
	}
	if diff := cmp.Diff(want, partial()); diff != "" {
		t.Error(diff)
	}
	if err := os.Remove(run.Path("lock")); err != nil { // as if its process had died
		t.Fatal(err)
	}
	want.Status = task.RunLost
	if diff := cmp.Diff(want, partial()); diff != "" {
		t.Error(diff)
	}
	// A result that is none hides nothing else.
	a, err := run.Task("a")
	if err != nil {
		t.Fatal(err)
	}
	for _, content := range []string{"{", `{"task_id":"b"}`} {
		if err := a.Write("result.json", []byte(content)); err != nil {
			t.Fatal(err)
		}
		if got, err := load(t, j, "r").Partial(); err == nil || len(got.Results) != 1 || len(got.Progress) != 2 {
			t.Errorf("%s: %+v, %v", content, got, err)
		}
	}
}

func TestSummaries(t *testing.T) {
	j, run, log := logOf(t) // created now: the newest
	log.Post(snapshot(task.TaskProgress{State: task.Running}, task.TaskProgress{State: task.Done, Status: task.Success}))
	t0 := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	dead := begin(t, j, "dead", t0)
	done, err := j.Begin(task.Plan{RunID: "done", Tasks: []task.Spec{{ID: "x"}, {ID: "y"}}}, "def", t0.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(os.Remove(dead.Path("lock")), done.Finish(task.RunResult{Results: []task.Result{
		{TaskID: "x", Status: task.Success}, {TaskID: "y", Status: task.Failed},
	}}))
	if err != nil {
		t.Fatal(err)
	}
	// The result is not needed, however large or broken it is.
	if err := os.WriteFile(done.Path("result.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := begin(t, j, "broken", t0)
	if err := os.WriteFile(broken.Path("run.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := j.Summaries()
	if err == nil {
		t.Error("the broken run goes unmentioned")
	}
	now := got[0].CreatedAt
	want := []task.RunSummary{
		{RunID: "r", Status: task.RunRunning, CreatedAt: now, Tasks: 2, Done: 1, Succeeded: 1, TaskIDs: []string{"a", "b"}, BaseCommit: "abc", JournalPath: run.Path("")},
		{RunID: "done", Status: task.RunDone, CreatedAt: t0.Add(time.Hour), Tasks: 2, Done: 2, Succeeded: 1, TaskIDs: []string{"x", "y"}, BaseCommit: "def", JournalPath: done.Path("")},
		{RunID: "dead", Status: task.RunLost, CreatedAt: t0, TaskIDs: []string{}, BaseCommit: "abc", JournalPath: dead.Path("")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got, err := journal.At(t.TempDir()).Summaries(); err != nil || got == nil || len(got) != 0 {
		t.Errorf("no journal: %v, %v", got, err)
	}
}

func TestAReviewIsAddedToARunThatIsDone(t *testing.T) {
	j, _ := open(t)
	report := task.ReviewReport{MissingTasks: []string{"Nobody writes the migration."}}
	run := begin(t, j, "r", time.Now())
	if err := j.AddReview("r", report); err == nil {
		t.Error("a review was added to a run that lives")
	}
	if err := run.Finish(task.RunResult{RunID: "r"}); err != nil {
		t.Fatal(err)
	}
	if load(t, j, "r").Result.Review != nil {
		t.Error("there is a review before there is one")
	}
	if err := j.AddReview("r", report); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&report, load(t, j, "r").Result.Review); diff != "" {
		t.Error(diff)
	}
	if err := j.AddReview("../r", report); len(task.Refusals(err)) != 1 {
		t.Errorf("got %v, want a refusal", err)
	}
	lost := begin(t, j, "lost", time.Now())
	if err := os.Remove(lost.Path("lock")); err != nil {
		t.Fatal(err)
	}
	if err := j.AddReview("lost", report); err == nil {
		t.Error("a review was added to a run that was never done")
	}
	if _, err := os.Lstat(filepath.Join(lost.Path("review.json"))); err == nil {
		t.Error("it is there all the same")
	}
}

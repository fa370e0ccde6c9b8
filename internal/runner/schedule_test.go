package runner_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// after makes task a plan's id depend on others.
func after(p *task.Plan, id string, on ...string) {
	for i := range p.Tasks {
		if p.Tasks[i].ID == id {
			p.Tasks[i].DependsOn = on
		}
	}
}

// only keeps the events that begin with one of the words.
func only(events []string, words ...string) (picked []string) {
	for _, e := range events {
		if word, _, _ := strings.Cut(e, " "); slices.Contains(words, word) {
			picked = append(picked, e)
		}
	}
	return picked
}

// eachPatches lets every task leave a patch that is its own name.
func eachPatches(name string) (task.Changes, error) {
	id := strings.TrimPrefix(name, "run-")
	return patched("src/"+id, id), nil
}

func TestATaskThatWaitsIsPassedOverAndNotOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.run = func(ctx context.Context, c task.Container, s task.Streams) (task.Exit, error) {
			time.Sleep(time.Minute)
			return says(completed)(ctx, c, s)
		}
		plan := w.plan("a", "b", "c", "d")
		after(&plan, "a", "b")
		must(t)(w.start(t.Context(), plan))
		want := []string{"start b", "gone b", "start a", "gone a", "start c", "gone c", "start d", "gone d"}
		if diff := cmp.Diff(want, only(w.events, "start", "gone")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestATaskStartsFromWhatItDependsOn(t *testing.T) {
	w := newWorld()
	w.collect = func(name string) (task.Changes, error) {
		if strings.HasPrefix(name, "run-none") {
			return task.Changes{Applicable: true}, nil
		}
		return eachPatches(name)
	}
	plan := w.plan("a", "b", "none", "none2", "none3", "one", "two", "all", "same", "chain")
	after(&plan, "none3", "none", "none2")
	after(&plan, "one", "a")
	after(&plan, "two", "a", "b")
	after(&plan, "all", "b", "two", "none")
	after(&plan, "same", "none")
	after(&plan, "chain", "same")
	res := must(t)(w.start(t.Context(), plan))

	starts := map[string]string{}
	for _, e := range only(w.events, "create") {
		words := strings.Fields(e)
		starts[strings.TrimPrefix(words[1], "run-")] = words[2]
	}
	want := map[string]string{
		"a": "c0ffee", "b": "c0ffee", "none": "c0ffee", "none2": "c0ffee", "none3": "c0ffee",
		"one": "c0ffee+a", "two": "c0ffee+a+b", "all": "c0ffee+b+a+two", "same": "c0ffee",
		"chain": "c0ffee+same",
	}
	if diff := cmp.Diff(want, starts); diff != "" {
		t.Errorf("start commits (-want +got):\n%s", diff)
	}
	for _, commits := range w.merges {
		if slices.Equal(commits, []string{"c0ffee", "c0ffee"}) {
			t.Error("a commit was merged with itself")
		}
	}
	for i, r := range res.Results {
		if r.Status != task.Success || r.DependsOn == nil || !slices.Equal(r.DependsOn, plan.Tasks[i].DependsOn) {
			t.Errorf("%s: %s, depends on %v", r.TaskID, r.Status, r.DependsOn)
		}
	}
	if got := w.file("all/attestation.json"); !strings.HasPrefix(got, "all success c0ffee+b+a+two ") {
		t.Errorf("attested %q", got)
	}
}

func TestWhatDependsOnAFailureIsSkippedAndSaysWhy(t *testing.T) {
	w := newWorld()
	w.run = func(ctx context.Context, c task.Container, s task.Streams) (task.Exit, error) {
		if c.TaskID == "a" {
			return says("")(ctx, c, s)
		}
		return says(completed)(ctx, c, s)
	}
	plan := w.plan("d", "c", "b", "a", "x")
	after(&plan, "b", "a", "x")
	after(&plan, "c", "b")
	after(&plan, "d", "c", "x", "a")
	res := must(t)(w.start(t.Context(), plan))

	want := []task.Status{task.Skipped, task.Skipped, task.Skipped, task.Failed, task.Success}
	if got := statuses(res.Results); !slices.Equal(got, want) {
		t.Fatalf("got %v", got)
	}
	for i, note := range []string{
		"Not started: it depends on c (skipped, because a is failed) and a (failed).",
		"Not started: it depends on b (skipped, because a is failed).",
		"Not started: it depends on a (failed).",
	} {
		if got := res.Results[i]; got.NotesForManager != note || got.Failure != nil {
			t.Errorf("%s: %q, %+v", got.TaskID, got.NotesForManager, got.Failure)
		}
	}
	if got := only(w.events, "start"); len(got) != 2 {
		t.Errorf("started %v", got)
	}
	last := w.shown[len(w.shown)-1]
	if last.DoneCount() != 5 || last.Tasks[0].Status != task.Skipped {
		t.Errorf("the last progress is %+v", last)
	}
}

func TestDependenciesThatDoNotMergeSkipWhatStandsOnThem(t *testing.T) {
	w := newWorld()
	w.collect = eachPatches
	w.conflict = func(a, b string) []string {
		if a == "a" && b == "b" {
			return []string{"src/x", "src/\xff"}
		}
		return nil
	}
	plan := w.plan("a", "b", "c", "d")
	plan.Tasks[2].Attempts = 3
	after(&plan, "c", "a", "b")
	after(&plan, "d", "c")
	res := must(t)(w.start(t.Context(), plan))

	r := res.Results[2]
	want := []task.Finding{{
		Rule: "dependencies-conflict", Severity: task.SeverityError,
		Detail: "The patches of a and b change the same places of 2 files.", Evidence: "src/x, src/\uFFFD",
	}}
	if diff := cmp.Diff(want, r.Findings); r.Status != task.Skipped || diff != "" {
		t.Errorf("%s: %s", r.Status, diff)
	}
	if !strings.Contains(r.NotesForManager, "the patches of a and b do not merge") || r.Attempts != nil {
		t.Errorf("got %q, %v", r.NotesForManager, r.Attempts)
	}
	if got := res.Results[3]; got.Status != task.Skipped || got.NotesForManager != "Not started: it depends on c (skipped)." {
		t.Errorf("d: %+v", got)
	}
	if got := only(w.events, "start"); len(got) != 2 {
		t.Errorf("started %v", got)
	}
}

func TestAMergeThatBreaksIsOurFault(t *testing.T) {
	w := newWorld()
	w.collect = eachPatches
	w.merge = func(commits []string) error {
		if len(w.merges) == 1 {
			return errors.New("disk full")
		}
		return nil
	}
	plan := w.plan("a", "b", "c", "d")
	after(&plan, "c", "a", "b")
	after(&plan, "d", "c")
	res := must(t)(w.start(t.Context(), plan))
	if f := res.Results[2].Failure; f == nil || f.Kind != task.FailInternal || !strings.Contains(f.Message, "disk full") {
		t.Errorf("got %+v", res.Results[2])
	}
	if res.Results[3].Status != task.Skipped {
		t.Errorf("got %+v", res.Results[3])
	}
}

func TestAPlanThatNeverEndsIsRefused(t *testing.T) {
	for name, on := range map[string][]string{"itself": {"a"}, "a cycle": {"b"}, "nobody": {"x"}} {
		w := newWorld()
		plan := w.plan("a", "b")
		after(&plan, "a", on...)
		after(&plan, "b", "a")
		if _, err := w.start(t.Context(), plan); err == nil {
			t.Errorf("%s: it was not refused", name)
		}
		if len(w.events) > 0 {
			t.Errorf("%s: did %v", name, w.events)
		}
	}
}

func TestAStoreThatCannotBeOpenedFailsTheTasksAndEndsTheRun(t *testing.T) {
	w := newWorld()
	w.store = func() error { return errors.New("disk full") }
	res := must(t)(w.start(t.Context(), w.plan("a", "b")))
	for _, r := range res.Results {
		if r.Failure == nil || r.Failure.Kind != task.FailInternal || !strings.Contains(r.Failure.Message, "disk full") {
			t.Errorf("got %+v", r)
		}
	}
	if w.result == nil || w.shown[len(w.shown)-1].DoneCount() != 2 {
		t.Error("the run did not end")
	}
}

func TestTheWorkDirectoryIsCleared(t *testing.T) {
	w := newWorld()
	w.workDir = t.TempDir()
	w.create = func(name string) error {
		// What the store and the workspaces would make. The one of "b" stays.
		err := os.MkdirAll(filepath.Join(w.workDir, "store", "objects"), 0o700)
		if name == "run-b" {
			return errors.Join(err, os.MkdirAll(filepath.Join(w.workDir, "tasks", "b", "1"), 0o700))
		}
		return errors.Join(err, os.MkdirAll(filepath.Join(w.workDir, "tasks", "a"), 0o700))
	}
	w.collect = func(string) (task.Changes, error) { return task.Changes{}, errors.New("broken") }
	must(t)(w.start(t.Context(), w.plan("a", "b")))
	var left []string
	_ = filepath.WalkDir(w.workDir, func(path string, _ os.DirEntry, _ error) error {
		left = append(left, strings.TrimPrefix(path, w.workDir))
		return nil
	})
	if want := []string{"", "/tasks", "/tasks/b", "/tasks/b/1"}; !slices.Equal(left, want) {
		t.Errorf("left %v", left)
	}
}

// Whatever depends on whatever, and however it ends: every task ends exactly
// once, none begins before what it depends on has ended, never more attempts are
// at work than there are slots, and a task is skipped if and only if something
// that it stands on is no success.
func TestAnyPlanIsScheduledByTheRules(t *testing.T) {
	for seed := range uint64(150) {
		synctest.Test(t, func(t *testing.T) {
			chance := rand.New(rand.NewPCG(seed, 4))
			w := newWorld()
			var ids []string
			for i := range 1 + chance.IntN(12) {
				ids = append(ids, fmt.Sprint("t", i))
			}
			plan := w.plan(ids...)
			plan.Concurrency = 1 + chance.IntN(4)
			// A random order of ids makes the graph acyclic, with edges both ways in the plan.
			below := chance.Perm(len(ids))
			fails, delay := map[string]bool{}, map[string]time.Duration{}
			for i := range plan.Tasks {
				plan.Tasks[i].Attempts = 1 + chance.IntN(3)
				for j := range ids {
					if below[j] < below[i] && chance.IntN(4) == 0 {
						plan.Tasks[i].DependsOn = append(plan.Tasks[i].DependsOn, ids[j])
					}
				}
				fails[ids[i]] = chance.IntN(5) == 0
				delay[ids[i]] = time.Duration(chance.IntN(100)) * time.Second
			}
			w.collect = eachPatches
			now := 0
			w.run = func(ctx context.Context, c task.Container, s task.Streams) (task.Exit, error) {
				w.mu.Lock()
				if now++; now > plan.Concurrency {
					t.Errorf("seed %d: %d at once, %d are allowed", seed, now, plan.Concurrency)
				}
				w.mu.Unlock()
				time.Sleep(delay[c.TaskID])
				defer func() { w.mu.Lock(); now--; w.mu.Unlock() }()
				said := completed
				if fails[c.TaskID] {
					said = ""
				}
				_, err := io.WriteString(s.Stdout, said)
				return task.Exit{}, err
			}
			res := must(t)(w.start(t.Context(), plan))
			checkSchedule(t, w, plan, fails, res, fmt.Sprintf("seed %d", seed))
		})
	}
}

func checkSchedule(t *testing.T, w *world, plan task.Plan, fails map[string]bool, res task.RunResult, where string) {
	t.Helper()
	spec := map[string]task.Spec{}
	for _, s := range plan.Tasks {
		spec[s.ID] = s
	}
	good := map[string]bool{}
	var isGood func(id string) bool
	isGood = func(id string) bool {
		if known, ok := good[id]; ok {
			return known
		}
		good[id] = !fails[id]
		for _, on := range spec[id].DependsOn {
			good[id] = isGood(on) && good[id]
		}
		return good[id]
	}
	if len(res.Results) != len(plan.Tasks) {
		t.Fatalf("%s: %d results", where, len(res.Results))
	}
	for i, r := range res.Results {
		id := plan.Tasks[i].ID
		want, starts := task.Success, spec[id].Attempts
		if fails[id] {
			want = task.Failed
		}
		for _, on := range spec[id].DependsOn {
			if !isGood(on) {
				want, starts = task.Skipped, 0
			}
		}
		if r.TaskID != id || r.Status != want {
			t.Errorf("%s: task %s is %s (%s), want %s", where, id, r.Status, r.TaskID, want)
		}
		begun := 0
		for _, e := range only(w.events, "start") {
			if e == "start "+id || strings.HasPrefix(e, "start "+id+"-") {
				begun++
			}
		}
		if begun != starts {
			t.Errorf("%s: task %s was started %d times, want %d", where, id, begun, starts)
		}
	}
	// By the board: each task is done once, and leaves the queue after what it needs.
	ended, left := map[string]bool{}, map[string]bool{}
	for _, p := range w.shown {
		for _, at := range p.Tasks {
			if at.State != task.Queued && !left[at.ID] {
				left[at.ID] = true
				for _, on := range spec[at.ID].DependsOn {
					if !ended[on] {
						t.Errorf("%s: task %s went on before %s had ended", where, at.ID, on)
					}
				}
			}
			if ended[at.ID] && at.State != task.Done {
				t.Errorf("%s: task %s was done and is %s", where, at.ID, at.State)
			}
			ended[at.ID] = ended[at.ID] || at.State == task.Done
		}
	}
	if len(ended) != len(plan.Tasks) {
		t.Errorf("%s: %d tasks ended", where, len(ended))
	}
}

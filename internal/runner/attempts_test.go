package runner_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func TestAttemptsRunAtOnceAndTheBestIsTheResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.run = func(_ context.Context, c task.Container, s task.Streams) (task.Exit, error) {
			n := c.Tree.Dir[len(c.Tree.Dir)-1] - '0'
			if c.TaskID == "b" {
				n = 0
			}
			time.Sleep(time.Duration(n) * time.Minute / 2)
			_, err := io.WriteString(s.Stdout, strings.Replace(completed, `"done"`, fmt.Sprintf(`"try %d"`, n), 1))
			return task.Exit{}, err
		}
		w.collect = func(name string) (task.Changes, error) {
			c := patched("src/a.js", map[string]string{"run-a-1": "long patch", "run-a-2": "short", "run-a-3": "tiny"}[name])
			if name == "run-a-3" {
				c.Findings = []task.Finding{{Rule: "sensitive-file", Severity: task.SeverityWarning}}
			} else {
				c.Findings = []task.Finding{{Rule: "codex-warning", Severity: task.SeverityInfo}}
			}
			return c, nil
		}
		plan := w.plan("a", "b")
		plan.Tasks[0].Attempts = 3
		plan.Concurrency = 3
		after(&plan, "b", "a")
		begun := time.Now()
		res := must(t)(w.start(t.Context(), plan))

		if got := only(w.events, "create"); !slices.Equal(got[3:], []string{"create run-b c0ffee+short /nonexistent/run/tasks/b/1"}) {
			t.Errorf("made %q", got)
		}
		if took := time.Since(begun); took != 90*time.Second {
			t.Errorf("took %v", took)
		}
		r := res.Results[0]
		want := []task.Attempt{
			{Number: 1, Status: task.Success, PatchBytes: 10, DurationMS: 30_000, JournalPath: "/journal/a/attempts/1/"},
			{Number: 2, Status: task.Success, Chosen: true, PatchBytes: 5, DurationMS: 60_000, JournalPath: "/journal/a/attempts/2/"},
			{Number: 3, Status: task.Success, Findings: 1, PatchBytes: 4, DurationMS: 90_000, JournalPath: "/journal/a/attempts/3/"},
		}
		if diff := cmp.Diff(want, r.Attempts); diff != "" {
			t.Errorf("attempts (-want +got):\n%s", diff)
		}
		if r.Summary != "try 2" || r.Patch != "short" || r.DurationMS != 90_000 || r.Usage.InputTokens != 30 || r.Usage.OutputTokens != 6 {
			t.Errorf("got %+v", r)
		}
		for _, path := range []string{r.PatchPath, r.Logs.Stdout, r.Logs.Stderr} {
			if !strings.HasPrefix(path, "/journal/a/") || strings.Contains(path, "attempts") || w.file(strings.TrimPrefix(path, "/journal/")) == "" && path != r.Logs.Stderr {
				t.Errorf("the path %s is not the task's", path)
			}
		}
		if got := w.file("a/attestation.json"); got != `a success c0ffee "short"` || w.file("a/task.patch") != "short" {
			t.Errorf("adopted %q with %q", got, w.file("a/task.patch"))
		}
		var kept, tried task.Result
		if err := errors.Join(json.Unmarshal([]byte(w.file("a/result.json")), &kept), json.Unmarshal([]byte(w.file("a/attempts/2/result.json")), &tried)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, kept); diff != "" {
			t.Errorf("result.json (-told +kept):\n%s", diff)
		}
		if tried.PatchPath != "/journal/a/attempts/2/task.patch" || tried.Attempts != nil || tried.Usage.InputTokens != 10 {
			t.Errorf("the attempt's own result became %+v", tried)
		}
		if got := only(w.events, "adopt"); !slices.Equal(got, []string{"adopt a 2"}) {
			t.Errorf("got %v", got)
		}
	})
}

// Each pair is two attempts of which the one at best must be chosen.
func TestWhichAttemptIsTheBest(t *testing.T) {
	type try struct {
		ok       bool
		warnings int
		patch    string
	}
	for name, c := range map[string]struct {
		tries []try
		best  int
	}{
		"success before few findings": {[]try{{false, 0, "a"}, {true, 3, "abc"}}, 2},
		"findings before size":        {[]try{{true, 2, "a"}, {true, 1, "abc"}}, 2},
		"size before number":          {[]try{{true, 1, "abc"}, {true, 1, "ab"}}, 2},
		"number last":                 {[]try{{true, 1, "ab"}, {true, 1, "cd"}}, 1},
		"the best of failures":        {[]try{{false, 2, "a"}, {false, 1, "abc"}}, 2},
	} {
		w := newWorld()
		at := func(name string) try { return c.tries[name[len(name)-1]-'1'] }
		w.collect = func(name string) (task.Changes, error) {
			changes := patched("src/a.js", at(name).patch)
			for range at(name).warnings {
				changes.Findings = append(changes.Findings, task.Finding{Rule: "x", Severity: task.SeverityWarning})
			}
			return changes, nil
		}
		w.run = func(ctx context.Context, c task.Container, s task.Streams) (task.Exit, error) {
			if !at(c.Tree.Dir).ok {
				return says("")(ctx, c, s)
			}
			return says(completed)(ctx, c, s)
		}
		plan := w.plan("a")
		plan.Tasks[0].Attempts = len(c.tries)
		r := must(t)(w.start(t.Context(), plan)).Results[0]
		for _, a := range r.Attempts {
			if a.Chosen != (a.Number == c.best) {
				t.Errorf("%s: %+v", name, r.Attempts)
			}
		}
		if r.Patch != c.tries[c.best-1].patch {
			t.Errorf("%s: the patch is %q", name, r.Patch)
		}
	}
}

func TestAttemptsTakeSlotsLikeTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		var now, most atomic.Int32
		w.run = func(ctx context.Context, c task.Container, s task.Streams) (task.Exit, error) {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			time.Sleep(time.Minute)
			return says(completed)(ctx, c, s)
		}
		plan := w.plan("a", "b")
		plan.Concurrency = 2
		plan.Tasks[0].Attempts, plan.Tasks[1].Attempts = 3, 3
		begun := time.Now()
		must(t)(w.start(t.Context(), plan))
		if most.Load() != 2 || time.Since(begun) != 3*time.Minute {
			t.Errorf("%d at once, %v in all", most.Load(), time.Since(begun))
		}
	})
}

func TestSeveralAttemptsAreOneLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		const command = `{"type":"item.started","item":{"id":"i","type":"command_execution","command":"/bin/bash -lc 'npm test'","aggregated_output":"","exit_code":null,"status":"in_progress"}}` + "\n"
		w.run = func(ctx context.Context, c task.Container, s task.Streams) (task.Exit, error) {
			second := strings.HasSuffix(c.Tree.Dir, "2")
			s.Tunnel(closedListener{})
			if second {
				if _, err := io.WriteString(s.Stdout, command); err != nil {
					return task.Exit{}, err
				}
				time.Sleep(time.Minute)
			}
			time.Sleep(time.Second)
			return says(completed)(ctx, c, s)
		}
		plan := w.plan("a")
		plan.Tasks[0].Attempts, plan.Concurrency = 3, 2
		res := must(t)(w.start(t.Context(), plan))
		var lines []string
		var usage []int64
		for _, p := range w.shown {
			at := p.Tasks[0]
			if line := fmt.Sprint(at.State, " ", at.Activity); len(lines) == 0 || lines[len(lines)-1] != line {
				lines = append(lines, line)
			}
			usage = append(usage, at.Usage.InputTokens)
			if !at.StartedAt.IsZero() && !at.StartedAt.Equal(w.shown[1].Tasks[0].StartedAt) {
				t.Errorf("the start moved: %+v", at)
			}
		}
		if !slices.Contains(lines, "running attempt 2/3: npm test") {
			t.Errorf("nothing tells of the command: %q", lines)
		}
		// While the second attempt ran, the first ended, and the third began and ended.
		from, to := slices.Index(lines, "running attempt 2/3: npm test"), len(lines)-1
		for ; to > from && !strings.HasPrefix(lines[to], "running attempt 2/3"); to-- {
		}
		for _, line := range lines[from:to] {
			if !strings.HasPrefix(line, "running ") {
				t.Errorf("%q although an attempt ran: %q", line, lines)
			}
		}
		if !slices.IsSorted(usage) || usage[len(usage)-1] != 30 {
			t.Errorf("usage went %v", usage)
		}
		if last := w.shown[len(w.shown)-1].Tasks[0]; last.State != task.Done || last.Activity != "" || last.DurationMS != res.Results[0].DurationMS {
			t.Errorf("the last line is %+v", last)
		}
	})
}

func TestACancelledTaskStartsNoMoreAttemptsAndIsNoSuccess(t *testing.T) {
	for _, attempts := range []int{2, 3} { // the second is at work when the cancel comes
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			w.collect = eachPatches
			w.run = func(ctx context.Context, c task.Container, s task.Streams) (task.Exit, error) {
				if strings.HasSuffix(c.Tree.Dir, "a-1") {
					return says(completed)(ctx, c, s)
				}
				return hangs("")(ctx, c, s)
			}
			plan := w.plan("a", "b")
			plan.Tasks[0].Attempts = attempts
			after(&plan, "b", "a")
			time.AfterFunc(time.Second, func() { w.cancel("a", errors.New("by cancel_codex_run")) })
			res := must(t)(w.start(t.Context(), plan))

			r := res.Results[0]
			if r.Status != task.Failed || r.Failure.Kind != task.FailCancelled || len(r.Attempts) != 2 || !r.Attempts[1].Chosen {
				t.Errorf("got %+v", r)
			}
			if r.Attempts[0].Status != task.Success || !strings.Contains(r.NotesForManager, "Attempt 1 had ended as a success") ||
				!strings.Contains(r.NotesForManager, "/journal/a/attempts/1/") {
				t.Errorf("what succeeded is not told: %+v", r)
			}
			if got := w.file("a/attestation.json"); !strings.HasPrefix(got, "a failed ") {
				t.Errorf("attested %q", got)
			}
			if res.Results[1].Status != task.Skipped {
				t.Errorf("b: %+v", res.Results[1])
			}
		})
	}
}

func TestEveryPathOfAChosenAttemptIsTheTasks(t *testing.T) {
	w := newWorld()
	w.collect = eachPatches
	w.rollout = func(string) ([]byte, error) { return []byte("{}"), nil }
	plan := w.plan("a")
	plan.Tasks[0].Attempts, plan.Tasks[0].Ephemeral, plan.Tasks[0].VerifyCommands = 2, false, []string{"true"}
	r := must(t)(w.start(t.Context(), plan)).Results[0]
	if len(r.Verification) != 1 {
		t.Fatalf("got %+v", r)
	}
	got := []string{r.Logs.Stdout, r.Logs.Stderr, r.PatchPath, r.RolloutPath, r.Verification[0].LogPath}
	want := []string{"/journal/a/transcript.jsonl", "/journal/a/stderr.log", "/journal/a/task.patch", "/journal/a/rollout.jsonl", "/journal/a/verify.log"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if made := only(w.events, "create"); !slices.Contains(made, "create run-a-2-verify c0ffee+a-2 /nonexistent/run/tasks/a/2-verify") {
		t.Errorf("made %q", made)
	}
}

func TestATaskCancelledBetweenItsAttemptsIsNoSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.run = func(ctx context.Context, c task.Container, s task.Streams) (task.Exit, error) {
			time.Sleep(map[string]time.Duration{"y": time.Second, "b": 2 * time.Second}[c.TaskID])
			if strings.HasPrefix(c.TaskID, "x") {
				time.Sleep(time.Minute)
			}
			return says(completed)(ctx, c, s)
		}
		// When b's first attempt ends, x1 and x2 are ready and come first: none of
		// b's attempts is at work when it is cancelled.
		plan := w.plan("x1", "x2", "y", "b", "c")
		plan.Concurrency = 2
		plan.Tasks[3].Attempts = 2
		after(&plan, "x1", "y")
		after(&plan, "x2", "y")
		after(&plan, "c", "b")
		time.AfterFunc(10*time.Second, func() { w.cancel("b", errors.New("enough")) })
		res := must(t)(w.start(t.Context(), plan))
		r := res.Results[3]
		if r.Status != task.Failed || r.Failure.Kind != task.FailCancelled || r.Failure.Message != "The task was cancelled after 1 of 2 attempts." {
			t.Errorf("got %+v", r)
		}
		if len(r.Attempts) != 1 || r.Attempts[0].Status != task.Success || r.Attempts[0].Chosen || r.FilesChanged == nil {
			t.Errorf("attempts %+v", r.Attempts)
		}
		if res.Results[4].Status != task.Skipped {
			t.Errorf("c: %+v", res.Results[4])
		}
		for _, p := range w.shown {
			if at := p.Tasks[3]; at.State == task.Done {
				return
			}
			if p.Tasks[0].State == task.Done {
				t.Fatal("the cancelled task waited for a slot to end")
			}
		}
	})
}

func TestAnAttemptThatCannotBeAdoptedIsOurFaultAndNotLost(t *testing.T) {
	w := newWorld()
	w.collect = eachPatches
	w.write = func(name string) error {
		if name == "a/result.json" {
			return errors.New("disk full")
		}
		return nil
	}
	plan := w.plan("a")
	plan.Tasks[0].Attempts = 2
	r := must(t)(w.start(t.Context(), plan)).Results[0]
	if r.Failure == nil || r.Failure.Kind != task.FailInternal || r.Patch != "a-1" || len(r.Attempts) != 2 {
		t.Errorf("got %+v", r)
	}
}

// A result.json without an attestation beside it would be one that anybody could
// have written.
func TestAttemptsThatBrokeHaveNoResultInTheJournal(t *testing.T) {
	w := newWorld()
	w.collect = func(string) (task.Changes, error) { return task.Changes{}, errors.New("disk full") }
	plan := w.plan("a")
	plan.Tasks[0].Attempts = 2
	r := must(t)(w.start(t.Context(), plan)).Results[0]
	if r.Failure == nil || r.Failure.Kind != task.FailInternal || len(r.Attempts) != 2 || w.file("a/result.json") != "" {
		t.Errorf("got %+v, kept %q", r, w.file("a/result.json"))
	}
}

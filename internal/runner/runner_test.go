package runner_test

import (
	"context"
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

func TestATaskGoesThroughInOrderAndLeavesNothing(t *testing.T) {
	w := newWorld()
	res := must(t)(w.start(t.Context(), w.plan("a")))

	want := []string{
		"watch", "begin", "store", "create run-a c0ffee /nonexistent/run/tasks/a/1", "start a", "gone a",
		"collect run-a", "remove run-a keep=false", "compare", "finish",
	}
	if diff := cmp.Diff(want, w.events); diff != "" {
		t.Error(diff)
	}
	r := res.Results[0]
	if r.Status != task.Success || r.Summary != "done" || r.Usage.InputTokens != 10 {
		t.Errorf("got %+v", r)
	}
	if got := w.file("a/attestation.json"); got != `a success c0ffee ""` {
		t.Errorf("attested %q", got)
	}
	if w.file("a/transcript.jsonl") != completed {
		t.Errorf("the transcript is %q", w.file("a/transcript.jsonl"))
	}
	if len(res.Notes) != 1 || !strings.Contains(res.Notes[0], "3 uncommitted changes") {
		t.Errorf("notes %q do not tell of the dirty checkout", res.Notes)
	}
	if w.result == nil || w.result.RunID != "run" {
		t.Error("the result was not kept")
	}
}

func TestTasksStartInOrderAndNeverMoreThanConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		var now, most atomic.Int32
		w.run = func(ctx context.Context, c task.Container, s task.Streams) (task.Exit, error) {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			time.Sleep(time.Minute)
			return says(completed)(ctx, c, s)
		}
		var ids []string
		for i := range 9 {
			ids = append(ids, fmt.Sprint(i))
		}
		plan := w.plan(ids...)
		plan.Concurrency = 3
		begun := time.Now()
		must(t)(w.start(t.Context(), plan))

		if most.Load() != 3 {
			t.Errorf("%d at once, want 3", most.Load())
		}
		if took := time.Since(begun); took != 3*time.Minute {
			t.Errorf("took %v, want 3m: slots were idle", took)
		}
		started := slices.DeleteFunc(slices.Clone(w.events), func(e string) bool { return !strings.HasPrefix(e, "start") })
		for i := 0; i < 9; i += 3 { // within a wave the order is the scheduler's
			wave := started[i : i+3]
			slices.Sort(wave)
			if want := []string{fmt.Sprint("start ", i), fmt.Sprint("start ", i+1), fmt.Sprint("start ", i+2)}; !slices.Equal(wave, want) {
				t.Errorf("wave %d is %v", i/3, wave)
			}
		}
	})
}

func TestATimeoutSaysSoAndKeepsWhatWasThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.run = hangs(`{"type":"item.started","item":{"id":"i","type":"command_execution","command":"/bin/bash -lc 'npm test'","aggregated_output":"","exit_code":null,"status":"in_progress"}}` + "\n")
		w.collect = func(string) (task.Changes, error) {
			return patched("src/a.js", "diff"), nil
		}
		begun := time.Now()
		res := must(t)(w.start(t.Context(), w.plan("a")))

		if took := time.Since(begun); took != 5*time.Minute {
			t.Errorf("ended after %v, want the timeout of 5m (a running command is not idle)", took)
		}
		r := res.Results[0]
		if r.Failure == nil || r.Failure.Kind != task.FailTimeout || r.ExitCode != -1 {
			t.Errorf("got %+v", r)
		}
		if r.Patch != "diff" || w.file("a/task.patch") != "diff" || !slices.Equal(r.FilesChanged, []string{"src/a.js"}) {
			t.Errorf("what was there is lost: %+v", r)
		}
		if len(r.CommandsRun) != 1 || r.CommandsRun[0].ExitCode != -1 {
			t.Errorf("commands %+v, want the one that never ended", r.CommandsRun)
		}
	})
}

func TestSilenceEndsATaskUnlessTheModelMovesBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.run = hangs("")
		begun := time.Now()
		res := must(t)(w.start(t.Context(), w.plan("a")))
		if took := time.Since(begun); took != 2*time.Minute || res.Results[0].Failure.Kind != task.FailIdle {
			t.Errorf("after %v: %+v, want idle after 2m", took, res.Results[0].Failure)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.run = func(ctx context.Context, c task.Container, s task.Streams) (task.Exit, error) {
			for range 4 {
				time.Sleep(time.Minute)
				w.model.Alive()
			}
			return says(completed)(ctx, c, s)
		}
		if res := must(t)(w.start(t.Context(), w.plan("a"))); res.Results[0].Status != task.Success {
			t.Errorf("got %+v", res.Results[0].Failure)
		}
	})
}

func TestCodexThatStaysAfterItsTurnIsEndedAndItsTurnCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.run = hangs(completed)
		begun := time.Now()
		res := must(t)(w.start(t.Context(), w.plan("a")))
		if took := time.Since(begun); took != 30*time.Second {
			t.Errorf("took %v", took)
		}
		if r := res.Results[0]; r.Status != task.Success || r.Summary != "done" || r.ExitCode != -1 {
			t.Errorf("got %+v", r)
		}
	})
}

func TestCancellingStopsWhatRunsAndSkipsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.run = hangs("")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(errors.New("the client cancelled")) })
		begun := time.Now()
		res := must(t)(w.start(ctx, w.plan("a", "b")))

		if took := time.Since(begun); took != time.Second {
			t.Errorf("took %v", took)
		}
		if got := statuses(res.Results); !slices.Equal(got, []task.Status{task.Failed, task.Skipped}) {
			t.Fatalf("got %v", got)
		}
		f := res.Results[0].Failure
		if f.Kind != task.FailCancelled || !strings.Contains(f.Message, "the client cancelled") {
			t.Errorf("got %+v", f)
		}
		want := []string{
			"watch", "begin", "store", "create run-a c0ffee /nonexistent/run/tasks/a/1", "start a", "gone a",
			"remove run-a keep=false", "compare", "finish",
		}
		if diff := cmp.Diff(want, w.events); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAFloodOfOutputEndsTheTask(t *testing.T) {
	w := newWorld()
	w.run = func(ctx context.Context, _ task.Container, s task.Streams) (task.Exit, error) {
		for {
			if _, err := s.Stderr.Write(make([]byte, 64<<10)); err != nil {
				return task.Exit{Code: 137}, err
			}
		}
	}
	res := must(t)(w.start(t.Context(), w.plan("a")))
	if f := res.Results[0].Failure; f == nil || f.Kind != task.FailOutputLimit {
		t.Errorf("got %+v", f)
	}
	if n := len(w.file("a/stderr.log")); n > 1<<20 {
		t.Errorf("%d bytes were kept, over the limit of 1 MiB", n)
	}
}

func TestAMachineFaultFailsItsTaskAlone(t *testing.T) {
	w := newWorld()
	w.create = func(name string) error {
		if name == "run-a" {
			return errors.New("disk full")
		}
		return nil
	}
	res := must(t)(w.start(t.Context(), w.plan("a", "b")))
	if got := statuses(res.Results); !slices.Equal(got, []task.Status{task.Failed, task.Success}) {
		t.Fatalf("got %v", got)
	}
	r := res.Results[0]
	if r.Failure.Kind != task.FailInternal || !strings.Contains(r.Failure.Message, "disk full") || r.FilesChanged == nil {
		t.Errorf("got %+v", r)
	}
}

func TestNothingIsMadeWhenSomethingIsMissing(t *testing.T) {
	w := newWorld()
	w.ready = func() error { return &task.Refusal{What: "No login."} }
	w.check = func(string) error { return &task.Refusal{What: "No Docker."} }
	plan := w.plan("a", "b")
	plan.BaseRef = "nothing"
	_, err := w.start(t.Context(), plan)
	if got := task.Refusals(err); len(got) != 3 {
		t.Errorf("got %v, want all three at once", err)
	}
	if len(w.events) != 0 {
		t.Errorf("did %v", w.events)
	}
}

func TestAModelThatCodexDoesNotKnowIsReported(t *testing.T) {
	w := newWorld()
	plan := w.plan("a", "b")
	plan.Tasks[0].Model, plan.Tasks[1].Model = "o4-mini", "o4-mini"
	res := must(t)(w.start(t.Context(), plan))
	if len(res.Notes) != 2 || !strings.Contains(res.Notes[1], "o4-mini") || !strings.Contains(res.Notes[1], "gpt-5.5") {
		t.Errorf("notes %q, want one that names the model and the known ones", res.Notes)
	}
}

func TestADryRunStartsNothing(t *testing.T) {
	w := newWorld()
	plan := w.plan("a")
	plan.DryRun = true
	res := must(t)(w.start(t.Context(), plan))
	if len(w.events) != 0 || res.Results[0].Status != task.Skipped {
		t.Errorf("did %v, got %+v", w.events, res.Results[0])
	}
	if notes := res.Results[0].NotesForManager; !strings.Contains(notes, "codex exec") {
		t.Errorf("notes %q do not say what would run", notes)
	}
}

func TestSecretsAreHiddenOnTheWayOut(t *testing.T) {
	w := newWorld()
	w.secret = "hunter2hunter2"
	w.run = func(_ context.Context, _ task.Container, s task.Streams) (task.Exit, error) {
		_, _ = io.WriteString(s.Stderr, "key hunter2hunter2\n")
		_, err := io.WriteString(s.Stdout, strings.Replace(completed, `"done"`, `"it is hunter2hunter2"`, 1))
		return task.Exit{}, err
	}
	w.collect = func(string) (task.Changes, error) {
		return task.Changes{Patch: []byte("+hunter2hunter2"), Applicable: true}, nil
	}
	res := must(t)(w.start(t.Context(), w.plan("a")))
	for _, p := range w.shown {
		for _, task := range p.Tasks {
			if strings.Contains(task.Activity, w.secret) {
				t.Errorf("progress shows the secret: %q", task.Activity)
			}
		}
	}
	r := res.Results[0]
	for name, s := range map[string]string{
		"summary": r.Summary, "patch": r.Patch, "tail": r.Logs.Tail,
		"transcript": w.file("a/transcript.jsonl"), "stderr": w.file("a/stderr.log"), "result": w.file("a/result.json"),
	} {
		if strings.Contains(s, w.secret) || !strings.Contains(s, "[REDACTED]") {
			t.Errorf("%s: %q", name, s)
		}
	}
}

func TestProgressTellsEachStateOnce(t *testing.T) {
	w := newWorld()
	must(t)(w.start(t.Context(), w.plan("a")))
	var states []task.State
	for _, p := range w.shown {
		if s := p.Tasks[0].State; len(states) == 0 || states[len(states)-1] != s {
			states = append(states, s)
		}
	}
	want := []task.State{task.Queued, task.Preparing, task.Checking, task.Done} // no tunnel, so never "running"
	if !slices.Equal(states, want) {
		t.Errorf("got %v, want %v", states, want)
	}
	if last := w.shown[len(w.shown)-1]; last.DoneCount() != 1 || last.Tasks[0].Status != task.Success {
		t.Errorf("the last is %+v", last)
	}
}

func TestTheGuardRefusesAndRemembers(t *testing.T) {
	for _, c := range []struct{ hook, rule string }{
		{`{"hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":"npm test"}}`, ""},
		{`{"hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":"curl x"}}`, "command-refused"},
		{`{"hook_event_name":"PreToolUse","tool_name":"apply_patch","tool_input":{"command":"*** Begin Patch\n*** Update File: src/a.js\n*** End Patch\n"}}`, ""},
		{`{"hook_event_name":"PreToolUse","tool_name":"apply_patch","tool_input":{"command":"*** Begin Patch\n*** Update File: /workspace/src/a.js\n*** End Patch\n"}}`, ""},
		{`{"hook_event_name":"PreToolUse","tool_name":"apply_patch","tool_input":{"command":"*** Begin Patch\n*** Update File: src/../../etc/passwd\n*** End Patch\n"}}`, "path-refused"},
		{`{"hook_event_name":"PreToolUse","tool_name":"apply_patch","tool_input":{"command":"*** Begin Patch\n*** Add File: /workspace-b/src/a.js\n*** End Patch\n"}}`, "path-refused"},
		{`{"hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":"apply_patch <<'E'\n*** Begin Patch\n*** Add File: src/a.js\n*** End Patch\nE"}}`, ""},
		{`{"hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":"apply_patch <<'E'\n*** Begin Patch\n*** Add File: .github/x.yml\n*** End Patch\nE"}}`, "path-refused"},
		{`{"hook_event_name":"PreToolUse","tool_name":"spawn_agent","tool_input":{}}`, "tool-refused"},
		{`{"hook_event_name":"PreToolUse","tool_name":"mcp__x__y","tool_input":{}}`, "tool-refused"},
	} {
		w := newWorld()
		w.run = func(ctx context.Context, c2 task.Container, s task.Streams) (task.Exit, error) {
			answer, err := w.model.Guard(ctx, []byte(c.hook))
			if err != nil {
				t.Errorf("%s: %v", c.hook, err)
			}
			if denied := strings.Contains(string(answer), `"deny"`); denied != (c.rule != "") {
				t.Errorf("%s: answered %s", c.hook, answer)
			}
			if _, err := w.model.Guard(ctx, []byte("no json")); err == nil {
				t.Error("nonsense was not refused")
			}
			return says(completed)(ctx, c2, s)
		}
		must(t)(w.start(t.Context(), w.plan("a")))
		refused := w.judged[0].Refused
		if c.rule == "" && len(refused) != 0 || c.rule != "" && (len(refused) != 1 || refused[0].Rule != c.rule) {
			t.Errorf("%s: findings %+v", c.hook, refused)
		}
		if got := strings.Count(w.file("a/guard.jsonl"), "\n"); got != 1 {
			t.Errorf("%s: %d lines in guard.jsonl, want 1", c.hook, got)
		}
	}
}

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/live"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// begun is a run that is still being written, with its event log.
func (p past) begun(t *testing.T, runID string, states ...task.State) (*journal.Run, *journal.EventLog) {
	t.Helper()
	runs, err := journal.Open(filepath.Dir(p.runs), filepath.Join(p.repo, ".git"), p.repo)
	if err != nil {
		t.Fatal(err)
	}
	run, err := runs.Begin(task.Plan{RunID: runID, Tasks: []task.Spec{{RunID: runID, ID: "a"}}}, commit, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	log, err := run.Events()
	if err != nil {
		t.Fatal(err)
	}
	for _, state := range states {
		log.Post(stateOf(runID, state))
	}
	return run, log
}

func stateOf(runID string, state task.State) task.Progress {
	return task.Progress{RunID: runID, Tasks: []task.TaskProgress{{ID: "a", State: state}}}
}

func over() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// Whoever comes late sees where the run stands, and not its history.
func TestARunOfAnotherProcessIsFollowedFromWhereItStands(t *testing.T) {
	p := newPast(t)
	svc := p.service(t)
	run, log := p.begun(t, "r", task.Preparing, task.Running)
	if got, err := svc.Wait(over(), p.repo, "r", nil); err != nil || got.Status != task.RunRunning {
		t.Errorf("a look: %+v, %v", got, err)
	}
	var seen []task.State
	got, err := svc.Wait(t.Context(), p.repo, "r", func(now task.Progress) {
		seen = append(seen, now.Tasks[0].State)
		switch len(seen) {
		case 1:
			log.Post(stateOf("r", task.Checking))
		case 2:
			if err := run.Finish(task.RunResult{RunID: "r", Status: task.RunDone}); err != nil {
				t.Error(err)
			}
		}
	})
	if err != nil || got.Status != task.RunDone {
		t.Errorf("in the end: %+v, %v", got, err)
	}
	if diff := cmp.Diff([]task.State{task.Running, task.Checking}, seen); diff != "" {
		t.Error(diff)
	}
}

func TestARunOfAnotherProcessIsNotCancelledHere(t *testing.T) {
	p := newPast(t)
	svc := p.service(t)
	run, _ := p.begun(t, "r")
	why := errors.New("why")
	if err := svc.Cancel(t.Context(), p.repo, "r", "", why); len(task.Refusals(err)) != 1 || !strings.Contains(err.Error(), "another process") {
		t.Errorf("got %v", err)
	}
	if err := run.Finish(task.RunResult{RunID: "r", Status: task.RunDone}); err != nil {
		t.Fatal(err)
	}
	if err := svc.Cancel(t.Context(), p.repo, "r", "", why); err != nil {
		t.Errorf("one that is done: %v", err)
	}
}

// A power cut may leave anything at the end of an event log.
func TestALostRunIsShownThoughItsEventLogIsBroken(t *testing.T) {
	p := newPast(t)
	p.keep(t, "r", time.Unix(1, 0), ended{id: "a", verdict: succeeded})
	dir := filepath.Join(p.runs, "r")
	record, err := os.ReadFile(filepath.Join(dir, "run.json"))
	err = errors.Join(err,
		os.Remove(filepath.Join(dir, "result.json")),
		os.WriteFile(filepath.Join(dir, "run.json"), []byte(strings.Replace(string(record), `"done"`, `"running"`, 1)), 0o600),
		os.WriteFile(filepath.Join(dir, "events.jsonl"), []byte("\x00\x00\n"), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.service(t).Wait(t.Context(), p.repo, "r", nil)
	if err != nil || got.Status != task.RunLost || len(got.Results) != 1 || len(got.Notes) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// The name of a run belongs to the run that the journal has.
func TestARefusedRunDoesNotHideTheOneThatHasItsName(t *testing.T) {
	p := newPastWithCommit(t)
	p.keep(t, "r", time.Unix(1, 0), ended{id: "a", verdict: succeeded})
	svc := p.service(t)
	at, err := svc.find(t.Context(), p.repo)
	if err != nil {
		t.Fatal(err)
	}
	refusal := &task.Refusal{What: "No."}
	_, err = svc.start(t.Context(), &job{place: at, plan: task.Plan{RunID: "r"}}, func(context.Context, *live.Run) (task.RunResult, error) {
		return task.RunResult{}, refusal
	})
	if !errors.Is(err, refusal) {
		t.Errorf("got %v", err)
	}
	if got, err := svc.Wait(t.Context(), p.repo, "r", nil); err != nil || len(got.Results) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	for _, dry := range []bool{true, false} {
		_, err := svc.StartTasks(t.Context(), p.repo, task.Request{RunID: "r", DryRun: dry, Tasks: []task.RequestTask{{ID: "a", Prompt: "p"}}})
		if len(task.Refusals(err)) != 1 || !strings.Contains(err.Error(), `The journal has a run "r" already.`) {
			t.Errorf("dry %t: %v", dry, err)
		}
	}
}

// Two repositories may use one name for their runs, at the same time.
func TestRunsOfTwoRepositoriesMayHaveOneName(t *testing.T) {
	one, two := newPast(t), newPast(t)
	t.Setenv("XDG_STATE_HOME", one.state)
	svc := one.service(t)
	for _, p := range []past{one, two} {
		at, err := svc.find(t.Context(), p.repo)
		if err != nil {
			t.Fatal(err)
		}
		_, err = svc.start(t.Context(), &job{place: at, plan: task.Plan{RunID: "r"}}, func(ctx context.Context, run *live.Run) (task.RunResult, error) {
			run.Begun()
			<-ctx.Done()
			return task.RunResult{RunID: "r", Notes: []string{p.repo}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := svc.Cancel(t.Context(), two.repo, "r", "", errors.New("enough")); err != nil {
		t.Fatal(err)
	}
	if got, err := svc.Wait(t.Context(), two.repo, "r", nil); err != nil || len(got.Notes) != 1 || got.Notes[0] != two.repo {
		t.Errorf("got %+v, %v", got, err)
	}
	at, err := svc.find(t.Context(), one.repo)
	if err != nil {
		t.Fatal(err)
	}
	if _, done, _ := svc.runs.Find(at.key("r")).Wait(over(), nil); done {
		t.Error("the other repository's run has ended too")
	}
}

// A review may make two runs. The first one's end is not the review's.
func TestAReviewIsNotDoneBeforeItsSecondRun(t *testing.T) {
	p := newPast(t)
	svc := p.service(t)
	at, err := svc.find(t.Context(), p.repo)
	if err != nil {
		t.Fatal(err)
	}
	second := make(chan struct{})
	_, err = svc.start(t.Context(), &job{place: at, plan: task.Plan{RunID: "r"}}, func(_ context.Context, run *live.Run) (task.RunResult, error) {
		p.keep(t, "r", time.Now(), ended{id: "a", verdict: succeeded})
		run.Post(stateOf("r2", task.Running))
		run.Begun()
		<-second
		p.keep(t, "r2", time.Now(), ended{id: "a", verdict: succeeded})
		return task.RunResult{RunID: "r2", Status: task.RunDone, Review: &task.ReviewReport{}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := svc.Wait(over(), p.repo, "r", nil)
	if err != nil || got.Status != task.RunRunning || len(got.Results) != 0 || len(got.Progress) != 1 || got.Progress[0].State != task.Running {
		t.Errorf("meanwhile: %+v, %v", got, err)
	}
	close(second)
	if got, err := svc.Wait(t.Context(), p.repo, "r", nil); err != nil || got.Review == nil {
		t.Errorf("in the end: %+v, %v", got, err)
	}
	for _, id := range []string{"r", "r2"} {
		if _, err := os.Lstat(filepath.Join(p.runs, id, "seen")); err != nil {
			t.Error(err)
		}
	}
}

// What needs no container needs no engine either, and doctor says what is wrong.
func TestAnEngineThatCannotBeUsedIsSaidAndNoMore(t *testing.T) {
	p := newPastWithCommit(t)
	p.keep(t, "r", time.Unix(1, 0), ended{id: "a", verdict: succeeded, patch: aPatch})
	for _, address := range []string{"garbage", "unix:///nowhere/docker.sock", "tcp://127.0.0.1:1"} {
		t.Setenv("DOCKER_HOST", address)
		out, code, err := execute(t, nil, "--repo", p.repo, "doctor", "--json")
		if code != exitFault || !strings.Contains(out, `"name": "engine"`) || !strings.Contains(out, `"name": "git"`) {
			t.Errorf("%s: doctor: code %d, %v\n%s", address, code, err, out)
		}
		if out, code, err := p.run(t, "diff", "r", "a"); code != exitOK || !strings.Contains(out, "diff --git") {
			t.Errorf("%s: diff: code %d, %v\n%s", address, code, err, out)
		}
		for _, args := range [][]string{{"run", "p"}, {"image", "show"}, {"gc"}} {
			if _, code, err := execute(t, nil, append([]string{"--repo", p.repo}, args...)...); code != exitRefused {
				t.Errorf("%s: %v: code %d, %v", address, args, code, err)
			}
		}
		if out, code, err := execute(t, strings.NewReader(""), "serve"); code != exitOK {
			t.Errorf("%s: serve: code %d, %v\n%s", address, code, err, out)
		}
	}
}

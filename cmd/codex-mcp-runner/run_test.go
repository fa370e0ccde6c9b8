package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// patient is a service with one run, which ends when it is cancelled.
type patient struct {
	cancelled context.CancelCauseFunc
	run       context.Context
	waits     int
}

func newPatient() *patient {
	p := &patient{}
	p.run, p.cancelled = context.WithCancelCause(context.Background())
	return p
}

func (p *patient) Wait(ctx context.Context, _, id string, progress func(task.Progress)) (task.RunResult, error) {
	p.waits++
	progress(task.Progress{RunID: id, Tasks: []task.TaskProgress{{ID: "a", State: task.Running}}})
	select {
	case <-ctx.Done():
		return task.RunResult{RunID: id, Status: task.RunRunning}, nil
	case <-p.run.Done():
		return task.RunResult{RunID: id, Status: task.RunDone, Notes: []string{context.Cause(p.run).Error()}}, nil
	}
}

func (p *patient) Cancel(_ context.Context, _, _, _ string, cause error) error {
	p.cancelled(cause)
	return nil
}

func TestCtrlCCancelsTheRunAndWaitsForWhatThereIs(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	p := newPatient()
	var said bytes.Buffer
	result, err := seeThrough(ctx, p, "/repo", &said, func(context.Context) (string, error) {
		interrupt()
		return "r1", nil
	})
	if err != nil || result.Status != task.RunDone || p.waits != 2 || result.Notes[0] != errInterrupted.Error() {
		t.Errorf("got %+v, %v after %d waits", result, err, p.waits)
	}
	if !strings.Contains(said.String(), "Ctrl-C again leaves at once") {
		t.Errorf("said %q", &said)
	}
}

func TestARunThatEndsIsNotCancelled(t *testing.T) {
	p := newPatient()
	p.cancelled(errors.New("by itself"))
	var said bytes.Buffer
	result, err := seeThrough(t.Context(), p, "/repo", &said, func(context.Context) (string, error) { return "r1", nil })
	if err != nil || result.Notes[0] != "by itself" || p.waits != 1 {
		t.Errorf("got %+v, %v after %d waits", result, err, p.waits)
	}
}

func TestARunThatDoesNotBeginIsNotWaitedFor(t *testing.T) {
	p := newPatient()
	no := errors.New("no Docker")
	_, err := seeThrough(t.Context(), p, "/repo", &bytes.Buffer{}, func(context.Context) (string, error) { return "", no })
	if !errors.Is(err, no) || p.waits != 0 {
		t.Errorf("got %v after %d waits", err, p.waits)
	}
}

func TestTheOutcomeOfARun(t *testing.T) {
	for _, c := range []struct {
		statuses string
		dry      bool
		want     int
	}{
		{"success success", false, exitOK},
		{"success failed", false, exitNo},
		{"timeout", false, exitNo},
		{"success skipped", false, exitNo},
		{"skipped skipped", true, exitOK},
		{"failed", true, exitNo},
		{"", false, exitOK},
	} {
		var r task.RunResult
		for _, s := range strings.Fields(c.statuses) {
			r.Results = append(r.Results, task.Result{Status: task.Status(s)})
		}
		if code := exitCode(t.Context(), outcome(r, c.dry)); code != c.want {
			t.Errorf("%q, dry %t: %d", c.statuses, c.dry, code)
		}
	}
}

func TestNextSteps(t *testing.T) {
	ok := task.Result{Status: task.Success, PatchPath: "/p"}
	for _, c := range []struct {
		name string
		run  task.RunResult
		repo string
		want string
	}{
		{"all", task.RunResult{RunID: "r1", Results: []task.Result{ok}, ReportPath: "/r"}, "", `
  see the patches  codex-mcp-runner runs diff r1
  take them        codex-mcp-runner runs apply r1
  read the report  codex-mcp-runner runs open r1
`},
		{"no success", task.RunResult{RunID: "r1", Results: []task.Result{{Status: task.Failed, PatchPath: "/p"}}}, "/a b", `
  see the patches  codex-mcp-runner --repo '/a b' runs diff r1
`},
		{"nothing", task.RunResult{RunID: "r1", Results: []task.Result{{Status: task.Success}}}, "", ""},
		{"a name made to be pasted", task.RunResult{RunID: "$(x)", ReportPath: "/r"}, "", `
  read the report  codex-mcp-runner runs open '$(x)'
`},
		{"a hostile name", task.RunResult{RunID: "$(x)\x1b[2J", ReportPath: "/r"}, "", `
  read the report  codex-mcp-runner runs open ...
`},
	} {
		if diff := cmp.Diff(c.want, nextSteps(c.run, c.repo)); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
	}
}

func TestAReview(t *testing.T) {
	run := task.RunResult{
		RunID: "r1", Status: task.RunDone, BaseCommit: "c", JournalPath: "/j", Notes: []string{"asked twice"},
		Results: []task.Result{{Usage: task.Usage{InputTokens: 7}}},
		Review:  &task.ReviewReport{RiskFlags: []string{"risky"}, ParallelizationSuggestions: []string{"at once"}},
	}
	for _, c := range []struct {
		flags []string
		want  int
	}{{nil, exitOK}, {[]string{"strict"}, exitNo}} {
		var out bytes.Buffer
		cmd := &cobra.Command{}
		cmd.SetOut(&out)
		err := showReview(cmd, run, len(c.flags) > 0, true)
		var got task.ReviewResult
		if jerr := json.Unmarshal(out.Bytes(), &got); jerr != nil || exitCode(t.Context(), err) != c.want {
			t.Errorf("strict %t: %v, %v", len(c.flags) > 0, err, jerr)
		}
		if got.Usage.InputTokens != 7 || got.RunID != "r1" || got.Report.RiskFlags[0] != "risky" || got.Report.TestGaps == nil {
			t.Errorf("got %+v", got)
		}
	}
	run.Review.RiskFlags = nil
	cmd := &cobra.Command{}
	cmd.SetOut(&bytes.Buffer{})
	if err := showReview(cmd, run, true, true); err != nil {
		t.Errorf("a suggestion is a remark: %v", err)
	}
}

package runner_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// verifies lets Codex complete, and gives verify commands to run.
func (w *world) verifies(run func(ctx context.Context, command string, s task.Streams) (task.Exit, error)) {
	w.run = func(ctx context.Context, c task.Container, s task.Streams) (task.Exit, error) {
		if c.Purpose == "verify" {
			return run(ctx, c.Command[2], s)
		}
		return says(completed)(ctx, c, s)
	}
}

func exits(code int) func(context.Context, string, task.Streams) (task.Exit, error) {
	return func(context.Context, string, task.Streams) (task.Exit, error) { return task.Exit{Code: code}, nil }
}

func TestVerifyCommandsRunOnACleanCheckoutOfThePatch(t *testing.T) {
	w := newWorld()
	w.collect = eachPatches
	var seen []task.Container
	w.run = func(ctx context.Context, c task.Container, s task.Streams) (task.Exit, error) {
		if c.Purpose != "verify" {
			return says(completed)(ctx, c, s)
		}
		seen = append(seen, c)
		if s.Stdin != nil || s.Tunnel != nil {
			t.Error("a verify command has a way to the model or to stdin")
		}
		_, _ = io.WriteString(s.Stderr, "warning\n")
		_, err := io.WriteString(s.Stdout, "ok "+c.Command[2])
		return task.Exit{}, err
	}
	plan := w.plan("a")
	spec := &plan.Tasks[0]
	spec.VerifyCommands = []string{"npm test", "npm run lint"}
	spec.Network, spec.SandboxMode = task.NetworkAllow, task.SandboxDangerFullAccess
	spec.Image, spec.Runtime, spec.Env = "node:22", "runsc", map[string]string{"NODE_ENV": "test"}
	spec.Limits = task.Limits{CPUs: 2, MemoryBytes: 1 << 30}
	res := must(t)(w.start(t.Context(), plan))

	for i, c := range seen {
		want := task.Container{
			RunID: "run", TaskID: "a", Purpose: "verify", Image: "node:22", Runtime: "runsc",
			Command: []string{"/bin/sh", "-c", spec.VerifyCommands[i]},
			Env:     spec.Env, Tree: task.Tree{Dir: "/work/run-a-verify", UID: 1, GID: 1},
			Mode: task.SandboxWorkspaceWrite, Network: task.NetworkDeny, Limits: spec.Limits,
		}
		if diff := cmp.Diff(want, c); diff != "" {
			t.Errorf("container %d (-want +got):\n%s", i, diff)
		}
	}
	want := []string{
		"watch", "begin", "store", "create run-a c0ffee /nonexistent/run/tasks/a/1", "start a", "gone a", "collect run-a",
		"create run-a-verify c0ffee+a /nonexistent/run/tasks/a/1-verify",
		"start a-verify", "gone a-verify", "remove run-a-verify keep=false",
		"create run-a-verify c0ffee+a /nonexistent/run/tasks/a/1-verify",
		"start a-verify", "gone a-verify", "remove run-a-verify keep=false",
		"remove run-a keep=false", "compare", "finish",
	}
	if diff := cmp.Diff(want, w.events); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	r := res.Results[0]
	if len(r.Verification) != 2 || r.Status != task.Success {
		t.Fatalf("got %s, %+v", r.Status, r.Verification)
	}
	for i, v := range r.Verification {
		v.DurationMS = 0 // by the wall clock
		want := task.Verification{Command: spec.VerifyCommands[i], Passed: true, OutputTail: "warning\nok " + v.Command, LogPath: "/journal/a/verify.log"}
		if diff := cmp.Diff(want, v); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	if got, want := w.file("a/verify.log"), "$ npm test\nwarning\nok npm test\n$ npm run lint\nwarning\nok npm run lint\n"; got != want {
		t.Errorf("the log is %q", got)
	}
	if len(w.judged) != 2 || len(w.judged[0].Verification) != 0 || len(w.judged[1].Verification) != 2 {
		t.Errorf("judged %+v", w.judged)
	}
	var doing []string
	for _, p := range w.shown {
		if p.Tasks[0].State == task.Checking {
			doing = append(doing, p.Tasks[0].Activity)
		}
	}
	if want := []string{"collecting changes", "making a clean checkout", "verify: npm test", "making a clean checkout", "verify: npm run lint"}; !slices.Equal(doing, want) {
		t.Errorf("progress says %q", doing)
	}
}

func TestTheFirstVerifyCommandThatFailsEndsThem(t *testing.T) {
	w := newWorld()
	w.collect = eachPatches
	w.verifies(func(_ context.Context, command string, _ task.Streams) (task.Exit, error) {
		if command == "two" {
			return task.Exit{Code: 3}, nil
		}
		return task.Exit{}, nil
	})
	plan := w.plan("a", "b")
	after(&plan, "b", "a")
	plan.Tasks[0].VerifyCommands = []string{"one", "two", "three"}
	res := must(t)(w.start(t.Context(), plan))
	r := res.Results[0]
	if len(r.Verification) != 2 || !r.Verification[0].Passed || r.Verification[1].Passed || r.Verification[1].ExitCode != 3 {
		t.Errorf("got %+v", r.Verification)
	}
	if r.Status != task.Failed || r.Failure.Kind != task.FailVerify || r.Patch != "a" {
		t.Errorf("got %+v", r)
	}
	if got := w.file("a/attestation.json"); !strings.HasPrefix(got, "a failed ") {
		t.Errorf("attested %q before it was verified", got)
	}
	if res.Results[1].Status != task.Skipped {
		t.Errorf("what depends on it is %s", res.Results[1].Status)
	}
}

func TestOnlyWhatIsGoodSoFarIsVerified(t *testing.T) {
	for name, change := range map[string]func(w *world){
		"no turn": func(w *world) { w.run = says("") },
		"a patch that breaks a rule": func(w *world) {
			w.judge = func(task.Evidence) task.Verdict {
				return task.Verdict{Status: task.Failed, Failure: &task.Failure{Kind: task.FailRule}}
			}
			w.commit = func(string) error { return errors.New("it changes a submodule") }
		},
	} {
		w := newWorld()
		w.collect = eachPatches
		change(w)
		plan := w.plan("a")
		plan.Tasks[0].VerifyCommands = []string{"true"}
		r := must(t)(w.start(t.Context(), plan)).Results[0]
		if len(only(w.events, "start")) != 1 || r.Verification == nil || len(r.Verification) != 0 {
			t.Errorf("%s: did %v", name, w.events)
		}
		if r.Failure == nil || r.Failure.Kind == task.FailInternal || r.Patch != "a" {
			t.Errorf("%s: got %+v", name, r)
		}
	}
}

func TestATaskWithoutAPatchIsVerifiedOnItsStart(t *testing.T) {
	w := newWorld()
	w.collect = func(name string) (task.Changes, error) {
		if name == "run-b" {
			return task.Changes{}, nil
		}
		return eachPatches(name)
	}
	w.verifies(exits(0))
	plan := w.plan("a", "b")
	after(&plan, "b", "a")
	plan.Tasks[1].VerifyCommands = []string{"true"}
	r := must(t)(w.start(t.Context(), plan)).Results[1]
	if len(r.Verification) != 1 || !slices.Contains(w.events, "create run-b-verify c0ffee+a /nonexistent/run/tasks/b/1-verify") {
		t.Errorf("got %+v after %q", r.Verification, w.events)
	}
}

func TestVerifyCommandsHaveTheTasksTimeAnewAndTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.collect = eachPatches
		w.run = func(ctx context.Context, c task.Container, s task.Streams) (task.Exit, error) {
			if c.Purpose != "verify" {
				time.Sleep(90 * time.Second) // of the five minutes that Codex has
				return says(completed)(ctx, c, s)
			}
			if c.Command[2] == "one" {
				time.Sleep(3 * time.Minute)
				return task.Exit{}, nil
			}
			return hangs("half")(ctx, c, s)
		}
		plan := w.plan("a")
		plan.Tasks[0].VerifyCommands = []string{"one", "two"}
		begun := time.Now()
		r := must(t)(w.start(t.Context(), plan)).Results[0]
		if took := time.Since(begun); took != 390*time.Second {
			t.Errorf("took %v, want 90 s and 5 minutes", took)
		}
		if r.Status != task.Failed || r.Failure.Kind != task.FailVerify || r.ExitCode != 0 {
			t.Errorf("got %+v", r)
		}
		want := task.Verification{
			Command: "two", ExitCode: -1, DurationMS: 120_000, LogPath: "/journal/a/verify.log",
			OutputTail: "half\n[stopped: the verify commands may take 5m0s]",
		}
		if diff := cmp.Diff(want, r.Verification[1]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestAFloodFromVerifyCommandsEndsThem(t *testing.T) {
	w := newWorld()
	w.collect = eachPatches
	w.verifies(func(ctx context.Context, command string, s task.Streams) (task.Exit, error) {
		to := s.Stdout
		if command == "two" {
			to = s.Stderr
		}
		for range 700 { // of 1,024 KiB for both
			if _, err := to.Write([]byte(strings.Repeat("x", 1<<10))); err != nil {
				return task.Exit{Code: 137}, err
			}
		}
		return task.Exit{}, nil
	})
	plan := w.plan("a")
	plan.Tasks[0].VerifyCommands = []string{"one", "two"}
	r := must(t)(w.start(t.Context(), plan)).Results[0]
	if len(r.Verification) != 2 || !r.Verification[0].Passed || r.Verification[1].ExitCode != -1 || r.Failure.Kind != task.FailVerify {
		t.Fatalf("got %+v", r.Verification)
	}
	if tail := r.Verification[1].OutputTail; !strings.HasSuffix(tail, "x\n[stopped: the verify commands may print 1048576 bytes]") || len([]rune(tail)) > 2000 {
		t.Errorf("the tail has %d characters and ends with %q", len(tail), tail[len(tail)-80:])
	}
	if n := len(w.file("a/verify.log")); n > 1<<20+200 {
		t.Errorf("%d bytes were kept", n)
	}
}

func TestACancelEndsVerifyingLikeCodex(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.collect = eachPatches
		w.verifies(func(ctx context.Context, command string, s task.Streams) (task.Exit, error) {
			if command == "one" {
				return task.Exit{}, nil
			}
			return hangs("")(ctx, task.Container{}, s)
		})
		plan := w.plan("a")
		plan.Tasks[0].VerifyCommands = []string{"one", "two"}
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(errors.New("the client cancelled")) })
		begun := time.Now()
		r := must(t)(w.start(ctx, plan)).Results[0]
		if took := time.Since(begun); took != time.Second || r.Failure.Kind != task.FailCancelled || r.Failure.Message != "the client cancelled" {
			t.Errorf("after %v: %+v", took, r.Failure)
		}
		if len(r.Verification) != 1 || r.Verification[0].Command != "one" {
			t.Errorf("a command that was cut short counts: %+v", r.Verification)
		}
		if got := only(w.events, "remove"); len(got) != 3 { // two checkouts and the worktree
			t.Errorf("removed %q", got)
		}
	})
}

func TestAFaultOfOursWhileVerifyingKeepsThePatch(t *testing.T) {
	for name, change := range map[string]func(w *world){
		"the engine": func(w *world) {
			w.verifies(func(context.Context, string, task.Streams) (task.Exit, error) {
				return task.Exit{Code: -1}, &task.Refusal{What: "No engine answers.", Mend: "Start it."}
			})
		},
		"the checkout": func(w *world) {
			w.create = func(name string) error {
				if name == "run-a-verify" {
					return errors.New("disk full")
				}
				return nil
			}
		},
		"the store": func(w *world) { w.commit = func(string) error { return errors.New("disk full") } },
	} {
		w := newWorld()
		w.collect = eachPatches
		change(w)
		plan := w.plan("a")
		plan.Tasks[0].VerifyCommands = []string{"true"}
		r := must(t)(w.start(t.Context(), plan)).Results[0]
		if r.Status != task.Failed || r.Failure.Kind != task.FailInternal || r.Patch != "a" || r.PatchPath != "/journal/a/task.patch" {
			t.Errorf("%s: got %+v", name, r)
		}
		if got := w.file("a/attestation.json"); got != `a failed c0ffee "a"` || w.file("a/task.patch") != "a" {
			t.Errorf("%s: attested %q", name, got)
		}
		if name == "the engine" && (r.Failure.Message != "No engine answers." || r.Failure.Hint != "Start it.") {
			t.Errorf("got %+v", r.Failure)
		}
	}
}

func TestWhatVerifyCommandsPrintIsRedacted(t *testing.T) {
	w := newWorld()
	w.secret = "hunter2hunter2"
	w.collect = eachPatches
	w.verifies(func(_ context.Context, _ string, s task.Streams) (task.Exit, error) {
		_, _ = io.WriteString(s.Stdout, "key hunter2hunter2\n")
		_, err := io.WriteString(s.Stderr, "key hunter2hunter2\n")
		return task.Exit{Code: 1, OOMKilled: true}, err
	})
	plan := w.plan("a")
	plan.Tasks[0].VerifyCommands = []string{"TOKEN=hunter2hunter2 npm test " + strings.Repeat("x", 100)}
	r := must(t)(w.start(t.Context(), plan)).Results[0]
	for name, s := range map[string]string{"log": w.file("a/verify.log"), "tail": r.Verification[0].OutputTail} {
		if strings.Contains(s, w.secret) || strings.Count(s, "[REDACTED]") < 2 {
			t.Errorf("%s: %q", name, s)
		}
	}
	if !strings.HasSuffix(r.Verification[0].OutputTail, "[the memory limit killed a process]") {
		t.Errorf("the tail is %q", r.Verification[0].OutputTail)
	}
	for _, p := range w.shown {
		if a := p.Tasks[0].Activity; strings.Contains(a, w.secret) || len(a) > 100 {
			t.Errorf("progress says %q", a)
		}
	}
}

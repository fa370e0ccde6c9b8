package validate_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/golden"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/validate"
)

// good is the evidence of a task in which everything went well.
func good() task.Evidence {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return task.Evidence{
		Spec: task.Spec{
			AllowedPaths:    []string{"src/", "docs/"},
			AllowedCommands: []string{"npm", "ls"},
			CommandPolicy:   task.CommandEnforce,
			SandboxMode:     task.SandboxWorkspaceWrite,
			Network:         task.NetworkDeny,
			Limits:          task.Limits{CPUs: 1, MemoryBytes: 2 << 30},
			Timeout:         300 * time.Second,
			IdleTimeout:     120 * time.Second,
			MaxPatchBytes:   1 << 20,
			MaxOutputBytes:  64 << 20,
			TokenBudget:     100_000,
			RequestBudget:   40,
		},
		Exit: task.Exit{CreatedAt: start, StartedAt: start, FinishedAt: start.Add(12_345 * time.Millisecond)},
		Turn: task.Turn{
			Completed: true,
			Commands: []task.Command{
				{Cmd: "/bin/bash -lc 'ls'"},
				{Cmd: "/bin/bash -lc 'npm test'", ExitCode: 1},
				{Cmd: "/bin/bash -lc 'npm test'"},
			},
		},
		Changes: task.Changes{Files: []task.Change{file("src/a.ts"), file("docs/a.md")}, Patch: []byte("diff"), Applicable: true},
		Gateway: task.GatewayReport{
			Requests: 4, LastStatus: 200,
			Usage: task.Usage{InputTokens: 1200, CachedInputTokens: 800, OutputTokens: 300},
		},
	}
}

// Every way in which a task can end, in the words that a client reads. Read the
// golden file as a person would. Evidence that is as in the first case is left out.
func TestConclusions(t *testing.T) {
	var got strings.Builder
	usual := map[string]bool{} // what the first case says, and the others need not repeat
	for i, c := range []struct {
		name   string
		stop   task.Stop
		change func(ev *task.Evidence)
	}{
		{"a success", task.Stop{}, func(*task.Evidence) {}},
		{"a success that changed nothing", task.Stop{}, func(ev *task.Evidence) {
			ev.Changes = task.Changes{}
		}},
		{"a success in which the guard said no", task.Stop{}, func(ev *task.Evidence) {
			ev.Changes = task.Changes{}
			ev.Refused = []task.Finding{
				{Rule: "command-refused", Severity: task.SeverityInfo, Evidence: "npm publish"},
				{Rule: "path-refused", Severity: task.SeverityInfo, Evidence: "lib/x\x1b[2J"},
			}
		}},
		{"a success that could only read", task.Stop{}, func(ev *task.Evidence) {
			ev.Changes = task.Changes{}
			ev.Spec.SandboxMode = task.SandboxReadOnly
		}},
		{"a success that ran nothing, with network and half a CPU", task.Stop{}, func(ev *task.Evidence) {
			ev.Turn.Commands = nil
			ev.Spec.Network, ev.Spec.Limits.CPUs = task.NetworkAllow, 0.5
		}},
		{"a success to be read with care", task.Stop{}, func(ev *task.Evidence) {
			ev.Spec.AllowedPaths = append(ev.Spec.AllowedPaths, ".github/")
			ev.Changes.Files = append(ev.Changes.Files, file(".github/workflows/ci.yml"), file("src/\u202eab"))
		}},
		{"a success whose last command failed", task.Stop{}, func(ev *task.Evidence) {
			ev.Turn.Commands[2].ExitCode = 2
			for range 4 {
				ev.Turn.Commands = append(ev.Turn.Commands, task.Command{Cmd: "/bin/bash -lc 'npm run lint'", ExitCode: -1})
			}
		}},
		{"a success in which a process was killed", task.Stop{}, func(ev *task.Evidence) {
			ev.Exit.OOMKilled = true
		}},
		{"a success under audit", task.Stop{}, func(ev *task.Evidence) {
			ev.Spec.CommandPolicy, ev.Spec.AllowedCommands = task.CommandAudit, []string{"ls"}
		}},

		{"a path outside", task.Stop{}, func(ev *task.Evidence) { ev.Spec.AllowedPaths = []string{"src/"} }},
		{"two paths and a command outside", task.Stop{}, func(ev *task.Evidence) {
			ev.Spec.AllowedPaths, ev.Spec.AllowedCommands = []string{"lib/"}, []string{"ls"}
		}},
		{"a command past the guard", task.Stop{}, func(ev *task.Evidence) { ev.Spec.AllowedCommands = []string{"ls"} }},
		{"a command that the guard was not asked about", task.Stop{}, func(ev *task.Evidence) { ev.Unasked = []string{"/bin/bash -lc 'npm test'"} }},
		{"a turn without a model", task.Stop{}, func(ev *task.Evidence) { ev.Gateway = task.GatewayReport{} }},
		{"a symlink to the host", task.Stop{}, func(ev *task.Evidence) {
			ev.Changes.Files = append(ev.Changes.Files, link("src/k", "/root/.ssh"))
		}},
		{"a rule of another part", task.Stop{}, func(ev *task.Evidence) {
			ev.Changes.Findings = []task.Finding{{Rule: "nested-repository", Severity: task.SeverityError, Detail: "src/x is a repository of its own."}}
		}},
		{"a patch that does not apply", task.Stop{}, func(ev *task.Evidence) {
			ev.Changes.Applicable, ev.Changes.ApplyLog = false, "error: patch failed: src/a.ts:3\nerror: src/a.ts: patch does not apply"
		}},
		{"a patch that is too large", task.Stop{}, func(ev *task.Evidence) {
			ev.Changes.Patch = make([]byte, 1<<20+1)
		}},

		{"a success that was verified", task.Stop{}, verified(
			task.Verification{Command: "npm test", Passed: true, DurationMS: 3200},
			task.Verification{Command: "npx tsc --noEmit", Passed: true, DurationMS: 61_040})},
		{"a success that was verified without a patch", task.Stop{}, func(ev *task.Evidence) {
			ev.Changes = task.Changes{}
			verified(task.Verification{Command: "npm test", Passed: true, DurationMS: 3200})(ev)
		}},
		{"a verify command failed", task.Stop{}, verified(
			task.Verification{Command: "npm run lint", Passed: true, DurationMS: 900},
			task.Verification{Command: "npm test", ExitCode: 1, DurationMS: 3200})},
		{"the first of several verify commands failed", task.Stop{}, func(ev *task.Evidence) {
			verified(task.Verification{Command: "npm test", ExitCode: 1, DurationMS: 3200})(ev)
			ev.Spec.VerifyCommands = []string{"npm test", "npm run lint", "npx tsc"}
		}},
		{"a verify command is no program", task.Stop{}, verified(
			task.Verification{Command: "cargo\n\u202etset", ExitCode: 127, DurationMS: 80})},
		{"a verify command took too long", task.Stop{}, verified(
			task.Verification{Command: "npm test -- --watch", ExitCode: -1, DurationMS: 300_000})},
		{"cancelled while it was verified", task.Stop{Kind: task.FailCancelled, Detail: "by cancel_codex_run"}, verified(
			task.Verification{Command: "npm run lint", Passed: true, DurationMS: 900})},
		{"a rule goes before a verify command", task.Stop{}, func(ev *task.Evidence) {
			verified(task.Verification{Command: "npm test", ExitCode: 1, DurationMS: 3200})(ev)
			ev.Spec.AllowedPaths = []string{"src/"}
		}},

		{"out of memory", task.Stop{}, incompleteTurn(func(ev *task.Evidence) { ev.Exit = exit(ev, 137, true) })},
		{"credentials refused", task.Stop{}, incompleteTurn(func(ev *task.Evidence) {
			ev.Gateway = task.GatewayReport{Requests: 1, LastStatus: 401}
		})},
		{"rate limited", task.Stop{}, incompleteTurn(func(ev *task.Evidence) { ev.Gateway.LastStatus = 429 })},
		{"model not found", task.Stop{}, incompleteTurn(func(ev *task.Evidence) { ev.Gateway.LastStatus = 404 })},
		{"model API down", task.Stop{}, incompleteTurn(func(ev *task.Evidence) { ev.Gateway.LastStatus = 503 })},
		{"model API unreachable", task.Stop{}, incompleteTurn(func(ev *task.Evidence) {
			ev.Gateway = task.GatewayReport{Requests: 2, LastError: "dial tcp: lookup api.example.com: no such host"}
		})},
		{"sandbox-init could not start it", task.Stop{}, neverRan(125)},
		{"codex is no program", task.Stop{}, neverRan(126)},
		{"codex is not there", task.Stop{}, neverRan(127)},
		{"codex says why", task.Stop{}, incompleteTurn(func(ev *task.Evidence) {
			ev.Turn.Failed = "You've hit your usage limit."
		})},
		{"codex says nothing", task.Stop{}, incompleteTurn(func(*task.Evidence) {})},
		{"codex ends early with exit 0", task.Stop{}, incompleteTurn(func(ev *task.Evidence) { ev.Exit.Code = 0 })},
		{"codex is killed", task.Stop{}, incompleteTurn(func(ev *task.Evidence) { ev.Exit.Code = 139 })},
		{"the gateway refused a tool", task.Stop{}, incompleteTurn(func(ev *task.Evidence) {
			ev.Turn.Failed = "unexpected status 403 Forbidden"
			ev.Gateway.Findings = []task.Finding{{Rule: "hosted-tool", Severity: task.SeverityError, Detail: "tools[3] is web_search, which runs outside the sandbox."}}
		})},

		{"timeout", task.Stop{Kind: task.FailTimeout}, incompleteTurn(func(ev *task.Evidence) { ev.Exit.Code = -1 })},
		{"timeout while the model API was down", task.Stop{Kind: task.FailTimeout}, incompleteTurn(func(ev *task.Evidence) { ev.Gateway.LastStatus = 503 })},
		{"idle", task.Stop{Kind: task.FailIdle}, incompleteTurn(func(ev *task.Evidence) { ev.Spec.IdleTimeout = 1500 * time.Millisecond })},
		{"idle for want of memory", task.Stop{Kind: task.FailIdle}, incompleteTurn(func(ev *task.Evidence) { ev.Exit.OOMKilled = true })},
		{"output limit", task.Stop{Kind: task.FailOutputLimit}, incompleteTurn(func(*task.Evidence) {})},
		{"token budget", task.Stop{Kind: task.FailBudget, Detail: "token budget of 100000 used up"}, incompleteTurn(func(ev *task.Evidence) { ev.Gateway.Usage.InputTokens = 120_000 })},
		{"request budget", task.Stop{Kind: task.FailBudget}, incompleteTurn(func(ev *task.Evidence) { ev.Gateway.Requests = 40 })},
		{"some budget", task.Stop{Kind: task.FailBudget}, incompleteTurn(func(*task.Evidence) {})},
		{"cancelled while it ran", task.Stop{Kind: task.FailCancelled, Detail: "by cancel_run"}, incompleteTurn(func(*task.Evidence) {})},
		{"cancelled before it started", task.Stop{Kind: task.FailCancelled}, func(ev *task.Evidence) { *ev = task.Evidence{Spec: ev.Spec} }},
		{"our own fault", task.Stop{Kind: task.FailInternal, Detail: "create container for t1: no space left on device"}, func(ev *task.Evidence) {
			*ev = task.Evidence{Spec: ev.Spec}
		}},
	} {
		ev := good()
		c.change(&ev)
		ev.Stopped = c.stop
		findings := validate.Judge(ev, rules())
		status, failure := validate.Conclude(ev, findings)
		fmt.Fprintf(&got, "== %s\nstatus:  %s\n", c.name, status)
		if failure != nil {
			fmt.Fprintf(&got, "kind:    %s\nmessage: %s\nhint:    %s\n", failure.Kind, failure.Message, failure.Hint)
		}
		fmt.Fprintf(&got, "notes:   %s\n", validate.Notes(ev, findings, status, failure, rules()))
		for _, f := range findings {
			fmt.Fprintf(&got, "finding: %s %s: %s\n", f.Severity, f.Rule, f.Detail)
		}
		for _, s := range validate.Sentences(ev, findings, rules()) {
			if !usual[s] {
				fmt.Fprintf(&got, "  - %s\n", s)
			}
			usual[s] = usual[s] || i == 0
		}
		got.WriteString("\n")
		if (status == task.Success) != (failure == nil) {
			t.Errorf("%s: status %s with failure %v", c.name, status, failure)
		}
	}
	golden.Check(t, "conclusions.txt", got.String())
}

// incompleteTurn is a task whose Codex ended with exit 1 in mid-turn, and then some.
func incompleteTurn(change func(*task.Evidence)) func(*task.Evidence) {
	return func(ev *task.Evidence) {
		ev.Turn.Completed = false
		ev.Exit.Code = 1
		change(ev)
	}
}

// verified is a task whose verify commands said all that.
func verified(said ...task.Verification) func(*task.Evidence) {
	return func(ev *task.Evidence) {
		ev.Verification = said
		for _, v := range said {
			ev.Spec.VerifyCommands = append(ev.Spec.VerifyCommands, v.Command)
		}
	}
}

func neverRan(code int) func(*task.Evidence) {
	return incompleteTurn(func(ev *task.Evidence) {
		ev.Exit.Code = code
		ev.Turn, ev.Changes, ev.Gateway = task.Turn{}, task.Changes{}, task.GatewayReport{}
	})
}

func exit(ev *task.Evidence, code int, oom bool) task.Exit {
	e := ev.Exit
	e.Code, e.OOMKilled = code, oom
	return e
}

// Exit codes 125 to 127 are sandbox-init's only if Codex cannot have given them.
func TestExitCodesOfCodexAreNotTakenForSandboxInits(t *testing.T) {
	ev := good()
	ev.Turn.Completed = false
	ev.Exit.Code = 127
	_, failure := validate.Conclude(ev, nil)
	if failure == nil || strings.Contains(failure.Message, "not found") {
		t.Errorf("Codex had called the model, yet: %+v", failure)
	}
}

// A finding that the caller adds after Judge counts like one of Judge's.
func TestAddedFindingsCount(t *testing.T) {
	added := []task.Finding{{Rule: "secret-in-patch", Severity: task.SeverityError, Detail: "Line 3 of the patch adds a secret."}}
	status, failure := validate.Conclude(good(), added)
	if status != task.Failed || failure == nil || failure.Kind != task.FailRule || failure.Message != added[0].Detail {
		t.Errorf("got %s, %+v", status, failure)
	}
}

// A verify command that failed is told by its own kind of failure, in the words
// of its finding, and only while no rule was broken.
func TestAFailedVerifyCommandIsAFailureOfItsOwn(t *testing.T) {
	ev := good()
	verified(task.Verification{Command: "npm test", ExitCode: 2, DurationMS: 1000})(&ev)
	findings := validate.Judge(ev, rules())
	if len(findings) != 1 || findings[0].Rule != "verify-failed" || findings[0].Severity != task.SeverityError || findings[0].Evidence != "npm test" {
		t.Fatalf("found %+v", findings)
	}
	before := fmt.Sprint(findings)
	status, failure := validate.Conclude(ev, findings)
	if status != task.Failed || failure == nil || failure.Kind != task.FailVerify || failure.Message != findings[0].Detail || failure.Hint == "" {
		t.Errorf("got %s, %+v", status, failure)
	}
	if after := fmt.Sprint(findings); after != before {
		t.Errorf("the findings became %s", after)
	}
	broken := append(findings, task.Finding{Rule: "path-not-allowed", Severity: task.SeverityError, Detail: "x was changed."})
	if _, failure := validate.Conclude(ev, broken); failure == nil || failure.Kind != task.FailRule || failure.Message != "x was changed." {
		t.Errorf("with a broken rule: %+v", failure)
	}
}

package report

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/golden"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// journal is where the sample run says that it is kept.
const journal = "/home/ada/.local/state/codex-mcp-runner/shop-1a2b3c/runs/2026-11-22-orders"

// sample is a run with one of everything that a report shows.
func sample(t testing.TB) Run {
	t.Helper()
	began := time.Date(2026, 11, 22, 9, 30, 12, 0, time.UTC)
	r := Run{CreatedAt: began}
	r.Plan = task.Plan{RunID: "2026-11-22-orders", BaseRef: "main", Concurrency: 2}
	for _, s := range []struct {
		id, prompt string
		depends    []string
		verify     []string
	}{
		{"order-totals", "Totals of orders are off by a cent where the tax is rounded per line.\n\nRound once, at the end, in `internal/order`. Add a test with three lines at 19 %.", nil, []string{"go test ./internal/order/..."}},
		{"export-csv", "Add an export of orders as CSV under /orders.csv, streamed.", nil, []string{"go vet ./...", "go test ./internal/export/..."}},
		{"docs", "Describe the export in the README.", []string{"export-csv"}, nil},
		{"icons", "Replace the logo and make scripts/build.sh executable.", nil, nil},
	} {
		r.Plan.Tasks = append(r.Plan.Tasks, task.Spec{
			RunID: r.Plan.RunID, ID: s.id, Prompt: s.prompt, Model: "gpt-5.5-codex", CodexCommand: "codex", Ephemeral: true,
			AllowedPaths: []string{"internal/**", "README.md", "assets/**", "scripts/**"}, AllowedCommands: []string{"go test", "go vet"},
			AllowInspection: true, CommandPolicy: task.CommandEnforce, SandboxMode: task.SandboxWorkspaceWrite, Network: task.NetworkDeny,
			Env:     map[string]string{"GOFLAGS": "-mod=vendor"},
			Limits:  task.Limits{CPUs: 2, MemoryBytes: 2 << 30, Pids: 512, OpenFiles: 4096, FileBytes: 1 << 30, TmpBytes: 512 << 20, HomeBytes: 256 << 20, ShmBytes: 64 << 20},
			Timeout: 5 * time.Minute, IdleTimeout: 2 * time.Minute, MaxPatchBytes: 1 << 20, MaxOutputBytes: 64 << 20, TokenBudget: 400_000,
			KeepWorktree: "never", DependsOn: s.depends, VerifyCommands: s.verify, Attempts: 1,
		})
	}
	r.Plan.Tasks[0].Attempts = 2
	dir := func(id, name string) string { return journal + "/tasks/" + id + "/" + name }
	patch := func(name string) string {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	logs := func(id string) task.Logs {
		return task.Logs{Stdout: dir(id, "transcript.jsonl"), Stderr: dir(id, "stderr.log")}
	}
	r.Result = task.RunResult{
		RunID: r.Plan.RunID, Status: task.RunDone, BaseCommit: "5faa40e3c1b7d2a94f6e8b0c1d2e3f4a5b6c7d8e", JournalPath: journal,
		TotalDurationMS: 431_000, Notes: []string{"The checkout has uncommitted changes in 2 files, which the tasks did not see: internal/order/tax.go, go.mod."},
		Findings: []task.Finding{},
		Results: []task.Result{
			{
				TaskID: "order-totals", Status: task.Success, FilesChanged: []string{"internal/order/total.go", "internal/order/total_test.go"},
				Patch: patch("order-totals.patch"), PatchApplicable: true, DurationMS: 187_400, Logs: logs("order-totals"), PatchPath: dir("order-totals", "task.patch"),
				CommandsRun: []task.Command{{Cmd: "/bin/bash -lc 'rg -n Round internal'"}, {Cmd: "/bin/bash -lc 'go test ./internal/order'", ExitCode: 1}, {Cmd: "/bin/bash -lc 'go test ./internal/order'"}},
				Evidence:    []string{"Codex completed its turn.", "The patch changes 2 files, all of them allowed.", "The patch applies to the base commit.", "3 commands were run, all of them allowed.", "The verify command passed."},
				Summary:     "The tax is now summed unrounded and rounded once per order. I added a test for three lines at 19 %.",
				Usage:       task.Usage{InputTokens: 148_230, CachedInputTokens: 121_344, OutputTokens: 6_120, ReasoningTokens: 2_048, ModelRequests: 14},
				DependsOn:   []string{},
				Verification: []task.Verification{
					{Command: "go test ./internal/order/...", Passed: true, DurationMS: 8_240, OutputTail: "ok  \texample.com/shop/internal/order\t0.214s\n", LogPath: dir("order-totals", "verify.log")},
				},
				Attempts: []task.Attempt{
					{Number: 1, Status: task.Failed, Findings: 1, PatchBytes: 3_410, DurationMS: 92_000, JournalPath: dir("order-totals", "attempts/1")},
					{Number: 2, Status: task.Success, Chosen: true, PatchBytes: 1_870, DurationMS: 95_400, JournalPath: dir("order-totals", "attempts/2")},
				},
			},
			{
				TaskID: "export-csv", Status: task.Failed, FilesChanged: []string{"internal/export/csv.go", "internal/order/total.go", "web/export.js", ".github/workflows/ci.yml"},
				Patch: patch("export-csv.patch"), PatchApplicable: true, DurationMS: 241_100, Logs: logs("export-csv"), PatchPath: dir("export-csv", "task.patch"),
				CommandsRun: []task.Command{{Cmd: "/bin/bash -lc 'go vet ./...'"}, {Cmd: "/bin/bash -lc 'curl -s https://example.com/csv.go'", ExitCode: 2}, {Cmd: "/bin/bash -lc 'go test ./...'", ExitCode: -1}},
				Evidence:    []string{"Codex completed its turn.", "The patch applies to the base commit.", "1 of 4 changed files is not allowed.", "1 of 2 verify commands passed."},
				Failure:     &task.Failure{Kind: task.FailRule, Message: "The patch changes .github/workflows/ci.yml, which is outside the allowed paths.", Hint: "Allow the path in allowed_paths, or tell Codex in the prompt to leave it alone."},
				Findings: []task.Finding{
					{Rule: "command-refused", Severity: task.SeverityWarning, Detail: "Codex was told not to run a command that is not allowed.", Evidence: "curl -s https://example.com/csv.go"},
					{Rule: "path-not-allowed", Severity: task.SeverityError, Detail: "A changed file is outside the allowed paths.", Evidence: ".github/workflows/ci.yml"},
					{Rule: "case-collision", Severity: task.SeverityInfo, Detail: "Two names differ in case alone.", Evidence: "web/export.js, web/Export.js"},
				},
				NotesForManager: "Look at the workflow before you allow it: it gives the job write access.",
				Summary:         "Orders can be exported at /orders.csv.\nI also made the CI run the export once.",
				Usage:           task.Usage{InputTokens: 233_871, CachedInputTokens: 198_016, OutputTokens: 11_904, ReasoningTokens: 5_120, ModelRequests: 22},
				Verification: []task.Verification{
					{Command: "go vet ./...", Passed: true, DurationMS: 3_900, LogPath: dir("export-csv", "verify.log")},
					{Command: "go test ./internal/export/...", ExitCode: 1, DurationMS: 6_100, OutputTail: "\x1b[31m--- FAIL: TestCSVQuotes (0.00s)\x1b[0m\n    csv_test.go:41: got `a;\"b\"`, want `a;\"\"b\"\"`\nFAIL\texample.com/shop/internal/export\t0.187s\nFAIL\n", LogPath: dir("export-csv", "verify.log")},
				},
			},
			{
				TaskID: "docs", Status: task.Skipped, ExitCode: -1, Logs: task.Logs{}, DependsOn: []string{"export-csv"},
				Failure: &task.Failure{Kind: task.FailCancelled, Message: "It depends on export-csv, which is no success.", Hint: "Mend export-csv and run both again."},
			},
			{
				TaskID: "icons", Status: task.Timeout, ExitCode: -1, FilesChanged: []string{"assets/logo.png", "scripts/build.sh", "internal/order/total.go"},
				Patch: patch("icons.patch"), PatchApplicable: true, DurationMS: 300_000, Logs: logs("icons"), PatchPath: dir("icons", "task.patch"),
				Failure: &task.Failure{Kind: task.FailTimeout, Message: "Codex was not done after 5 minutes.", Hint: "Raise timeout_sec, or split the task."},
				Usage:   task.Usage{InputTokens: 90_112, OutputTokens: 2_310, ModelRequests: 9},
			},
		},
		Combination: &task.Combination{Pairs: []task.Pair{
			{Tasks: []string{"order-totals", "icons"}, SharedFiles: []string{"internal/order/total.go"}, Combines: true},
			{Tasks: []string{"order-totals", "export-csv"}, SharedFiles: []string{"internal/order/total.go"}, Conflicts: []string{"internal/order/total.go"}},
		}},
	}
	r.Events = events(began, map[string][]int{
		"order-totals": {0, 0, 2, 170, 187}, "export-csv": {0, 0, 3, 226, 241}, "icons": {0, 187, 189, 426, 431}, "docs": {0, -1, -1, -1, 241},
	}, r.Plan.Tasks)
	return r
}

// events makes the log of a run from the seconds at which each task was queued,
// preparing, running, checking and done; -1 is never.
func events(began time.Time, at map[string][]int, tasks []task.Spec) []task.Event {
	var all []task.Event
	states := []task.State{task.Queued, task.Preparing, task.Running, task.Checking, task.Done}
	for second := range 1000 {
		for _, s := range tasks {
			for i, when := range at[s.ID] {
				if when == second {
					all = append(all, task.Event{
						N: int64(len(all) + 1), Time: began.Add(time.Duration(second) * time.Second),
						Task: task.TaskProgress{ID: s.ID, State: states[i]},
					})
				}
			}
		}
	}
	return all
}

// What reviewers read: open the golden file in a browser.
func TestReportOfASmallRun(t *testing.T) {
	got, err := write(sample(t), patient())
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "report.golden.html", got)
}

package console_test

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/console"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/golden"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/google/go-cmp/cmp"
	"github.com/jedib0t/go-pretty/v6/text"
)

func run() task.RunResult {
	return task.RunResult{
		RunID: "r-20260102",
		Results: []task.Result{
			{
				TaskID: "api-tests", Status: task.Success, FilesChanged: []string{"a", "b"}, CommandsRun: make([]task.Command, 5),
				DurationMS: 12_345, Usage: task.Usage{InputTokens: 12_000, OutputTokens: 400}, Findings: []task.Finding{
					{Rule: "sensitive-file", Severity: task.SeverityWarning, Detail: "The file .npmrc is read by tools.", Evidence: ".npmrc"},
					{Rule: "mode-change", Severity: task.SeverityInfo, Detail: "Nobody needs to read this.", Evidence: "run.sh"},
				},
				Summary: "I added the tests.\n\n- one for a\n- one for b\n- one more that need not be shown",
			},
			{TaskID: "日本語", Status: task.Success, DurationMS: 900, Summary: "sum is defined in src/sum.js:\n\n  export const sum\n" + hostile + strings.Repeat("\nmore", 50)},
			{TaskID: "docs", Status: task.Failed, FilesChanged: []string{"x"}, DurationMS: 61_000, Failure: &task.Failure{
				Kind:    task.FailRule,
				Message: "docs/a.md was changed, but allowed_paths is src/.",
				Hint:    "Add the path to allowed_paths if the task needs it, or tell Codex in the prompt to leave it alone.",
			}, Findings: append([]task.Finding{
				{Severity: task.SeverityError, Detail: "docs/a.md was changed, but allowed_paths is src/.", Evidence: "docs/a.md"},
			}, slices.Repeat([]task.Finding{{Severity: task.SeverityWarning, Detail: "This link leads out of the tree: " + hostile, Evidence: "docs/b"}}, 12)...)},
			{TaskID: "slow", Status: task.Timeout, DurationMS: 300_000, Failure: &task.Failure{
				Kind: task.FailTimeout, Message: "The task was not done after 300 s; " + hostile, Hint: "Split it.",
			}},
			{TaskID: "never", Status: task.Skipped, NotesForManager: "Dry run: nothing was started."},
		},
		Notes:       []string{"The checkout has changes that the base commit lacks: 2 files."},
		JournalPath: "/home/me/.local/state/codex-mcp-runner/repo-1/runs/r-20260102",
	}
}

// shows writes a report as plain lines, narrow and in colours, compares the first
// two with golden files, and holds all three to what any report must be. Lines
// that hold one of uncut may be wider than the screen: what a person copies.
func shows(t *testing.T, name string, report func(io.Writer, console.Screen) error, uncut ...string) (coloured string) {
	t.Helper()
	write := func(s console.Screen) string {
		var b strings.Builder
		if err := report(&b, s); err != nil {
			t.Fatal(err)
		}
		if bad := raw(b.String()); bad != "" {
			t.Errorf("raw text got through: %q", bad)
		}
		return b.String()
	}
	wide := write(console.Screen{})
	narrow := write(console.Screen{Size: func() (int, int) { return 50, 24 }})
	coloured = write(console.Screen{Color: true})
	golden.Check(t, name+".txt", wide)
	golden.Check(t, name+"-narrow.txt", narrow)
	if got := sgr.ReplaceAllString(coloured, ""); got != wide {
		t.Errorf("colours moved something:\n%s", cmp.Diff(wide, got))
	}
	if sgr.MatchString(wide) {
		t.Error("there are colours where none are wanted")
	}
	for line := range strings.Lines(narrow) {
		if w := text.StringWidthWithoutEscSequences(strings.TrimSuffix(line, "\n")); w > 50 &&
			!slices.ContainsFunc(uncut, func(s string) bool { return strings.Contains(line, s) }) {
			t.Errorf("%d columns on 50: %q", w, line)
		}
	}
	if err := report(gone{}, console.Screen{}); err == nil {
		t.Error("a writer that is gone goes unmentioned")
	}
	return coloured
}

func TestTable(t *testing.T) {
	coloured := shows(t, "table", func(w io.Writer, s console.Screen) error { return console.Table(w, run(), s) }, "kept in")
	if !strings.Contains(coloured, "\x1b[32msuccess\x1b[0m") {
		t.Error("success is not green")
	}
}

func TestTableOfARunWithEverything(t *testing.T) {
	r := task.RunResult{
		RunID: "r-20260102",
		Results: []task.Result{
			{
				TaskID: "api", Status: task.Success, FilesChanged: []string{"a"}, DurationMS: 5_000,
				Verification: []task.Verification{{Command: "npm test", Passed: true}, {Command: "npm run lint", Passed: true}},
				Attempts:     []task.Attempt{{Number: 1}, {Number: 2, Chosen: true}, {Number: 3}},
				Findings:     []task.Finding{{Severity: task.SeverityWarning}, {Severity: task.SeverityWarning}},
			},
			{
				TaskID: "web", Status: task.Failed, FilesChanged: []string{"a"}, DurationMS: 7_000,
				Verification: []task.Verification{{Command: "npm test", Passed: true}, {Command: "npm run\n" + hostile, OutputTail: strings.Repeat("too early\n", 9) + "\n1 test failed: " + hostile + "\n"}},
				Failure:      &task.Failure{Kind: task.FailVerify, Message: "A check failed.", Hint: "Look at verify.log."},
			},
		},
		Findings: []task.Finding{
			{Rule: "base-changed", Severity: task.SeverityError, Detail: "The repository's configuration changed while the run lasted.", Evidence: ".git/config " + hostile},
			{Severity: task.SeverityWarning, Detail: "A branch moved.", Evidence: "main"},
		},
		Combination: &task.Combination{Pairs: []task.Pair{
			{Tasks: []string{"api", "web"}, Conflicts: []string{"src/a.ts", hostile, "c", "d", "e", "f", "g"}},
			{Tasks: []string{"api", "docs"}, SharedFiles: []string{"README.md"}, Combines: true},
		}},
		Status:      task.RunDone,
		JournalPath: "/state/runs/r-20260102",
		ReportPath:  "/state/runs/r-20260102/report.html",
	}
	shows(t, "everything", func(w io.Writer, s console.Screen) error { return console.Table(w, r, s) }, "kept in")
	r.Combination = &task.Combination{Combines: true}
	var b strings.Builder
	if err := console.Table(&b, r, console.Screen{}); err != nil || !strings.Contains(b.String(), "\n  The patches of the successful tasks combine.\n") {
		t.Errorf("%v, and in\n%s\nnothing says that all combine", err, b.String())
	}
}

func TestTableOfARunThatIsNotDone(t *testing.T) {
	for _, status := range []task.RunStatus{task.RunRunning, task.RunLost} {
		r := task.RunResult{
			RunID: "r", Status: status, JournalPath: "/runs/r",
			Results: []task.Result{{TaskID: "a", Status: task.Success, FilesChanged: []string{"x"}, DurationMS: 1_000}},
			Progress: []task.TaskProgress{
				{ID: "a", State: task.Done, Status: task.Success},
				{ID: "b", State: task.Running, Activity: "npm test\n" + hostile, Usage: task.Usage{InputTokens: 1200}},
				{ID: "c", State: task.Queued},
			},
		}
		shows(t, string(status), func(w io.Writer, s console.Screen) error { return console.Table(w, r, s) }, "kept in")
	}
}

func TestRuns(t *testing.T) {
	at := time.Date(2026, 1, 2, 15, 4, 5, 0, time.Local)
	runs := []task.RunSummary{
		{RunID: "20260102-150405-abcdef", Status: task.RunRunning, CreatedAt: at, Tasks: 3, Done: 1, Succeeded: 1, TaskIDs: []string{"api", "日本語", "docs"}},
		{RunID: hostile, Status: task.RunDone, CreatedAt: at.Add(-time.Hour), Tasks: 1, Done: 1, Succeeded: 1, TaskIDs: []string{hostile}},
		{RunID: "old", Status: task.RunLost, CreatedAt: at.Add(-24 * time.Hour), Tasks: 7, Done: 2, TaskIDs: strings.Split("abcdefg", "")},
	}
	coloured := shows(t, "runs", func(w io.Writer, s console.Screen) error { return console.Runs(w, runs, s) })
	if !strings.Contains(coloured, "\x1b[36mrunning\x1b[0m") {
		t.Error("what runs has no colour")
	}
	var b strings.Builder
	if err := console.Runs(&b, nil, console.Screen{}); err != nil || b.String() != "There are no runs of this repository.\n" {
		t.Errorf("no runs: %q, %v", b.String(), err)
	}
}

func TestSetup(t *testing.T) {
	setup := task.Setup{Checks: []task.SetupCheck{
		{Name: "engine", OK: true, Detail: "Docker 20.10.24, API 1.41, cgroup v1, rootful"},
		{Name: "login", Detail: "There is no login for the model API. " + hostile, Mend: "Run codex login on this machine, or set CODEX_API_KEY in the server's environment."},
		{Name: "config", Detail: "cpus: must be from 1 to 64. Correct it.\nimage: must not be empty. Leave it out.", Mend: "Mend each of these."},
		{Name: "disk", OK: true},
	}}
	coloured := shows(t, "setup", func(w io.Writer, s console.Screen) error { return console.Setup(w, setup, s) })
	if !strings.Contains(coloured, "\x1b[31mNOT OK\x1b[0m") {
		t.Error("a fault is not red")
	}
	var b strings.Builder
	ready := task.Setup{Ready: true, Checks: setup.Checks[:1]}
	if err := console.Setup(&b, ready, console.Screen{}); err != nil || !strings.HasSuffix(b.String(), "\nReady to run tasks.\n") {
		t.Errorf("%q, %v", b.String(), err)
	}
}

func TestApply(t *testing.T) {
	const start, head = "0123456789abcdef0123456789abcdef01234567", "fedcba9876543210fedcba9876543210fedcba98"
	done := task.ApplyResult{
		RunID: "r", Applied: true, Target: task.ApplyBranch, Branch: "codex/r", Start: start, Head: head,
		Tasks: []task.AppliedTask{
			{TaskID: "api", Commit: start, FilesChanged: []string{"a", "b"}},
			{TaskID: "web", Commit: head, FilesChanged: []string{"c"}, Merged: true},
		},
		Notes: []string{"Look at it with git log codex/r; " + hostile},
	}
	shows(t, "apply", func(w io.Writer, s console.Screen) error { return console.Apply(w, done, s) }, "Applied 2 tasks")
	refused := task.ApplyResult{
		RunID: "r", Target: task.ApplyCheckout, Start: start, Head: start,
		Tasks: []task.AppliedTask{
			{TaskID: "api", FilesChanged: []string{"a"}},
			{TaskID: hostile, FilesChanged: []string{"a"}, Conflicts: []string{"a " + hostile}},
		},
		Conflicts: []string{"a " + hostile, "two  blanks"},
		Notes:     []string{"Nothing was changed."},
	}
	shows(t, "apply-conflict", func(w io.Writer, s console.Screen) error { return console.Apply(w, refused, s) }, "Nothing of run", "  a a")
	for want, a := range map[string]task.ApplyResult{
		"Dry run: 1 task of run r would be applied to the checkout of branch main, from 0123456789ab on.\n": {
			RunID: "r", DryRun: true, Applied: true, Target: task.ApplyCheckout, Branch: "main", Start: start, Tasks: done.Tasks[:1],
		},
		"Dry run: nothing of run r would be applied to the new branch b.\n": {RunID: "r", DryRun: true, Target: task.ApplyBranch, Branch: "b"},
	} {
		var b strings.Builder
		if err := console.Apply(&b, a, console.Screen{}); err != nil || !strings.HasPrefix(b.String(), want) {
			t.Errorf("%q, %v; want %q", b.String(), err, want)
		}
	}
}

func TestReview(t *testing.T) {
	r := task.ReviewResult{
		RunID: "r-review", BaseCommit: "0123456789abcdef0123456789abcdef01234567", JournalPath: "/state/runs/r-review",
		Status: task.RunDone, Usage: task.Usage{InputTokens: 40_000, OutputTokens: 2_000},
		Report: task.ReviewReport{
			MissingTasks:               []string{"Task 3 reads the table users, which no task creates.", hostile},
			DependencyIssues:           []string{"Task 1 and task 2 wait for each other."},
			ParallelizationSuggestions: []string{"Tasks 4 and 5 touch different files and can run at once."},
			RiskFlags:                  []string{"Task 2 rewrites src/auth.ts, on which everything stands, and nothing says how to go back if that turns out to be wrong."},
		},
		Notes:     []string{"The first answer was no report; this is the second."},
		Truncated: []string{"test_gaps"},
	}
	coloured := shows(t, "review", func(w io.Writer, s console.Screen) error { return console.Review(w, r, s) }, "kept in")
	if !strings.Contains(coloured, "\x1b[1mMissing tasks\x1b[0m") {
		t.Error("the headings do not stand out")
	}
	for status, want := range map[task.RunStatus]string{
		task.RunDone:    "Nothing was found that is wrong with the plan.\n",
		task.RunRunning: "The review is still running.\n\n  Call again.\n",
		task.RunLost:    "The review was lost",
	} {
		var b strings.Builder
		empty := task.ReviewResult{RunID: "r", Status: status}
		if status == task.RunRunning {
			empty.Next = "Call again."
		}
		if err := console.Review(&b, empty, console.Screen{}); err != nil || !strings.HasPrefix(b.String(), want) {
			t.Errorf("%s: %q, %v", status, b.String(), err)
		}
	}
}

const patch = `diff --git a/a.txt b/a.txt
index 1111111..2222222 100644
--- a/a.txt
+++ b/a.txt
@@ -1,3 +1,4 @@ func x
 same
--- a line that had two dashes
+++ b/forged.txt
+	tab and ` + hostile + `
 same
\ No newline at end of file
diff --git a/b.txt b/b.txt
`

func TestPatchShowsEveryCharacterAndNoColoursOnAFile(t *testing.T) {
	var out strings.Builder
	if err := console.Patch(&out, patch, console.Screen{}); err != nil {
		t.Fatal(err)
	}
	if want := strings.ReplaceAll(patch, hostile, seen); out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestPatchInColours(t *testing.T) {
	const bold, cyan, green, red, faint = "\x1b[1m", "\x1b[36m", "\x1b[32m", "\x1b[31m", "\x1b[2m"
	var out strings.Builder
	if err := console.Patch(&out, patch, console.Screen{Color: true}); err != nil {
		t.Fatal(err)
	}
	want := []string{bold, bold, bold, bold, cyan, " same", red, green, green, " same", faint, bold}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d lines, want %d", len(lines), len(want))
	}
	for i, line := range lines {
		if !strings.HasPrefix(line, want[i]) {
			t.Errorf("line %d: %q, want it to begin with %q", i, line, want[i])
		}
	}
	if bad := raw(out.String()); bad != "" {
		t.Errorf("raw text got through: %q", bad)
	}
}

// A patch cannot leave its colours to the shell's prompt or to the next line.
func FuzzPatch(f *testing.F) {
	f.Add(patch)
	f.Add("@@ -1 +1 @@\n-a\n+b\n@@ -99999999999999999999 @@\n")
	f.Fuzz(func(t *testing.T, p string) {
		var out strings.Builder
		if err := console.Patch(&out, p, console.Screen{Color: true}); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			codes := sgr.FindAllString(line, -1)
			if len(codes)%2 != 0 || len(codes) > 0 && codes[len(codes)-1] != "\x1b[0m" {
				t.Fatalf("colours run on: %q", line)
			}
			if strings.Contains(sgr.ReplaceAllString(line, ""), "\x1b") {
				t.Fatalf("an escape got through: %q", line)
			}
		}
		if strings.Count(out.String(), "\n") != strings.Count(p, "\n") {
			t.Fatal("lines came or went")
		}
	})
}

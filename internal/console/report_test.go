package console_test

import (
	"strings"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/console"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/jedib0t/go-pretty/v6/text"
)

func run() task.RunResult {
	return task.RunResult{
		RunID: "r-20260102",
		Results: []task.Result{
			{
				TaskID: "api-tests", Status: task.Success, FilesChanged: []string{"a", "b"}, CommandsRun: make([]task.Command, 5),
				DurationMS: 12_345, Usage: task.Usage{InputTokens: 12_000, OutputTokens: 400}, Findings: []task.Finding{
					{Rule: "sensitive-file", Severity: task.SeverityWarning}, {Rule: "mode-change", Severity: task.SeverityInfo},
				},
			},
			{TaskID: "日本語", Status: task.Success, DurationMS: 900},
			{TaskID: "docs", Status: task.Failed, FilesChanged: []string{"x"}, DurationMS: 61_000, Failure: &task.Failure{
				Kind:    task.FailRule,
				Message: "docs/a.md was changed, but allowed_paths is src/.",
				Hint:    "Add the path to allowed_paths if the task needs it, or tell Codex in the prompt to leave it alone.",
			}},
			{TaskID: "slow", Status: task.Timeout, DurationMS: 300_000, Failure: &task.Failure{
				Kind: task.FailTimeout, Message: "The task was not done after 300 s; " + hostile, Hint: "Split it.",
			}},
			{TaskID: "never", Status: task.Skipped},
		},
		Notes:       []string{"The checkout has changes that the base commit lacks: 2 files."},
		JournalPath: "/home/me/.local/state/codex-mcp-runner/repo-1/runs/r-20260102",
	}
}

func TestTable(t *testing.T) {
	var wide, narrow, coloured strings.Builder
	for _, c := range []struct {
		to *strings.Builder
		s  console.Screen
	}{
		{&wide, console.Screen{}},
		{&narrow, console.Screen{Size: func() (int, int) { return 50, 24 }}},
		{&coloured, console.Screen{Color: true}},
	} {
		if err := console.Table(c.to, run(), c.s); err != nil {
			t.Fatal(err)
		}
		if bad := raw(c.to.String()); bad != "" {
			t.Errorf("raw text got through: %q", bad)
		}
	}
	golden(t, "table.txt", wide.String())
	golden(t, "table-narrow.txt", narrow.String())
	if got := sgr.ReplaceAllString(coloured.String(), ""); got != wide.String() {
		t.Errorf("colours moved something:\n%s", got)
	}
	if !strings.Contains(coloured.String(), "\x1b[32msuccess\x1b[0m") || sgr.MatchString(wide.String()) {
		t.Error("colours are where they should not be, or not where they should")
	}
	for line := range strings.Lines(narrow.String()) {
		if w := text.StringWidthWithoutEscSequences(strings.TrimSuffix(line, "\n")); w > 50 && !strings.Contains(line, "kept in") {
			t.Errorf("%d columns on 50: %q", w, line)
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

package mcpserver_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/mcpserver"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// randomText has runes of every width, and what JSON and lines must escape.
func randomText(r *rand.Rand, limit int) string {
	if limit == 0 {
		return ""
	}
	alphabet := []string{"a", "\n", "\"", "\\", "<", "é", "語", "😀", "\x01", "\u2028", "\t", "-+@ "}
	if r.IntN(2) == 0 {
		alphabet = alphabet[:1+r.IntN(len(alphabet))]
	}
	var b strings.Builder
	for n := r.IntN(limit); b.Len() < n; {
		b.WriteString(alphabet[r.IntN(len(alphabet))])
	}
	return b.String()
}

func randomList[T any](r *rand.Rand, limit int, item func() T) []T {
	list := make([]T, r.IntN(limit+1))
	for i := range list {
		list[i] = item()
	}
	return list
}

func randomRun(r *rand.Rand) task.RunResult {
	size := []int{0, 50, 1000, 30_000, 60_000}[r.IntN(5)]
	text := func() string {
		if r.IntN(3) == 0 {
			return ""
		}
		return randomText(r, size)
	}
	path := func() string { return "/" + strings.Repeat("d", r.IntN(200)) }
	items := []int{0, 3, 60}[r.IntN(3)]
	if size > 1000 {
		items = min(items, 3)
	}
	list := func() []string { return randomList(r, items, text) }
	findings := func() []task.Finding {
		return randomList(r, items, func() task.Finding {
			return task.Finding{Rule: "path-not-allowed", Severity: task.SeverityError, Detail: text(), Evidence: text()}
		})
	}
	run := task.RunResult{
		RunID: "r", JournalPath: path(), BaseCommit: strings.Repeat("a", 40), Status: task.RunRunning, Next: strings.Repeat("n", 200),
		Notes: randomList(r, 5, text), TotalDurationMS: r.Int64N(1e7), Findings: findings(), ReportPath: path(),
	}
	if r.IntN(2) == 0 {
		run.Combination = &task.Combination{Pairs: randomList(r, 20*items, func() task.Pair {
			return task.Pair{Tasks: []string{"a", "b"}, SharedFiles: list(), Conflicts: list(), Combines: r.IntN(2) == 0}
		})}
	}
	if r.IntN(3) == 0 {
		run.Review = &task.ReviewReport{MissingTasks: list(), TestGaps: list(), RiskFlags: list()}
	}
	for i := range r.IntN(50) {
		run.Progress = append(run.Progress, task.TaskProgress{ID: fmt.Sprint("p", i), State: task.Running, Activity: text(), StartedAt: time.Now()})
	}
	for i := range 1 + r.IntN(50) {
		t := task.Result{
			TaskID: fmt.Sprint(strings.Repeat("t", r.IntN(60)), i), Status: task.Failed, ExitCode: -1, Patch: text(), Summary: text(),
			ApplyCheckLog: text(), NotesForManager: text(), FilesChanged: list(), Evidence: list(),
			DependsOn: randomList(r, items, func() string { return "other-task" }), RolloutPath: path(),
			Verification: randomList(r, min(items, 10), func() task.Verification {
				return task.Verification{Command: text(), ExitCode: 1, OutputTail: randomText(r, 2000), LogPath: path()}
			}),
			Attempts: randomList(r, min(items, 5), func() task.Attempt {
				return task.Attempt{Number: 1 + r.IntN(5), Status: task.Failed, PatchBytes: r.IntN(1e6), JournalPath: path()}
			}),
			CommandsRun: randomList(r, items, func() task.Command { return task.Command{Cmd: text(), ExitCode: r.IntN(256)} }),
			Findings:    findings(), Logs: task.Logs{Stdout: path(), Stderr: path(), Tail: randomText(r, 2000)}, WorkspacePath: path(), PatchPath: path(), DurationMS: r.Int64N(1e6),
			Usage: task.Usage{InputTokens: r.Int64N(1e7), CachedInputTokens: r.Int64N(1e7), OutputTokens: r.Int64N(1e6), ReasoningTokens: r.Int64N(1e6), ModelRequests: r.Int64N(500)},
		}
		if r.IntN(2) == 0 {
			t.Failure = &task.Failure{Kind: task.FailModelUnreached, Message: text(), Hint: text()}
		}
		run.Results = append(run.Results, t)
	}
	return run
}

// The seeds make runs of every size, short and full of text; make fuzz tries others.
func FuzzEveryResultFits(f *testing.F) {
	for seed := range uint64(10) {
		f.Add(seed)
	}
	valid := validator(f, "run_codex_tasks")
	f.Fuzz(func(t *testing.T, seed uint64) {
		run := randomRun(rand.New(rand.NewPCG(seed, 1)))
		structured, jsonText, text, links := parts(t, mcpserver.RunResult(run))
		linkText, err := json.Marshal(append([]mcp.ResourceLink{}, links...))
		if err != nil {
			t.Fatal(err)
		}
		for form, s := range map[string]string{"structured content": jsonText, "text": text} {
			if n := mcpserver.Width(s) + len(linkText); n >= mcpserver.MaxResult {
				t.Errorf("the %s has %d characters with its links", form, n)
			}
			if !utf8.ValidString(s) {
				t.Errorf("the %s is not UTF-8", form)
			}
		}
		if err := valid(structured); err != nil {
			t.Error(err)
		}
		if len(structured.Results) != len(run.Results) {
			t.Fatalf("%d results of %d", len(structured.Results), len(run.Results))
		}
		for i, got := range structured.Results {
			honest(t, run.Results[i], got)
		}
	})
}

// The most that the contract allows of everything that is never cut.
func TestTheLargestSkeletonFits(t *testing.T) {
	const most = 1<<53 - 1
	path := "/" + strings.Repeat("p", 4000)
	long := strings.Repeat("x", 5000)
	run := task.RunResult{
		RunID: strings.Repeat("r", 64), JournalPath: path, BaseCommit: strings.Repeat("a", 64), TotalDurationMS: most,
		Status: task.RunRunning, Next: strings.Repeat("n", 500), ReportPath: path,
		Combination: &task.Combination{}, Review: &task.ReviewReport{RiskFlags: []string{long}}, Notes: []string{long},
		Findings: []task.Finding{{Rule: "base-changed", Severity: task.SeverityError, Detail: long}},
	}
	ids := make([]string, 50)
	for i := range ids {
		ids[i] = fmt.Sprintf("%064d", i)
	}
	for i := range ids {
		for j := range i {
			run.Combination.Pairs = append(run.Combination.Pairs, task.Pair{Tasks: []string{ids[i], ids[j]}, SharedFiles: []string{long}, Conflicts: []string{long}})
		}
		run.Progress = append(run.Progress, task.TaskProgress{
			ID: ids[i], State: task.Done, Activity: long, StartedAt: time.Now(), DurationMS: 1e9, Status: task.Timeout,
			Usage: task.Usage{InputTokens: 1e9, CachedInputTokens: 1e9, OutputTokens: 1e9, ReasoningTokens: 1e9, ModelRequests: 1e6},
		})
		run.Results = append(run.Results, task.Result{
			TaskID: ids[i], Status: task.Timeout, DependsOn: ids[:i], RolloutPath: path,
			Verification: []task.Verification{{Command: long, OutputTail: long, LogPath: path}, {Command: long}},
			Attempts:     []task.Attempt{{JournalPath: path}, {JournalPath: path}, {JournalPath: path}, {JournalPath: path}, {JournalPath: path}},
			ExitCode:     -1, DurationMS: 1e9,
			Failure: &task.Failure{Kind: task.FailModelUnreached, Message: long, Hint: long},
			Patch:   long, Summary: long, PatchPath: path, WorkspacePath: path, Logs: task.Logs{Stdout: path, Stderr: path, Tail: long},
			Usage: task.Usage{InputTokens: 1e9, CachedInputTokens: 1e9, OutputTokens: 1e9, ReasoningTokens: 1e9, ModelRequests: 1e6},
		})
	}
	structured, jsonText, text, _ := parts(t, mcpserver.RunResult(run))
	if a, b := mcpserver.Width(jsonText), mcpserver.Width(text); max(a, b) >= mcpserver.MaxResult {
		t.Errorf("%d and %d characters", a, b)
	}
	if len(structured.Results) != 50 || structured.JournalPath != path {
		t.Error("something essential was cut")
	}
}

// Tasks that have ended are dropped from the progress of a long result, and must
// still count in what its first line says.
func TestTheHeadlineCountsWhatWasCut(t *testing.T) {
	run := task.RunResult{RunID: "r", Status: task.RunRunning}
	for i := range 50 {
		p := task.TaskProgress{ID: fmt.Sprintf("%064d", i), State: task.Running, Activity: strings.Repeat("x", 200), StartedAt: time.Now()}
		if i < 30 {
			p.State, p.Status = task.Done, task.Success
			run.Results = append(run.Results, task.Result{
				TaskID: p.ID, Status: task.Success, FilesChanged: []string{strings.Repeat("f", 2000)}, Evidence: []string{strings.Repeat("e", 2000)},
			})
		}
		run.Progress = append(run.Progress, p)
	}
	got, _, text, _ := parts(t, mcpserver.RunResult(run))
	if len(got.Progress) != 20 {
		t.Fatalf("%d tasks are in the progress; the test wants those cut that are done", len(got.Progress))
	}
	if first, _, _ := strings.Cut(text, "\n"); !strings.Contains(first, "30 of 50 tasks done, 30 success") {
		t.Error(first)
	}
}

// honest says that what was cut is marked, and that what is not marked is whole.
func honest(t *testing.T, whole, got task.Result) {
	t.Helper()
	marked := map[string]bool{}
	for _, name := range got.Truncated {
		marked[name] = true
	}
	check := func(name string, a, b any) {
		if same := reflect.DeepEqual(a, b) || reflect.ValueOf(a).Len() == 0 && reflect.ValueOf(b).Len() == 0; same == (marked[name] && !marked["*"]) && !marked["*"] {
			t.Errorf("%s: %s is whole: %v, marked: %v", got.TaskID, name, same, marked[name])
		}
	}
	check("patch", whole.Patch, got.Patch)
	check("summary", whole.Summary, got.Summary)
	check("apply_check_log", whole.ApplyCheckLog, got.ApplyCheckLog)
	check("notes_for_manager", whole.NotesForManager, got.NotesForManager)
	check("logs.tail", whole.Logs.Tail, got.Logs.Tail)
	check("logs.stdout", whole.Logs.Stdout, got.Logs.Stdout)
	check("logs.stderr", whole.Logs.Stderr, got.Logs.Stderr)
	check("workspace_path", whole.WorkspacePath, got.WorkspacePath)
	check("patch_path", whole.PatchPath, got.PatchPath)
	check("files_changed", whole.FilesChanged, got.FilesChanged)
	check("evidence", whole.Evidence, got.Evidence)
	check("commands_run", whole.CommandsRun, got.CommandsRun)
	check("findings", whole.Findings, got.Findings)
	check("depends_on", whole.DependsOn, got.DependsOn)
	check("verification", whole.Verification, got.Verification)
	check("attempts", whole.Attempts, got.Attempts)
	check("rollout_path", whole.RolloutPath, got.RolloutPath)
	if got.TaskID != whole.TaskID || got.Status != whole.Status || got.ExitCode != whole.ExitCode || got.Usage != whole.Usage || got.PatchApplicable != whole.PatchApplicable {
		t.Errorf("a fact changed: %+v", got)
	}
}

func TestCuttingIsFairAndUsesTheRoom(t *testing.T) {
	run := task.RunResult{Results: []task.Result{
		{TaskID: "big", Patch: strings.Repeat("+line\n", 50_000), PatchPath: "/p/big.patch"},
		{TaskID: "mid", Patch: strings.Repeat("+line\n", 40_000)},
		{TaskID: "small", Patch: strings.Repeat("+line\n", 500), Summary: "done"},
	}}
	before := run.Results[0].Patch
	got, jsonText, text, _ := parts(t, mcpserver.RunResult(run))
	if got.Results[2].Patch != run.Results[2].Patch || len(got.Results[2].Truncated) > 0 {
		t.Error("the small patch was cut before the big ones")
	}
	if a, b := len(got.Results[0].Patch), len(got.Results[1].Patch); a != b {
		t.Errorf("the big ones got %d and %d", a, b)
	}
	if n := max(mcpserver.Width(jsonText), mcpserver.Width(text)); n < mcpserver.MaxResult-500 {
		t.Errorf("only %d characters were used", n)
	}
	if p := got.Results[0].Patch; !strings.HasPrefix(before, p[:1000]) || !strings.HasSuffix(p, "[cut here; 300000 bytes in all]") {
		t.Errorf("the patch ends in %q", p[len(p)-50:])
	}
	if run.Results[0].Patch != before {
		t.Error("the backend's own result was changed")
	}
	if !strings.Contains(strings.Join(got.Notes, " "), "patch_path") {
		t.Error("no word on where the rest is")
	}
}

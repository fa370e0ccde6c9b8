package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/config"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/redact"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/review"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/codex-mcp-runner/codex-mcp-runner/policies"
)

// cyclic is a plan of which something is proved.
const cyclic = "## Task 1: Add the model\n\nDepends on: Task 2\n\n## Task 2: Add the route\n\nDepends on: Task 1\n"

const (
	cycle  = "These tasks wait for each other"
	answer = `{"missing_tasks":["Task 1 needs a migration in db/."],"dependency_issues":[],"parallelization_suggestions":[],"test_gaps":[],"risk_flags":[],"recommended_task_splits":[]}`
)

// answers are the runs that a review makes. It keeps the prompts that they were
// made with, and in which runs the review was kept.
type answers struct {
	runs    []task.RunResult
	prompts []string
	kept    map[string]task.ReviewReport
}

func (a *answers) review(req task.ReviewRequest) (task.RunResult, error) {
	a.kept = map[string]task.ReviewReport{}
	return reviewPlan(req, a.ask, func(id string, r task.ReviewReport) error { a.kept[id] = r; return nil })
}

func (a *answers) ask(prompt string) (task.RunResult, error) {
	a.prompts = append(a.prompts, prompt)
	if len(a.prompts) > len(a.runs) {
		return task.RunResult{}, errors.New("asked too often")
	}
	return a.runs[len(a.prompts)-1], nil
}

func ran(id, summary string, change func(*task.Result)) task.RunResult {
	r := task.Result{TaskID: "review", Status: task.Success, Summary: summary, Usage: task.Usage{InputTokens: 10, ModelRequests: 1}}
	if change != nil {
		change(&r)
	}
	return task.RunResult{RunID: id, BaseCommit: "c0", JournalPath: "/j/" + id, Results: []task.Result{r}, Notes: []string{"dirty"}}
}

func TestWhatIsProvedComesBeforeWhatIsClaimed(t *testing.T) {
	a := answers{runs: []task.RunResult{ran("r1", answer, nil)}}
	got, err := a.review(task.ReviewRequest{PlanText: cyclic, RepoContext: "It is old."})
	if err != nil {
		t.Fatal(err)
	}
	if got.Review == nil || len(got.Review.DependencyIssues) != 1 || !strings.HasPrefix(got.Review.DependencyIssues[0], cycle) {
		t.Fatalf("got %+v", got)
	}
	if diff := cmp.Diff([]string{"Task 1 needs a migration in db/."}, got.Review.MissingTasks); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]task.ReviewReport{"r1": *got.Review}, a.kept); diff != "" {
		t.Error(diff)
	}
	got.Review = nil
	if diff := cmp.Diff(ran("r1", answer, nil), got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{review.Prompt(cyclic, "It is old.")}, a.prompts); diff != "" {
		t.Error(diff)
	}
}

func TestProseIsAskedOnceMore(t *testing.T) {
	a := answers{runs: []task.RunResult{ran("r1", "Looks good to me!", nil), ran("r2", answer, nil)}}
	got, err := a.review(task.ReviewRequest{PlanText: cyclic})
	if err != nil {
		t.Fatal(err)
	}
	if got.Review == nil || len(got.Review.MissingTasks) != 1 || got.RunID != "r2" || got.JournalPath != "/j/r2" || got.Results[0].Usage.InputTokens != 20 {
		t.Errorf("got %+v", got)
	}
	if len(a.kept) != 2 {
		t.Errorf("the review is kept in %v", a.kept)
	}
	if len(got.Notes) != 2 || got.Notes[0] != "dirty" || !strings.Contains(got.Notes[1], "run r1") {
		t.Errorf("notes: %q", got.Notes)
	}
	if len(a.prompts) != 2 || !strings.HasPrefix(a.prompts[1], a.prompts[0]) || !strings.Contains(a.prompts[1], "Looks good to me!") {
		t.Errorf("prompts: %q", a.prompts)
	}
}

func TestProseTwiceIsRefusedWithWhatCameAndWhatIsProved(t *testing.T) {
	a := answers{runs: []task.RunResult{ran("r1", "No.", nil), ran("r2", "I would rather\nnot.", nil)}}
	_, err := a.review(task.ReviewRequest{PlanText: cyclic})
	refusals := task.Refusals(err)
	if len(refusals) != 1 || len(a.prompts) != 2 {
		t.Fatalf("asked %d times: %v", len(a.prompts), err)
	}
	for _, want := range []string{"not one JSON object", "I would rather not.", "/j/r1, /j/r2", cycle} {
		if !strings.Contains(refusals[0].Error(), want) {
			t.Errorf("the refusal does not say %q: %v", want, refusals[0])
		}
	}
	_, err = (&answers{runs: a.runs}).review(task.ReviewRequest{PlanText: "Make it better."})
	if err == nil || strings.Contains(err.Error(), "alone shows") {
		t.Errorf("of a plan without tasks nothing is known: %v", err)
	}
}

func TestARunWithoutAnAnswerIsNotAskedAgain(t *testing.T) {
	for name, change := range map[string]func(*task.Result){
		"failed": func(r *task.Result) {
			r.Status, r.Failure = task.Failed, &task.Failure{Kind: task.FailAuth, Message: "It said why.", Hint: "Log in."}
		},
		"timeout": func(r *task.Result) {
			r.Status, r.Failure = task.Timeout, &task.Failure{Kind: task.FailTimeout, Message: "It said why.", Hint: "Wait."}
		},
		"skipped": func(r *task.Result) { r.Status, r.NotesForManager = task.Skipped, "It said why." },
	} {
		t.Run(name, func(t *testing.T) {
			a := answers{runs: []task.RunResult{ran("r1", answer, change)}}
			got, err := a.review(task.ReviewRequest{PlanText: cyclic})
			if len(task.Refusals(err)) != 1 || !strings.Contains(err.Error(), "It said why.") || len(a.prompts) != 1 || got.JournalPath != "/j/r1" {
				t.Errorf("asked %d times, %+v: %v", len(a.prompts), got, err)
			}
		})
	}
	want := errors.New("no engine")
	_, err := reviewPlan(task.ReviewRequest{PlanText: cyclic}, func(string) (task.RunResult, error) { return task.RunResult{}, want }, nil)
	if !errors.Is(err, want) {
		t.Errorf("got %v", err)
	}
}

// A refused command breaks a rule of tasks. The review is good all the same.
func TestABrokenRuleIsANote(t *testing.T) {
	a := answers{runs: []task.RunResult{ran("r1", answer, func(r *task.Result) {
		r.Status, r.Failure = task.Failed, &task.Failure{Kind: task.FailRule, Message: "m", Hint: "h"}
		r.Findings = []task.Finding{
			{Severity: task.SeverityError, Detail: "A command was outside the rules.", Evidence: "make"},
			{Severity: task.SeverityInfo, Detail: "Nothing."},
		}
	})}}
	got, err := a.review(task.ReviewRequest{PlanText: cyclic})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"dirty", "A command was outside the rules. [make]"}, got.Notes); diff != "" {
		t.Error(diff)
	}
}

func TestWhatCannotBeReviewedIsRefusedAtOnce(t *testing.T) {
	for name, tc := range map[string]struct {
		req   task.ReviewRequest
		where []string
	}{
		"empty":            {task.ReviewRequest{}, []string{"plan_text"}},
		"blank":            {task.ReviewRequest{PlanText: " \n\u00a0"}, []string{"plan_text"}},
		"NUL":              {task.ReviewRequest{PlanText: "a\x00b"}, []string{"plan_text"}},
		"no UTF-8":         {task.ReviewRequest{PlanText: "a\xffb", RepoContext: "\xc0"}, []string{"plan_text", "repo_context"}},
		"long":             {task.ReviewRequest{PlanText: strings.Repeat("a", maxReviewText+1)}, []string{"plan_text"}},
		"long context":     {task.ReviewRequest{PlanText: "a", RepoContext: strings.Repeat("a", maxRepoContext+1)}, []string{"repo_context"}},
		"long together":    {task.ReviewRequest{PlanText: strings.Repeat("a", maxReviewText-2), RepoContext: "abc"}, []string{"plan_text"}},
		"all that can be":  {task.ReviewRequest{PlanText: strings.Repeat("\x00", maxReviewText), RepoContext: strings.Repeat("\x00", maxRepoContext+1)}, []string{"plan_text", "repo_context", "repo_context", "plan_text"}},
		"longest allowed":  {task.ReviewRequest{PlanText: strings.Repeat("a", maxReviewText)}, nil},
		"longest together": {task.ReviewRequest{PlanText: strings.Repeat("a", maxReviewText-maxRepoContext), RepoContext: strings.Repeat("a", maxRepoContext)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var where []string
			err := checkReview(tc.req)
			for _, r := range task.Refusals(err) {
				where = append(where, r.Where)
			}
			if diff := cmp.Diff(tc.where, where); diff != "" {
				t.Errorf("%v: %s", err, diff)
			}
			if tc.where == nil {
				return
			}
			// Before anything is looked at: there is not even a repository.
			if _, err := (&service{}).StartReview(t.Context(), "/nonexistent", tc.req); !cmp.Equal(len(task.Refusals(err)), len(tc.where)) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// The second question has to fit into what Codex takes too, after the worst answer.
func TestBothQuestionsFit(t *testing.T) {
	const most = 1 << 20
	first := review.Prompt(strings.Repeat("a", maxReviewText-maxRepoContext), strings.Repeat("b", maxRepoContext))
	worst := map[string]any{}
	for _, key := range []string{"missing_tasks", "dependency_issues", "parallelization_suggestions", "test_gaps", "risk_flags", "recommended_task_splits"} {
		worst[key] = slices.Repeat([]any{map[string]any{}}, 41)
	}
	for i := range 10 {
		worst[strings.Repeat(string(rune('a'+i)), 400)] = true
	}
	b, err := json.Marshal(worst)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b) + strings.Repeat(" ", 200<<10)
	_, misfit := review.Parse(text)
	if misfit == nil {
		t.Fatal("it fits")
	}
	if second := review.Retry(first, text, misfit); len(second) > most || len(first) >= len(second) {
		t.Errorf("%d and then %d bytes", len(first), len(second))
	}
}

// Whatever the configuration allows, a review only looks.
func TestAReviewOnlyLooks(t *testing.T) {
	cfg, err := config.Load(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cfg.SandboxMode, cfg.NetworkPolicy, cfg.AllowInspection = task.SandboxDangerFullAccess, task.NetworkAllow, false
	cfg.VerifyCommands = []string{"npm test"}
	prompt := strings.Repeat("a", 1<<20)
	plan, err := compileReview(prompt, cfg)
	if err != nil || len(plan.Tasks) != 1 {
		t.Fatal(err, len(plan.Tasks))
	}
	s := plan.Tasks[0]
	if s.SandboxMode != task.SandboxReadOnly || s.Network != task.NetworkDeny || !s.AllowInspection || len(s.AllowedPaths)+len(s.AllowedCommands) > 0 {
		t.Errorf("got %+v", s)
	}
	if len(s.VerifyCommands) > 0 {
		t.Errorf("it would run %q", s.VerifyCommands)
	}
	if s.ID != "review" || s.Prompt != prompt || s.OutputSchema != string(policies.ReviewSchema()) || plan.RunID == "" {
		t.Errorf("got %s %d %s", s.ID, len(s.Prompt), s.OutputSchema)
	}
}

// An answer passes the redactor as a string within a line of JSON. What is left
// must still be a report, with the secret hidden and its neighbours whole.
func TestARedactedAnswerIsStillAReport(t *testing.T) {
	const login = `sk-proj-Zq8vX2mN4bR7tY1wE5uI9oP3aS6dF0gH`
	known, err := redact.NewSecrets(redact.Known{Name: "model-api-login", Value: login})
	if err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string]string{
		"login":      login,
		"github":     "ghp_" + strings.Repeat("aB3dE6gH9", 4),
		"aws":        "AKIAIOSFODNN7EXAMPQR",
		"jwt":        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
		"pem":        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----",
		"pem, begun": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
		"pem, bare":  "-----BEGIN RSA PRIVATE KEY-----",
		"password":   `password = "hunter2-hunter2-hunter2"`,
		"url":        "https://user:hunter2secret@example.org/",
	} {
		t.Run(name, func(t *testing.T) {
			report := map[string][]string{
				"missing_tasks": {"Task 1 prints " + secret}, "dependency_issues": {secret}, "parallelization_suggestions": {},
				"test_gaps": {secret + ` "quoted"`}, "risk_flags": {}, "recommended_task_splits": {"Task 2 is whole."},
			}
			inner, err := json.Marshal(report)
			if err != nil {
				t.Fatal(err)
			}
			line, err := json.Marshal(map[string]string{"text": string(inner)})
			if err != nil {
				t.Fatal(err)
			}
			var event struct{ Text string }
			var shown bytes.Buffer
			w := redact.New(&shown, known)
			if _, err := w.Write(line); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(shown.Bytes(), &event); err != nil {
				t.Fatal(err)
			}
			got, err := review.Parse(event.Text)
			if err != nil {
				t.Fatalf("%v\n%s", err, event.Text)
			}
			if diff := cmp.Diff([]string{"Task 2 is whole."}, got.RecommendedTaskSplits); diff != "" {
				t.Error(diff)
			}
			if name == "login" && strings.Contains(event.Text, login) {
				t.Error("the login is still there")
			}
		})
	}
}

func TestAReviewThatCannotBeKeptIsNotLost(t *testing.T) {
	a := answers{runs: []task.RunResult{ran("r1", answer, nil)}}
	got, err := reviewPlan(task.ReviewRequest{PlanText: cyclic}, a.ask, func(string, task.ReviewReport) error { return errors.New("the run was pruned") })
	if err != nil || got.Review == nil || !strings.Contains(strings.Join(got.Notes, " "), "run r1 could not keep the review: the run was pruned") {
		t.Errorf("%v, %+v", err, got)
	}
}

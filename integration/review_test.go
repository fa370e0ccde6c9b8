//go:build integration

package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/replay"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/codex-mcp-runner/codex-mcp-runner/policies"
)

const (
	planText = "## Task 1: Fix the sum\n\nChange `src/sum.js`.\nDepends on: Task 2\n\n## Task 2: Test the sum\n\nAdd `tests/sum.test.js`.\nDepends on: Task 1\n"
	// once is what only the second question says.
	once = "# Once more"
)

// reviewed is the answer of a model that keeps to the schema.
func reviewed(t *testing.T, gap string) replay.Step {
	t.Helper()
	report := map[string][]string{"test_gaps": {gap}}
	for _, key := range []string{"missing_tasks", "dependency_issues", "parallelization_suggestions", "risk_flags", "recommended_task_splits"} {
		report[key] = []string{}
	}
	b, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	return say(string(b))
}

func (s *server) review(args map[string]any) toolResult {
	s.t.Helper()
	return s.call("tools/call", map[string]any{
		"name": "review_plan_with_codex", "arguments": args,
		"_meta": map[string]any{"progressToken": "p"},
	}).raw()
}

// reviewResult waits for a review that is one.
func (s *server) reviewResult(args map[string]any) (got task.ReviewResult, text string) {
	s.t.Helper()
	r := s.review(args)
	if r.IsError {
		s.t.Fatalf("the review was refused: %s\n%s", r.text(), s.stderr)
	}
	if err := json.Unmarshal(r.StructuredContent, &got); err != nil {
		s.t.Fatalf("%v in %s", err, r.StructuredContent)
	}
	return got, r.text()
}

func TestAReviewLooksAtTheRepositoryAndFitsTheSchema(t *testing.T) {
	t.Parallel()
	const gap = "Task 1 has no test that src/sum.js adds \"negative\" numbers — add one in tests/sum.test.js."
	for _, model := range []string{"gpt-5.5", "gpt-6.1-sol"} { // plain tools, and tools called from code
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, conversation("", run("ls src"), reviewed(t, gap)))
			h.configure(map[string]any{"codex_model": model, "command_policy": "enforce"})
			s := h.serve()
			got, text := s.reviewResult(map[string]any{"plan_text": planText, "repo_context": "Only sum.js is ours."})
			if diff := cmp.Diff([]string{gap}, got.Report.TestGaps); diff != "" {
				t.Error(diff)
			}
			if len(got.Report.DependencyIssues) != 1 || !strings.Contains(got.Report.DependencyIssues[0], "wait for each other") {
				t.Errorf("what the text proves is not there: %q", got.Report.DependencyIssues)
			}
			if head := h.git(h.repo, "rev-parse", "HEAD"); got.BaseCommit != head || got.Usage.ModelRequests != 2 || len(got.Notes) != 0 {
				t.Errorf("got %+v at %s", got, head)
			}
			for _, fact := range []string{gap, got.Report.DependencyIssues[0], got.RunID, got.JournalPath} {
				if !strings.Contains(text, fact) {
					t.Errorf("the text does not say %q:\n%s", fact, text)
				}
			}
			if heard := h.heard(); !strings.Contains(heard, "sum.js") {
				t.Errorf("the command did not run: %s", heard)
			}
			h.sawSchema(t)
			if asked := h.asked(); !strings.Contains(asked, "Only sum.js is ours.") || strings.Contains(asked, "short summary") {
				t.Errorf("Codex was asked: %s", asked)
			}
			if _, err := os.Stat(filepath.Join(got.JournalPath, "result.json")); err != nil {
				t.Error(err)
			}
			if len(s.notifications("notifications/progress")) == 0 {
				t.Error("no progress")
			}
		})
	}
}

// asked is what the user said to the model, in the first request.
func (h *host) asked() string {
	var b strings.Builder
	for _, in := range h.model.Requests()[0].Input {
		b.WriteString(in.Text + "\n")
	}
	return b.String()
}

// sawSchema: the model is held to the schema of policies/, strictly.
func (h *host) sawSchema(t *testing.T) {
	t.Helper()
	for _, r := range h.model.Requests() {
		var body struct {
			Text struct {
				Format struct {
					Type   string
					Strict bool
					Schema any
				}
			}
		}
		if err := json.Unmarshal(r.Body, &body); err != nil {
			t.Fatal(err)
		}
		var want any
		if err := json.Unmarshal(policies.ReviewSchema(), &want); err != nil {
			t.Fatal(err)
		}
		f := body.Text.Format
		if f.Type != "json_schema" || !f.Strict {
			t.Errorf("the answer's format is %+v", f)
		}
		if diff := cmp.Diff(want, f.Schema); diff != "" {
			t.Error(diff)
		}
	}
}

func TestProseInsteadOfAReviewIsAskedOnceMore(t *testing.T) {
	t.Parallel()
	const gap = "Task 2 tests nothing."
	h := newHost(t,
		conversation(once, reviewed(t, gap)),
		conversation("", say("It looks good to me. Ship it!")),
	)
	s := h.serve()
	got, _ := s.reviewResult(map[string]any{"plan_text": planText})
	if !cmp.Equal(got.Report.TestGaps, []string{gap}) || got.Usage.ModelRequests != 2 {
		t.Errorf("got %+v", got)
	}
	if len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "asked twice") {
		t.Errorf("notes: %q", got.Notes)
	}
	if all := h.asked(); strings.Contains(all, once) {
		t.Errorf("the first question was the second: %s", all)
	}
	if last := h.model.Requests(); len(last) != 2 {
		t.Errorf("%d requests", len(last))
	}
}

func TestProseTwiceIsAClearError(t *testing.T) {
	t.Parallel()
	h := newHost(t,
		conversation(once, say("As I said: ship it!")),
		conversation("", say("It looks good to me. Ship it!")),
	)
	r := h.serve().review(map[string]any{"plan_text": planText})
	if !r.IsError || len(r.StructuredContent) > 0 && string(r.StructuredContent) != "null" {
		t.Fatalf("got %s %s", r.text(), r.StructuredContent)
	}
	for _, want := range []string{"asked twice", "As I said: ship it!", "wait for each other", h.state} {
		if !strings.Contains(r.text(), want) {
			t.Errorf("the error does not say %q: %s", want, r.text())
		}
	}
	if n := len(h.model.Requests()); n != 2 {
		t.Errorf("the model was asked %d times", n)
	}
}

// A model that was talked into something meets a worktree that it cannot write,
// also where the configuration lets tasks write everything.
func TestAReviewCannotWrite(t *testing.T) {
	t.Parallel()
	const evil = "touch /workspace/evil; echo x >>/workspace/src/sum.js; rm /workspace/README.md; echo tried"
	for _, policy := range []string{"audit", "enforce"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, conversation("", run(evil),
				patch("*** Begin Patch\n*** Add File: evil2\n+x\n*** End Patch\n"),
				run("ls -A"), run("cat src/sum.js"), reviewed(t, "Task 1 is fine.")))
			h.configure(map[string]any{"command_policy": policy, "sandbox_mode": "danger-full-access", "codex_full_auto": true})
			got, text := h.serve().reviewResult(map[string]any{"plan_text": planText})
			if !cmp.Equal(got.Report.TestGaps, []string{"Task 1 is fine."}) {
				t.Errorf("got %+v", got)
			}
			heard := h.heard()
			if policy == "audit" && !strings.Contains(heard, "Read-only file system") {
				t.Errorf("the write did not meet a read-only file system: %s", heard)
			}
			if !strings.Contains(heard, "README.md") || !strings.Contains(heard, "a - b") {
				t.Errorf("the worktree is not as it was: %s", heard)
			}
			if len(got.Notes) == 0 || !strings.Contains(text, "evil") {
				t.Errorf("nothing tells of the attempt: %q", got.Notes)
			}
			if patches, _ := filepath.Glob(got.JournalPath + "/*/task.patch"); len(patches) > 0 {
				t.Errorf("there is a patch: %v", patches)
			}
		})
	}
}

// The longest plan reaches the model whole: Codex takes no more than 1 MiB at once.
func TestTheLongestPlanIsTaken(t *testing.T) {
	t.Parallel()
	h := newHost(t, conversation("the last word\n", reviewed(t, "Nothing.")))
	const first, last = "The first word", "the last word"
	plan := first + strings.Repeat("\n", 960<<10-len(first)-len(last)) + last // what is quick to analyse
	got, _ := h.serve().reviewResult(map[string]any{"plan_text": plan})
	if !cmp.Equal(got.Report.TestGaps, []string{"Nothing."}) {
		t.Errorf("got %+v", got)
	}
}

func TestAReviewThatCannotBeMadeSaysWhy(t *testing.T) {
	t.Parallel()
	h := newHost(t, conversation("", fault(replay.Fault{Kind: replay.FaultStatus, Status: 401})))
	s := h.serve()
	if r := s.review(map[string]any{"plan_text": planText}); !r.IsError || !strings.Contains(r.text(), "The review was not made") {
		t.Errorf("got %s", r.text())
	}
	if r := s.review(map[string]any{"plan_text": strings.Repeat("a", 960<<10+1)}); !r.IsError || !strings.Contains(r.text(), "at most 983040") {
		t.Errorf("got %.300s", r.text())
	}
	delete(h.env, "CODEX_API_KEY")
	r := h.serve().review(map[string]any{"plan_text": planText})
	if !r.IsError || strings.Contains(r.text(), "internal error") {
		t.Errorf("without a login: %s", r.text())
	}
}

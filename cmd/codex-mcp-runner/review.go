package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/config"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/live"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/review"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/codex-mcp-runner/codex-mcp-runner/policies"
)

const (
	// maxReviewText bounds a plan with its context, in bytes. Codex 0.169 takes a prompt
	// of 1 MiB, and what is left is for the question around them, asked twice. It is
	// less than review.MaxPlanBytes, so Analyse always looks.
	maxReviewText = 960 << 10
	// maxRepoContext bounds the context alone: it should not outweigh the plan.
	maxRepoContext = 256 << 10
)

// StartReview does the first half of review_plan_with_codex. A review is a run of
// one task, with the repository's configuration and a place in the journal. If
// Codex has to be asked twice there are two, and the first one's name is that of
// both to whoever waits.
func (s *service) StartReview(ctx context.Context, dir string, req task.ReviewRequest) (string, error) {
	if err := checkReview(req); err != nil {
		return "", err
	}
	prepare := func(ctx context.Context, prompt string) (*job, error) {
		return s.prepare(ctx, dir, func(cfg config.Config) (task.Plan, error) { return compileReview(prompt, cfg) })
	}
	first, err := prepare(ctx, review.Prompt(req.PlanText, req.RepoContext))
	if err != nil {
		return "", err
	}
	return s.start(ctx, first, func(ctx context.Context, run *live.Run) (task.RunResult, error) {
		next := first
		return reviewPlan(req, func(prompt string) (task.RunResult, error) {
			if next == nil {
				if next, err = prepare(ctx, prompt); err != nil {
					return task.RunResult{}, err
				}
			}
			j := next
			next = nil
			return j.run(ctx, run)
		}, first.runs.AddReview)
	})
}

// compileReview makes the plan of a run that looks at the repository and answers.
// The prompt is given to policy only afterwards: its limit is for a task's prompt.
func compileReview(prompt string, cfg config.Config) (task.Plan, error) {
	plan, err := compile(task.Request{Tasks: []task.RequestTask{{
		ID: "review", Prompt: "Review the plan.", AllowedPaths: []string{}, AllowedCommands: []string{},
	}}}, cfg)
	for i := range plan.Tasks {
		spec := &plan.Tasks[i]
		spec.Prompt, spec.OutputSchema = prompt, string(policies.ReviewSchema())
		spec.SandboxMode, spec.Network, spec.AllowInspection = task.SandboxReadOnly, task.NetworkDeny, true
		spec.VerifyCommands = []string{} // there is nothing to verify
	}
	return plan, err
}

// reviewPlan asks Codex for a review, once more if the answer is none, and joins
// it with what the plan's text alone proves. What came out is kept with every run
// that was made. The result is the last run's, the usage that of all of them.
func reviewPlan(req task.ReviewRequest, ask func(prompt string) (task.RunResult, error), keep func(runID string, r task.ReviewReport) error) (task.RunResult, error) {
	proved := review.Analyse(req.PlanText)
	prompt := review.Prompt(req.PlanText, req.RepoContext)
	var r reviewer
	claimed, err := r.ask(ask, prompt)
	if misfit := (*review.Misfit)(nil); errors.As(err, &misfit) {
		r.result.Notes = append(r.result.Notes, fmt.Sprintf("Codex was asked twice: its first answer, in run %s, was no review (%s).",
			r.result.RunID, strings.Join(misfit.Problems, "; ")))
		claimed, err = r.ask(ask, review.Retry(prompt, r.answer, err))
	}
	if misfit := (*review.Misfit)(nil); errors.As(err, &misfit) {
		return r.result, &task.Refusal{
			What: fmt.Sprintf("Codex was asked twice and neither answer is a plan review: %s; the second begins: %s",
				strings.Join(misfit.Problems, "; "), misfit.Excerpt),
			Mend: "Try again, or set codex_model in .mcp-codex.json to another model. Both answers are in the journal: " +
				strings.Join(r.journals, ", ") + "." + provedText(proved),
			Err: err,
		}
	}
	if err != nil {
		return r.result, err
	}
	report := review.Merge(proved, claimed)
	r.result.Review = &report
	for _, id := range r.runs {
		if err := keep(id, report); err != nil { // the review itself is good
			r.result.Notes = append(r.result.Notes, fmt.Sprintf("The journal of run %s could not keep the review: %v.", id, err))
		}
	}
	return r.result, nil
}

// checkReview refuses, with every problem, what cannot be reviewed.
func checkReview(req task.ReviewRequest) error {
	var errs []error
	refuse := func(where, what, mend string) {
		errs = append(errs, &task.Refusal{Where: where, What: what, Mend: mend})
	}
	if strings.TrimSpace(req.PlanText) == "" {
		refuse("plan_text", "The plan is empty.", "Give the whole text of the plan.")
	}
	for _, f := range []struct{ name, text string }{{"plan_text", req.PlanText}, {"repo_context", req.RepoContext}} {
		if !utf8.ValidString(f.text) || strings.ContainsRune(f.text, 0) {
			refuse(f.name, "It is no text: it holds bytes that are not UTF-8, or NUL.", "Give it as UTF-8 text.")
		}
	}
	if n := len(req.RepoContext); n > maxRepoContext {
		refuse("repo_context", fmt.Sprintf("It has %d bytes; at most %d are allowed.", n, maxRepoContext),
			"Leave out what Codex can see in the repository.")
	}
	if n := len(req.PlanText) + len(req.RepoContext); n > maxReviewText {
		refuse("plan_text", fmt.Sprintf("Plan and context have %d bytes; at most %d are allowed together.", n, maxReviewText),
			"Review the plan in parts.")
	}
	return errors.Join(errs...)
}

// reviewer collects what the runs of a review have in common.
type reviewer struct {
	result   task.RunResult // of the last, with the notes and the usage of all
	answer   string         // the last
	runs     []string
	journals []string
}

// ask makes one run. The error is a *review.Misfit if Codex's answer is no report;
// any other is a run without an answer.
func (r *reviewer) ask(ask func(prompt string) (task.RunResult, error), prompt string) (review.Report, error) {
	run, err := ask(prompt)
	if run.JournalPath != "" {
		r.journals = append(r.journals, run.JournalPath)
	}
	if err != nil {
		r.result.JournalPath = run.JournalPath
		return review.Report{}, err
	}
	if len(run.Results) != 1 {
		return review.Report{}, fmt.Errorf("review a plan: the run has %d results", len(run.Results))
	}
	got := &run.Results[0]
	notes, spent := r.result.Notes, task.Usage{}
	if len(r.result.Results) > 0 {
		spent = r.result.Results[0].Usage
	}
	if len(r.runs) == 0 { // a second run has the same to say about the checkout
		notes = append(notes, run.Notes...)
	}
	for _, f := range got.Findings {
		if f.Severity == task.SeverityInfo {
			continue
		}
		note := f.Detail
		if f.Evidence != "" {
			note += " [" + f.Evidence + "]"
		}
		notes = append(notes, note)
	}
	got.Usage = spent.Plus(got.Usage)
	r.result = run
	r.result.Notes = notes
	r.runs = append(r.runs, run.RunID)
	if err := unanswered(*got, run.JournalPath); err != nil {
		return review.Report{}, err
	}
	r.answer = got.Summary
	return review.Parse(got.Summary)
}

// unanswered says why a run has no answer. A broken rule is no reason: the review
// was read-only, and what it says is as good as without.
func unanswered(r task.Result, journal string) error {
	switch {
	case r.Status == task.Success, r.Failure != nil && r.Failure.Kind == task.FailRule:
		return nil
	case r.Failure == nil:
		return &task.Refusal{What: "The review was not made.", Mend: r.NotesForManager}
	default:
		return &task.Refusal{
			What: "The review was not made: " + r.Failure.Message,
			Mend: r.Failure.Hint + " What there is of it is in the journal: " + journal + ".",
		}
	}
}

// provedText lists what is known without Codex; empty if nothing is.
func provedText(p review.Report) string {
	var b strings.Builder
	for _, l := range p.Lists() {
		for _, s := range *l.Sentences {
			b.WriteString("\n- " + s)
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "\n\nWhat the plan's text alone shows:" + b.String()
}

package review_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/review"
)

func TestMergeKeepsWhatIsProvedFirst(t *testing.T) {
	proved := review.Report{
		DependencyIssues: []string{"Tasks 2 and 3 change src/app.ts and nothing in the plan orders them: let one wait for the other, or give the change to one of them."},
		TestGaps:         []string{`Task 2 ("Add the route") mentions no test, and no other task tests it.`},
	}
	claimed := review.Report{
		MissingTasks: []string{"No task updates docs/api.md, which describes the old route.", "  "},
		DependencyIssues: []string{
			"Task 2 and task 3 both change `src/app.ts`, and nothing in the plan orders them: give the change to one of them, or let one wait.",
			"Tasks 2 and 3 change src/index.ts and nothing in the plan orders them: let one wait for the other, or give the change to one of them.",
			"Task 4 needs the table that task 5 makes (db/schema.sql).",
		},
		TestGaps: []string{
			`Task 3 ("Add the route") mentions no test, and no other task tests it.`,
			`Task 2 ("Add the route") mentions no tests and no other task tests it`,
		},
		RiskFlags: []string{"Task 5 locks the orders table (db/migrate.go).", "Task 5 locks the orders table (db/migrate.go)."},
	}
	want := review.Report{
		MissingTasks:               claimed.MissingTasks[:1],
		DependencyIssues:           []string{proved.DependencyIssues[0], claimed.DependencyIssues[1], claimed.DependencyIssues[2]},
		ParallelizationSuggestions: []string{},
		TestGaps:                   []string{proved.TestGaps[0], claimed.TestGaps[0]},
		RiskFlags:                  claimed.RiskFlags[:1],
		RecommendedTaskSplits:      []string{},
	}
	if diff := cmp.Diff(want, review.Merge(proved, claimed)); diff != "" {
		t.Error(diff)
	}
}

// A client's schema has no null.
func TestReportsHaveNoNull(t *testing.T) {
	parsed, err := review.Parse(answer(""))
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]review.Report{
		"nothing to analyse": review.Analyse(""),
		"a plan":             review.Analyse("1. a\n2. b\n"),
		"too long a plan":    review.Analyse(strings.Repeat("1. a, depends on 1\n", review.MaxPlanBytes/10)),
		"merged":             review.Merge(review.Report{}, review.Report{}),
		"parsed":             parsed,
	} {
		b, err := json.Marshal(r)
		if err != nil || strings.Contains(string(b), "null") || strings.Count(string(b), "[]") != 6 {
			t.Errorf("%s: %s %v", name, b, err)
		}
	}
}

func TestTooManyTasksAreNoPlan(t *testing.T) {
	plan := strings.Repeat("- [ ] T1 a\n- [ ] T2 b depends on T1\n", review.MaxItems)
	if n := len(review.Items(plan)); n != 2 {
		t.Errorf("the same two tasks again and again are %d", n)
	}
	var b strings.Builder
	for range review.MaxItems + 1 {
		b.WriteString("- [ ] Add a thing\n")
	}
	if n := len(review.Items(b.String())); n != 0 {
		t.Errorf("%d tasks", n)
	}
}

//go:build integration

package integration

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func on(ids ...string) map[string]any { return map[string]any{"depends_on": ids} }

// A diamond: the last task sees what all before it made, and its patch holds
// nothing but its own change.
func TestATaskStartsFromWhatItsDependenciesMade(t *testing.T) {
	t.Parallel()
	h := newHost(t,
		works("top", "echo top >top"),
		works("left", "cat top && echo left >left"),
		works("right", "cat top && echo right >>top"),
		works("bottom", "cat top left && git log --oneline | cat && git status --porcelain && echo bottom >bottom"))
	s := h.serve()
	got := s.start(tasks("diamond",
		job("bottom", on("left", "right")), job("left", on("top")), job("right", on("top")), job("top", nil))).result()
	for _, r := range got.Results {
		if r.Status != task.Success {
			t.Fatalf("%s: %s %+v %s", r.TaskID, r.Status, r.Failure, r.NotesForManager)
		}
	}
	bottom := got.Results[0]
	if diff := cmp.Diff([]string{"bottom"}, bottom.FilesChanged); diff != "" || !cmp.Equal(bottom.DependsOn, []string{"left", "right"}) {
		t.Errorf("of bottom: %s %v", diff, bottom.DependsOn)
	}
	if heard := h.heard(); !strings.Contains(heard, "top\nright\nleft") {
		t.Errorf("bottom saw:\n%s", heard)
	}
	if c := got.Combination; c == nil || !c.Combines || len(c.Pairs) != 0 {
		t.Errorf("combination: %+v", got.Combination)
	}
	if out := h.git(h.repo, "fsck", "--full", "--strict", "--no-dangling"); out != "" {
		t.Errorf("the repository: %s", out)
	}
	if a := s.apply(map[string]any{"run_id": "diamond", "tasks": []string{"bottom"}}); !a.Applied || len(a.Tasks) != 4 || a.Tasks[3].TaskID != "bottom" {
		t.Errorf("applied with all that it stands on: %+v", a)
	}
	h.changes()
}

func TestADependencyThatFailsSkipsWhatStandsOnIt(t *testing.T) {
	t.Parallel()
	h := newHost(t, works("bad", "echo x >forbidden"), works("good", "echo g >g"))
	got := h.serve().start(tasks("skips",
		job("bad", map[string]any{"allowed_paths": []string{"src/**"}}), job("second", on("bad")), job("third", on("second", "good")), job("good", nil))).result()
	var statuses []task.Status
	for _, r := range got.Results {
		statuses = append(statuses, r.Status)
	}
	if diff := cmp.Diff([]task.Status{task.Failed, task.Skipped, task.Skipped, task.Success}, statuses); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(got.Results[1].NotesForManager, "bad") || !strings.Contains(got.Results[2].NotesForManager, "second") {
		t.Errorf("notes: %q, %q", got.Results[1].NotesForManager, got.Results[2].NotesForManager)
	}
}

// Whether patches combine comes from merging them: two tasks may share a file
// without a conflict, and conflict without sharing a line's wording.
func TestTheCombinationIsThatOfTheTrees(t *testing.T) {
	t.Parallel()
	h := newHost(t,
		works("head", "sed -i s/one/ONE/ old.txt"),
		works("tail", "sed -i s/six/SIX/ old.txt"),
		works("other", "sed -i s/six/sechs/ old.txt"),
		works("moved", "mv old.txt new.txt"))
	got := h.serve().start(tasks("matrix", job("head", nil), job("tail", nil), job("other", nil), job("moved", nil))).result()
	c := got.Combination
	if c == nil || c.Combines {
		t.Fatalf("got %+v", c)
	}
	verdicts := map[string]bool{}
	for _, p := range c.Pairs {
		verdicts[strings.Join(p.Tasks, " ")] = p.Combines
		if p.Combines == (len(p.Conflicts) > 0) {
			t.Errorf("%v", p)
		}
		if strings.Join(p.Tasks, " ") == "tail other" && (!slices.Equal(p.SharedFiles, []string{"old.txt"}) || !slices.Equal(p.Conflicts, []string{"old.txt"})) {
			t.Errorf("%+v", p)
		}
	}
	for pair, want := range map[string]bool{"head tail": true, "head other": true, "tail other": false} {
		if got, listed := verdicts[pair]; !listed || got != want {
			t.Errorf("%s: combines %t, listed %t", pair, got, listed)
		}
	}
}

package runner_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func TestPairsThatShareFilesOrConflictAreTold(t *testing.T) {
	w := newWorld()
	files := map[string][]string{"a": {"x", "y"}, "b": {"y", "x"}, "c": {"z"}, "d": {"dir"}, "e": {"x"}, "none": nil}
	w.collect = func(name string) (task.Changes, error) {
		id := strings.TrimPrefix(name, "run-")
		c := task.Changes{Applicable: true}
		for _, f := range files[id] {
			c.Files, c.Patch = append(c.Files, task.Change{Path: f, Kind: task.Modified}), []byte(id)
		}
		return c, nil
	}
	w.conflict = func(a, b string) []string {
		switch a + b {
		case "ab", "ba":
			return []string{"x", "\xff"}
		case "cd", "dc":
			return []string{"dir"}
		}
		return nil
	}
	plan := w.plan("none", "a", "b", "c", "d", "e", "f")
	after(&plan, "e", "a")
	after(&plan, "f", "e") // changes nothing
	res := must(t)(w.start(t.Context(), plan))
	want := &task.Combination{Pairs: []task.Pair{
		{Tasks: []string{"a", "b"}, SharedFiles: []string{"x", "y"}, Conflicts: []string{"x", "\uFFFD"}},
		{Tasks: []string{"b", "e"}, SharedFiles: []string{"x"}, Conflicts: []string{"x", "\uFFFD"}},
		{Tasks: []string{"c", "d"}, SharedFiles: []string{}, Conflicts: []string{"dir"}},
	}}
	if diff := cmp.Diff(want, res.Combination); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSuccessesCombineInDependencyOrder(t *testing.T) {
	w := newWorld()
	w.collect = eachPatches
	w.judge = func(ev task.Evidence) task.Verdict {
		if ev.Spec.ID == "bad" {
			return task.Verdict{Status: task.Failed, Failure: &task.Failure{Kind: task.FailRule}}
		}
		return usually(ev)
	}
	w.conflict = func(a, b string) []string {
		if a == "bad" || b == "bad" {
			return []string{"x"}
		}
		return nil
	}
	plan := w.plan("c", "a", "b", "bad")
	after(&plan, "c", "b")
	res := must(t)(w.start(t.Context(), plan))
	if c := res.Combination; c == nil || !c.Combines || len(c.Pairs) != 3 {
		t.Fatalf("got %+v", c)
	}
	if last, want := w.merges[len(w.merges)-1], []string{"c0ffee+b", "c0ffee+b+c", "c0ffee+a"}; !slices.Equal(last, want) {
		t.Errorf("merged %q, want %q", last, want)
	}
	for _, m := range w.merges[:len(w.merges)-1] {
		if slices.Contains(m, "c0ffee+b") && slices.Contains(m, "c0ffee+b+c") {
			t.Errorf("merged %q, of which one stands on the other", m)
		}
	}
}

func TestThereIsNoCombinationOfOne(t *testing.T) {
	w := newWorld()
	w.collect = func(name string) (task.Changes, error) {
		if name == "run-a" {
			return eachPatches(name)
		}
		return task.Changes{Patch: []byte("p")}, nil // not applicable
	}
	if res := must(t)(w.start(t.Context(), w.plan("a", "b"))); res.Combination != nil || len(w.merges) > 0 {
		t.Errorf("got %+v", res.Combination)
	}
}

func TestACombinationThatBreaksIsANote(t *testing.T) {
	w := newWorld()
	w.collect = eachPatches
	w.merge = func([]string) error { return errors.New("disk full") }
	res := must(t)(w.start(t.Context(), w.plan("a", "b")))
	if res.Combination != nil || len(res.Notes) != 2 || res.Notes[1] != "Whether the patches combine is not known: merge a and b: disk full." {
		t.Errorf("got %+v, %q", res.Combination, res.Notes)
	}
	if got := statuses(res.Results); !slices.Equal(got, []task.Status{task.Success, task.Success}) {
		t.Errorf("got %v", got)
	}
}

func TestOfVeryManyPairsOnlyThoseThatShareFilesAreMerged(t *testing.T) {
	w := newWorld()
	var ids []string
	for i := range 30 {
		ids = append(ids, fmt.Sprint("t", i))
	}
	w.collect = func(name string) (task.Changes, error) {
		id := strings.TrimPrefix(name, "run-")
		if id == "t3" || id == "t7" {
			return patched("shared", id), nil
		}
		return patched(id, id), nil
	}
	res := must(t)(w.start(t.Context(), w.plan(ids...)))
	want := &task.Combination{Combines: true, Pairs: []task.Pair{
		{Tasks: []string{"t3", "t7"}, SharedFiles: []string{"shared"}, Combines: true, Conflicts: []string{}},
	}}
	if diff := cmp.Diff(want, res.Combination); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(w.merges) != 2 {
		t.Errorf("%d merges", len(w.merges))
	}
	if note := res.Notes[len(res.Notes)-1]; note != "434 pairs of tasks that change no file in common were not merged to see whether they combine." {
		t.Errorf("the note is %q", note)
	}
}

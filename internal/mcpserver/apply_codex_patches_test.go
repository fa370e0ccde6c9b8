package mcpserver_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/golden"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/mcpserver"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func TestApplyArrivesAndAConflictIsANormalResult(t *testing.T) {
	e := newEngine(quick)
	var asked []task.ApplyRequest
	e.apply = func(repo string, req task.ApplyRequest) (task.ApplyResult, error) {
		asked = append(asked, req)
		if repo != "/cwd" {
			t.Errorf("in %s", repo)
		}
		return task.ApplyResult{
			RunID: req.RunID, DryRun: req.DryRun, Target: task.ApplyBranch, Branch: "codex/r", Start: "aaaa", Head: "aaaa",
			Tasks:     []task.AppliedTask{{TaskID: "a", Commit: "bbbb", FilesChanged: []string{"x.go"}}, {TaskID: "b", Merged: true, Conflicts: []string{"y.go"}}},
			Conflicts: []string{"y.go"}, Notes: []string{"Apply a alone, or let Codex do b again after it."},
		}, nil
	}
	w := connectTo(t, e, mcpserver.Options{}, nil)
	got, r := ask[task.ApplyResult](t, w, "1", "apply_codex_patches",
		`{"run_id":"r","tasks":["b","a"],"target":"branch","branch":"x/y","accept_unsuccessful":["b"],"dry_run":true}`)
	if got.Applied || !cmp.Equal(got.Conflicts, []string{"y.go"}) || !strings.Contains(r.text(), "conflict: y.go") {
		t.Errorf("got %+v", got)
	}
	_, r = ask[task.ApplyResult](t, w, "2", "apply_codex_patches", `{"run_id":"r"}`)
	golden.Check(t, "apply.txt", r.text())
	if diff := cmp.Diff([]task.ApplyRequest{
		{RunID: "r", Tasks: []string{"b", "a"}, Target: task.ApplyBranch, Branch: "x/y", AcceptUnsuccessful: []string{"b"}, DryRun: true},
		{RunID: "r"},
	}, asked); diff != "" {
		t.Error(diff)
	}
	e.apply = func(string, task.ApplyRequest) (task.ApplyResult, error) {
		return task.ApplyResult{}, &task.Refusal{What: "The task b is no success.", Mend: "Name it in accept_unsuccessful."}
	}
	if text := refused(t, w, "3", "apply_codex_patches", `{"run_id":"r"}`); text != "The task b is no success. Name it in accept_unsuccessful." {
		t.Error(text)
	}
}

func TestAnApplyThatCannotBeMeantIsRefused(t *testing.T) {
	e := newEngine(quick)
	e.apply = func(_ string, req task.ApplyRequest) (task.ApplyResult, error) {
		return task.ApplyResult{RunID: req.RunID, Target: task.ApplyCheckout}, nil
	}
	w := connectTo(t, e, mcpserver.Options{}, nil)
	for arguments, want := range map[string]string{
		`{"run_id":"r","target":"checkout","branch":"x"}`: "branch: is of use with target branch only",
		`{"run_id":"r","tasks":[]}`:                       "tasks: is a list of 0; it must be a list of 1 to 50 of strings",
		`{"run_id":"r "}`:                                 `run_id: is the string "r "; it must`,
	} {
		if text := refused(t, w, "1", "apply_codex_patches", arguments); !strings.Contains(text, want) {
			t.Errorf("%s: %s", arguments, text)
		}
	}
	ask[task.ApplyResult](t, w, "2", "apply_codex_patches", `{"run_id":"r","target":"checkout","branch":""}`)
	ask[task.ApplyResult](t, w, "3", "apply_codex_patches", `{"run_id":"r","target":"checkout"}`)
}

func TestALongApplyIsCutAndKeepsEveryTask(t *testing.T) {
	long := make([]string, 3000)
	for i := range long {
		long[i] = fmt.Sprintf("dir\x01\"/%0200d", i)
	}
	in := task.ApplyResult{RunID: "r", Target: task.ApplyBranch, Conflicts: long, Notes: long}
	for i := range 50 {
		in.Tasks = append(in.Tasks, task.AppliedTask{TaskID: fmt.Sprintf("%064d", i), Commit: strings.Repeat("a", 64), FilesChanged: long, Conflicts: long})
	}
	r := mcpserver.ApplyResult(in)
	got, ok := r.StructuredContent.(task.ApplyResult)
	text := textOf(r)
	if a, b := mcpserver.Width(jsonOf(t, got)), mcpserver.Width(text); !ok || max(a, b) > mcpserver.MaxResult {
		t.Errorf("%d and %d characters", a, b)
	}
	if len(got.Tasks) != 50 || len(got.Conflicts) == 0 || !strings.Contains(got.Notes[len(got.Notes)-1], "cut") || len(in.Tasks[0].FilesChanged) != 3000 {
		t.Errorf("%d tasks, %d conflicts, %q", len(got.Tasks), len(got.Conflicts), got.Notes)
	}
}

// Both forms of the smaller results hold every fact, too.
func TestEveryFactOfTheOtherResults(t *testing.T) {
	check := func(name string, v any, tell func() *mcp.CallToolResult, flags ...*bool) {
		facts := map[string]string{}
		n := 0
		fill(reflect.ValueOf(v).Elem(), "", &n, func(place, value string) { facts[place] = value })
		text := func() string { return textOf(tell()) }
		before := text()
		for place, value := range facts {
			if !strings.Contains(before, value) {
				t.Errorf("%s: %s = %s is not in the text", name, place, value)
			}
			if !strings.Contains(jsonOf(t, tell().StructuredContent), value) {
				t.Errorf("%s: %s = %s is not in the structured content", name, place, value)
			}
		}
		for i, flag := range flags {
			*flag = true
			if text() == before {
				t.Errorf("%s: flag %d is not in the text", name, i)
			}
			*flag = false
		}
	}
	list := &mcpserver.RunList{}
	check("list", list, func() *mcp.CallToolResult { return mcpserver.ListResult(*list) })
	apply := &task.ApplyResult{Tasks: make([]task.AppliedTask, 2)}
	check("apply", apply, func() *mcp.CallToolResult { return mcpserver.ApplyResult(*apply) }, &apply.Applied, &apply.DryRun)
	setup := &task.Setup{}
	check("setup", setup, func() *mcp.CallToolResult { return mcpserver.SetupResult(*setup) }, &setup.Ready)
	page := &task.Page{}
	check("page", page, func() *mcp.CallToolResult { r, _ := mcpserver.PageResult(*page); return r }, &page.More)
}

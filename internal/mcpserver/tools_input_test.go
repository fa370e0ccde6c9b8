package mcpserver_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/mcpserver"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func TestProblemsOfTheOtherToolsAreSaid(t *testing.T) {
	w := connectTo(t, newEngine(quick), mcpserver.Options{}, nil) // whose other parts refuse to be called
	for _, tc := range []struct{ tool, arguments, want string }{
		{"wait_codex_run", `{}`, `run_id: is missing; it must be a string that matches`},
		{"wait_codex_run", `{"run_id":""}`, `run_id: is an empty string`},
		{"wait_codex_run", `{"run_id":".."}`, `run_id: is the string ".."; it must hold something else than dots.`},
		{"wait_codex_run", `{"run_id":"a/b"}`, `run_id: is the string "a/b"`},
		{"wait_codex_run", `{"run_id":"r","wait_seconds":3601}`, `wait_seconds: is 3601; it must be an integer from 0 to 3600.`},
		{"wait_codex_run", `{"run_id":"r","wait_seconds":-1}`, `wait_seconds: is -1;`},
		{"wait_codex_run", `{"run_id":"r","timeout":5}`, `timeout: is not a known field; Known here: run_id, wait_seconds.`},
		{"get_codex_run", `{"run_id":"r","task_id":"."}`, `task_id: is the string "."; it must hold something else than dots.`},
		{"get_codex_run", `{"run_id":"r","section":"secrets"}`, `section: is the string "secrets"; it must be "result" or "report" or "events"`},
		{"get_codex_run", `{"run_id":"r","cursor":5,"limit":500}`, `cursor: is of use with section only`},
		{"get_codex_run", `{"run_id":"r","section":"patch","cursor":-1}`, `cursor: is -1;`},
		{"get_codex_run", `{"run_id":"r","section":"patch","limit":1e9}`, `limit: is 1000000000; it must be an integer from 100 to 30000.`},
		{"get_codex_run", `{"run":"r"}`, `run: is not a known field; did you mean run_id?`},
		{"list_codex_runs", `{"limit":0}`, `limit: is 0; it must be an integer from 1 to 200.`},
		{"list_codex_runs", `{"run_id":"r"}`, `run_id: is not a known field;`},
		{"cancel_codex_run", `{"runId":"r"}`, `runId: is not a known field; did you mean run_id?`},
		{"apply_codex_patches", `{"run_id":"r","target":"main"}`, `target: is the string "main"; it must be "branch" or "checkout".`},
		{"apply_codex_patches", `{"run_id":"r","tasks":["a b"]}`, `tasks[0]: is the string "a b";`},
		{"apply_codex_patches", `{"run_id":"r","dryrun":true}`, `dryrun: is not a known field; did you mean dry_run?`},
		{"check_codex_setup", `{"verbose":true}`, `verbose: is not a known field;`},
		{"review_plan_with_codex", `{"plan_text":"p","wait_seconds":"5"}`, `wait_seconds: is the string "5";`},
		{"run_codex_tasks", `{"tasks":[{"task_id":"a","prompt":"p","depends_on":"b"}]}`, `tasks[0].depends_on: is the string "b"; it must be a list of strings.`},
		{"run_codex_tasks", `{"tasks":[{"task_id":"a","prompt":"p","attempts":6}]}`, `tasks[0].attempts: is 6; it must be an integer from 1 to 5.`},
		{"run_codex_tasks", `{"tasks":[{"task_id":"a","prompt":"p","verify_commands":[" "]}]}`, `tasks[0].verify_commands[0]: is the string " "; it must be a string that is not blank.`},
	} {
		if text := refused(t, w, "1", tc.tool, tc.arguments); !strings.Contains(text, "- "+tc.want) {
			t.Errorf("%s %s\ngot  %s\nwant %s", tc.tool, tc.arguments, text, tc.want)
		}
	}
}

func TestTheNewFieldsArrive(t *testing.T) {
	try := trier(t)
	got, text := try(`{"wait_seconds":5,"tasks":[{"task_id":"a","prompt":"p"},` +
		`{"task_id":"b","prompt":"p","depends_on":["a"],"verify_commands":["npm test"],"image":"node:24","model":"m","attempts":3}]}`)
	if got == nil {
		t.Fatal(text)
	}
	b := got.Tasks[1]
	if *got.WaitSeconds != 5 || !slices.Equal(b.DependsOn, []string{"a"}) || !slices.Equal(b.VerifyCommands, []string{"npm test"}) ||
		b.Image != "node:24" || b.Model != "m" || *b.Attempts != 3 {
		t.Errorf("got %+v", got)
	}
	// A cycle is the backend's to refuse: only it can name all of it.
	if got, text = try(`{"tasks":[{"task_id":"a","prompt":"p","depends_on":["b","x"]},{"task_id":"b","prompt":"p","depends_on":["a"]}]}`); got == nil {
		t.Error(text)
	}
}

// A name that could leave its directory reaches no backend, whatever a client
// sends to whichever tool, and every call has an answer that fits.
func FuzzArgumentsOfAnyTool(f *testing.F) {
	names := []string{"wait_codex_run", "get_codex_run", "list_codex_runs", "cancel_codex_run", "apply_codex_patches", "check_codex_setup", "review_plan_with_codex"}
	f.Add(byte(0), `{"run_id":"r","wait_seconds":1e0}`)
	f.Add(byte(1), `{"run_id":"r","task_id":"a","section":"patch","cursor":5,"limit":1000.0}`)
	f.Add(byte(2), `{"limit":3}`)
	f.Add(byte(3), `{"run_id":"..","task_id":"a"}`)
	f.Add(byte(4), `{"run_id":"r","tasks":["a"],"target":"branch","dry_run":true}`)
	f.Add(byte(5), `{}`)
	f.Add(byte(6), `{"plan_text":"p","wait_seconds":0}`)
	var wrong []string
	safe := func(ids ...string) {
		for _, id := range ids {
			if strings.ContainsAny(id, "/\\\x00\n") || id == "." || id == ".." || len(id) > 64 {
				wrong = append(wrong, "id "+id)
			}
		}
	}
	e := newEngine(quick)
	e.review = func(context.Context, string, task.ReviewRequest) (task.RunResult, error) {
		return task.RunResult{Review: &task.ReviewReport{}}, nil
	}
	e.list = func(string) ([]task.RunSummary, error) { return summaries(3, "a"), nil }
	e.page = func(_ string, req task.PageRequest) (task.Page, error) {
		if safe(req.RunID, req.TaskID); req.Cursor < 0 || req.Limit < 100 || req.Limit > 30_000 {
			wrong = append(wrong, fmt.Sprintf("%+v", req))
		}
		return task.Page{}, nil
	}
	e.apply = func(_ string, req task.ApplyRequest) (task.ApplyResult, error) {
		if safe(req.RunID); req.Target != "" && req.Target != task.ApplyBranch && req.Target != task.ApplyCheckout {
			wrong = append(wrong, fmt.Sprintf("%+v", req))
		}
		return task.ApplyResult{}, nil
	}
	e.checkSetup = func(string) (task.Setup, error) { return task.Setup{}, nil }
	s := newServer(f, checkedIDs{e, safe})
	f.Fuzz(func(t *testing.T, which byte, arguments string) {
		if !json.Valid([]byte(arguments)) || !strings.HasPrefix(strings.TrimSpace(arguments), "{") || strings.ContainsAny(arguments, "\r\n") {
			return
		}
		wrong = nil
		w := serve(t, s)
		w.send(callTool("1", names[int(which)%len(names)], arguments))
		m, _ := w.answer("1")
		r := m.call(t)
		if n := mcpserver.Width(r.text()); n == 0 || n > mcpserver.MaxResult || r.IsError == (r.Raw != nil) {
			t.Errorf("got %s", m)
		}
		if w.close(); len(wrong) > 0 {
			t.Errorf("the backend got %q", wrong)
		}
	})
}

// checkedIDs looks at the ids that a run is asked for by.
type checkedIDs struct {
	*engine
	safe func(...string)
}

func (c checkedIDs) Wait(ctx context.Context, repo, runID string, progress func(task.Progress)) (task.RunResult, error) {
	c.safe(runID)
	return c.engine.Wait(ctx, repo, runID, progress)
}

func (c checkedIDs) Cancel(ctx context.Context, repo, runID, taskID string, cause error) error {
	c.safe(runID, taskID)
	return c.engine.Cancel(ctx, repo, runID, taskID, cause)
}

package mcpserver_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/golden"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/mcpserver"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// ask calls a tool, checks that its result keeps to the tool's schema, and
// decodes it.
func ask[T any](t *testing.T, w *wire, id, tool, arguments string) (T, callResult) {
	t.Helper()
	w.send(callTool(id, tool, arguments))
	m, _ := w.answer(id)
	r := m.call(t)
	if r.IsError {
		t.Fatalf("%s %s: %s", tool, arguments, r.text())
	}
	if err := validator(t, tool)(r.Raw); err != nil {
		t.Errorf("%s: %v", tool, err)
	}
	var out T
	if err := json.Unmarshal(r.Raw, &out); err != nil {
		t.Fatal(err)
	}
	return out, r
}

// refused calls a tool and returns the text of its error.
func refused(t *testing.T, w *wire, id, tool, arguments string) string {
	t.Helper()
	w.send(callTool(id, tool, arguments))
	m, _ := w.answer(id)
	var r struct {
		IsError           bool
		StructuredContent any
		Content           []struct{ Text string }
	}
	if err := json.Unmarshal(m.Result, &r); err != nil || !r.IsError || r.StructuredContent != nil || len(r.Content) != 1 {
		t.Fatalf("%s %s: want an error, got %s", tool, arguments, m)
	}
	return r.Content[0].Text
}

func TestLookingAtARunDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(lasting(time.Hour))
		w := connectTo(t, e, mcpserver.Options{}, nil)
		w.send(runs("1", "r", `,"wait_seconds":0`))
		w.answer("1")
		time.Sleep(time.Minute)
		before := time.Now()
		got, r := ask[mcpserver.GetResult](t, w, "2", "get_codex_run", `{"run_id":"r"}`)
		if got.Page != nil || got.Run.Status != task.RunRunning || len(got.Run.Progress) != 2 || got.Run.Next == "" || !strings.Contains(r.text(), "wait_codex_run") {
			t.Errorf("got %+v", got)
		}
		got, _ = ask[mcpserver.GetResult](t, w, "3", "get_codex_run", `{"run_id":"r","task_id":"b"}`)
		if len(got.Run.Progress) != 1 || got.Run.Progress[0].ID != "b" {
			t.Errorf("got %+v", got.Run)
		}
		if text := refused(t, w, "4", "get_codex_run", `{"run_id":"r","task_id":"c"}`); text != `task_id: The run "r" has no task "c". It has a, b.` {
			t.Errorf("got %s", text)
		}
		if text := refused(t, w, "5", "get_codex_run", `{"run_id":"x"}`); !strings.Contains(text, "The runs are: r.") {
			t.Errorf("got %s", text)
		}
		if time.Since(before) != 0 || len(e.logged()) > 0 {
			t.Errorf("it took %v and did %q", time.Since(before), e.logged())
		}
		time.Sleep(time.Hour)
		got, _ = ask[mcpserver.GetResult](t, w, "6", "get_codex_run", `{"run_id":"r","task_id":"a"}`)
		if got.Run.Status != task.RunDone || len(got.Run.Results) != 1 || got.Run.Results[0].TaskID != "a" || got.Run.Next != "" {
			t.Errorf("got %+v", got.Run)
		}
		w.close()
	})
}

func TestPagesArriveAsAskedFor(t *testing.T) {
	e := newEngine(quick)
	var asked []task.PageRequest
	e.page = func(_ string, req task.PageRequest) (task.Page, error) {
		asked = append(asked, req)
		return task.Page{
			RunID: req.RunID, TaskID: req.TaskID, Section: req.Section, Text: "a\n## b: success\r\nc", Next: req.Cursor + 20, Total: 99, More: true, Path: "/j/r/t/task.patch",
		}, nil
	}
	w := connectTo(t, e, mcpserver.Options{}, nil)
	got, r := ask[mcpserver.GetResult](t, w, "1", "get_codex_run", `{"run_id":"r","task_id":"t","section":"patch","cursor":9007199254740991,"limit":100}`)
	want := task.Page{RunID: "r", TaskID: "t", Section: task.SectionPatch, Text: "a\n## b: success\r\nc", Next: 1<<53 + 19, Total: 99, More: true, Path: "/j/r/t/task.patch"}
	if diff := cmp.Diff(&want, got.Page); diff != "" || got.Run != nil {
		t.Error(diff)
	}
	golden.Check(t, "page.txt", r.text())
	ask[mcpserver.GetResult](t, w, "2", "get_codex_run", `{"run_id":"r","section":"events"}`)
	if diff := cmp.Diff([]task.PageRequest{
		{RunID: "r", TaskID: "t", Section: task.SectionPatch, Cursor: 1<<53 - 1, Limit: 100},
		{RunID: "r", Section: task.SectionEvents, Limit: 20_000},
	}, asked); diff != "" {
		t.Error(diff)
	}
	e.page = func(string, task.PageRequest) (task.Page, error) {
		return task.Page{}, &task.Refusal{Where: "section", What: "The task has no rollout.", Mend: "Set codex_ephemeral to false."}
	}
	if text := refused(t, w, "3", "get_codex_run", `{"run_id":"r","task_id":"t","section":"rollout"}`); !strings.Contains(text, "codex_ephemeral") {
		t.Error(text)
	}
}

// pagesOf serves pages of a text as the journal does: limit counts its bytes,
// and what is not UTF-8 is replaced.
func pagesOf(text string) func(string, task.PageRequest) (task.Page, error) {
	return func(_ string, req task.PageRequest) (task.Page, error) {
		from := min(int(req.Cursor), len(text))
		to := min(from+req.Limit, len(text))
		return task.Page{
			RunID: req.RunID, TaskID: req.TaskID, Section: req.Section, Text: strings.ToValidUTF8(text[from:to], "\uFFFD"),
			Next: int64(to), Total: int64(len(text)), More: to < len(text), Path: "/" + strings.Repeat("p\x01", 2000),
		}, nil
	}
}

// However a text grows when it is written as JSON, all of it can be read, page by
// page, and each page fits.
func TestPagesFitAndNothingIsLost(t *testing.T) {
	for name, unit := range map[string]string{
		"plain": "word ", "control": "\x01", "line breaks": "\n", "quotes": "\"\\", "wide": "語", "astral": "😀", "mixed": "a\x02\n\u2028😀",
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Repeat(unit, 45_000/len(unit)) // more than one page
			e := newEngine(quick)
			e.page = pagesOf(text)
			w := connectTo(t, e, mcpserver.Options{}, nil)
			var read strings.Builder
			for cursor, pages := int64(0), 0; ; pages++ {
				w.send(callTool("1", "get_codex_run", fmt.Sprintf(`{"run_id":"r","task_id":"t","section":"stdout","cursor":%d,"limit":30000}`, cursor)))
				m, _ := w.answer("1")
				var r struct {
					StructuredContent mcpserver.GetResult
					Content           []struct{ Text string }
				}
				if err := json.Unmarshal(m.Result, &r); err != nil {
					t.Fatal(err)
				}
				if n := mcpserver.Width(r.Content[0].Text); n > mcpserver.MaxResult {
					t.Fatalf("the text of a page has %d characters", n)
				}
				p := r.StructuredContent.Page
				if n := mcpserver.Width(jsonOf(t, r.StructuredContent)); n > mcpserver.MaxResult {
					t.Fatalf("a page has %d characters", n)
				}
				if p.Next <= cursor || pages > 500 {
					t.Fatalf("no way on from %d", cursor)
				}
				read.WriteString(p.Text)
				if cursor = p.Next; !p.More {
					break
				}
			}
			// A page may end inside a character, which is then replaced on both sides.
			if got := read.String(); got != text && !strings.Contains(got, "\uFFFD") || len(got) < len(text) {
				t.Errorf("%d bytes of %d were read, or others", len(got), len(text))
			}
		})
	}
}

func textOf(r *mcp.CallToolResult) string {
	text, _ := r.Content[0].(mcp.TextContent)
	return text.Text
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}

// A backend that gives more than it was asked for is cut, visibly.
func TestAPageBeyondItsLimitIsCut(t *testing.T) {
	e := newEngine(quick)
	e.page = func(string, task.PageRequest) (task.Page, error) {
		return task.Page{RunID: "r", Section: task.SectionEvents, Text: strings.Repeat("\x01", 1_000_000)}, nil
	}
	w := connectTo(t, e, mcpserver.Options{}, nil)
	got, r := ask[mcpserver.GetResult](t, w, "1", "get_codex_run", `{"run_id":"r","section":"events"}`)
	if !strings.HasSuffix(got.Page.Text, "[cut here; 1000000 bytes in all]") || mcpserver.Width(jsonOf(t, got)) > mcpserver.MaxResult || mcpserver.Width(r.text()) > mcpserver.MaxResult {
		t.Errorf("%d characters", len(got.Page.Text))
	}
}

func summaries(n int, ids ...string) []task.RunSummary {
	all := make([]task.RunSummary, n)
	for i := range all {
		all[i] = task.RunSummary{
			RunID: fmt.Sprintf("20261122-%04d", n-i), Status: task.RunDone, CreatedAt: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC),
			Tasks: len(ids), Done: len(ids), Succeeded: 1, TaskIDs: ids, BaseCommit: strings.Repeat("a", 40), JournalPath: "/j/" + fmt.Sprint(n-i),
		}
	}
	return all
}

func TestRunsAreListedNewestFirst(t *testing.T) {
	e := newEngine(quick)
	e.list = func(repo string) ([]task.RunSummary, error) {
		if repo != "/cwd" {
			t.Errorf("in %s", repo)
		}
		all := summaries(25, "api", "docs")
		all[0].Status, all[0].Done, all[1].Status = task.RunRunning, 1, task.RunLost
		return all, nil
	}
	w := connectTo(t, e, mcpserver.Options{}, nil)
	got, _ := ask[mcpserver.RunList](t, w, "1", "list_codex_runs", `{}`)
	if len(got.Runs) != 20 || got.Total != 25 || got.Runs[0].RunID != "20261122-0025" || len(got.Truncated) > 0 {
		t.Errorf("got %+v", got)
	}
	got, r := ask[mcpserver.RunList](t, w, "2", "list_codex_runs", `{"limit":2}`)
	if len(got.Runs) != 2 {
		t.Errorf("got %+v", got)
	}
	golden.Check(t, "list.txt", r.text())
	e.list = func(string) ([]task.RunSummary, error) { return nil, nil }
	if got, r := ask[mcpserver.RunList](t, w, "3", "list_codex_runs", `{"limit":200}`); got.Runs == nil || !strings.HasPrefix(r.text(), "0 of 0 runs") {
		t.Errorf("got %+v %s", got, r.text())
	}
}

func TestALongListIsCutFromItsEnd(t *testing.T) {
	ids := make([]string, 50)
	for i := range ids {
		ids[i] = fmt.Sprintf("%064d", i)
	}
	for name, runs := range map[string][]task.RunSummary{"many tasks": summaries(200, ids...), "few": summaries(3, ids[:4]...)} {
		if name == "many tasks" {
			for i := range runs {
				runs[i].JournalPath = "/" + strings.Repeat("p", 4000)
			}
		}
		r := mcpserver.ListResult(mcpserver.RunList{Runs: runs, Total: len(runs)})
		got, ok := r.StructuredContent.(mcpserver.RunList)
		if !ok || len(got.Runs) == 0 || got.Runs[0].RunID != runs[0].RunID || got.Total != len(runs) {
			t.Fatalf("%s: got %+v", name, got)
		}
		if cut := len(got.Runs) < len(runs); cut != (name == "many tasks") || cut != (len(got.Truncated) == 2) {
			t.Errorf("%s: %d runs, truncated %q", name, len(got.Runs), got.Truncated)
		}
		text := textOf(r)
		if a, b := mcpserver.Width(jsonOf(t, got)), mcpserver.Width(text); max(a, b) > mcpserver.MaxResult {
			t.Errorf("%s: %d and %d characters", name, a, b)
		}
	}
}

func TestSetupIsANormalResultWhateverIsMissing(t *testing.T) {
	e := newEngine(quick)
	e.checkSetup = func(string) (task.Setup, error) {
		return task.Setup{Checks: []task.SetupCheck{
			{Name: "engine", OK: true, Detail: "Docker 20.10.24"},
			{Name: "login", Detail: "There is no login for the model API.", Mend: "Set OPENAI_API_KEY, or run codex login."},
		}}, nil
	}
	w := connectTo(t, e, mcpserver.Options{}, nil)
	got, r := ask[task.Setup](t, w, "1", "check_codex_setup", `{}`)
	if got.Ready || len(got.Checks) != 2 {
		t.Errorf("got %+v", got)
	}
	golden.Check(t, "setup.txt", r.text())
}

package mcpserver_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/mcpserver"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// declared is what a client of the 2026-07-28 era says that takes tasks.
const declared = modernMeta + `{"extensions":{"io.modelcontextprotocol/tasks":{}}}`

// mcpTask is a task as a client sees it.
type mcpTask struct {
	ResultType, TaskID, Status, StatusMessage string
	CreatedAt, LastUpdatedAt                  time.Time
	TTLMs                                     *int64
	PollIntervalMs                            int
	Result                                    json.RawMessage
	Meta                                      map[string]json.RawMessage `json:"_meta"`
}

func (m message) task(t testing.TB) (got mcpTask) {
	t.Helper()
	raw := m.Result
	if m.Method != "" {
		raw = m.Params
	}
	if err := json.Unmarshal(raw, &got); err != nil || m.Error != nil || got.TaskID == "" {
		t.Fatalf("no task: %s", m)
	}
	if !strings.Contains(string(raw), `"ttlMs":null`) || got.PollIntervalMs != 2000 || got.CreatedAt.IsZero() || got.LastUpdatedAt.Before(got.CreatedAt) {
		t.Errorf("not all that a task needs: %s", m)
	}
	return got
}

// runAs is a call of run_codex_tasks, with progress asked for.
func runAs(id, meta, runID, more string) string {
	return callWith(id, `"progressToken":`+id+`,`+meta, `{"run_id":"`+runID+`","tasks":[{"task_id":"a","prompt":"p"},{"task_id":"b","prompt":"p"}]`+more+`}`)
}

func onTask(id, method, taskID, more string) string {
	return request(id, method, `{"taskId":"`+taskID+`","_meta":{`+declared+`}`+more+`}`)
}

func (w *wire) getTask(id, taskID string) mcpTask {
	w.t.Helper()
	w.send(onTask(id, "tasks/get", taskID, ""))
	m, _ := w.answer(id)
	got := m.task(w.t)
	if got.ResultType != "complete" || got.TaskID != taskID || got.Meta["io.modelcontextprotocol/serverInfo"] == nil {
		w.t.Errorf("got %s", m)
	}
	return got
}

func TestATaskFromItsCallToItsResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		w := connect(t, lasting(50*time.Minute), mcpserver.Options{}, nil)
		w.send(runAs("1", declared, "r", ""))
		m, before := w.answer("1")
		made := m.task(t)
		if made.ResultType != "task" || made.TaskID != "r" || made.Status != "working" || made.Result != nil || len(before) > 0 || time.Since(began) > 0 {
			t.Errorf("after %v: %s", time.Since(began), m)
		}
		time.Sleep(90*time.Second + 500*time.Millisecond)
		got := w.getTask("2", "r")
		if got.Status != "working" || got.Result != nil || !strings.HasPrefix(got.StatusMessage, "0/2 done · a: step 90") {
			t.Errorf("got %+v", got)
		}
		if !got.CreatedAt.Equal(made.CreatedAt) || got.LastUpdatedAt.Sub(got.CreatedAt) != 90*time.Second+500*time.Millisecond {
			t.Errorf("from %v to %v", got.CreatedAt, got.LastUpdatedAt)
		}
		time.Sleep(time.Hour)
		got = w.getTask("3", "r")
		if got.Status != "completed" || got.StatusMessage != "Run r: done, 2 tasks, 2 success in 0 ms" {
			t.Errorf("got %+v", got)
		}
		w.close()
		if rest := w.rest(); len(rest) > 0 {
			t.Errorf("a task has no progress: %v", rest)
		}

		// The result is that of a client that waits.
		w = connect(t, lasting(50*time.Minute), mcpserver.Options{}, nil)
		w.send(runAs("1", modernMeta+"{}", "r", ""))
		m, before = w.answer("1")
		if diff := cmp.Diff(string(m.Result), string(got.Result)); diff != "" || len(notes(t, before)) == 0 {
			t.Errorf("the inlined result (-plain +task):\n%s", diff)
		}
		w.close()
	})
}

func TestWhoGetsATask(t *testing.T) {
	const two = `"tasks":[{"task_id":"a","prompt":"p"},{"task_id":"b","prompt":"p"}]`
	for _, tc := range []struct {
		name, meta, arguments string
		want                  string // in the answer
	}{
		{"declared", declared, `{` + two + `}`, `"resultType":"task"`},
		{"with settings, too", modernMeta + `{"extensions":{"io.modelcontextprotocol/tasks":{"x":1}}}`, `{` + two + `}`, `"resultType":"task"`},
		{"undeclared", modernMeta + `{}`, `{` + two + `}`, `"resultType":"complete"`},
		{"another extension", modernMeta + `{"extensions":{"io.modelcontextprotocol/ui":{}}}`, `{` + two + `}`, `"resultType":"complete"`},
		{"declared as null", modernMeta + `{"extensions":{"io.modelcontextprotocol/tasks":null}}`, `{` + two + `}`, `"resultType":"complete"`},
		{"declared as true", modernMeta + `{"extensions":{"io.modelcontextprotocol/tasks":true}}`, `{` + two + `}`, `"resultType":"complete"`},
		{"who wants to wait", declared, `{"wait_seconds":3600,` + two + `}`, `"status":"done"`},
		{"who does not wait", declared, `{"wait_seconds":0,` + two + `}`, `wait_codex_run`},
		{"bad arguments", declared, `{"tasks":[]}`, `"isError":true`},
		{"refused", declared, `{"run_id":"refused",` + two + `}`, `Not this one.`},
		{"done at once", declared, `{"dry_run":true,` + two + `}`, `"status":"done"`},
		{"an era without tasks", `"x":1`, `{` + two + `}`, `"status":"done"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEngine(func(ctx context.Context, repo string, req task.Request, progress func(task.Progress)) (task.RunResult, error) {
					switch {
					case req.RunID == "refused":
						return task.RunResult{}, &task.Refusal{What: "Not this one.", Mend: "Take another."}
					case req.DryRun:
						return quick(ctx, repo, req, progress)
					}
					return lasting(time.Second*30)(ctx, repo, req, progress)
				})
				w := connectTo(t, ready{e}, mcpserver.Options{}, nil)
				// What initialize says counts for its own era only, and there not at all.
				w.send(initialize("2025-11-25", `{"extensions":{"io.modelcontextprotocol/tasks":{}}}`), callWith("1", tc.meta, tc.arguments))
				w.answer(`"init"`)
				m, _ := w.answer("1")
				if isTask := strings.Contains(m.raw, `"resultType":"task"`); !strings.Contains(m.raw, tc.want) || isTask != strings.Contains(tc.want, "task") {
					t.Errorf("got %s", m)
				}
				w.close()
			})
		})
	}
}

// ready lets what is over at once be over when it is asked for.
type ready struct{ *engine }

func (r ready) StartTasks(ctx context.Context, repo string, req task.Request) (string, error) {
	id, err := r.engine.StartTasks(ctx, repo, req)
	synctest.Wait()
	return id, err
}

func TestAReviewAsATask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(nil)
		e.review = func(ctx context.Context, _ string, req task.ReviewRequest) (task.RunResult, error) {
			select {
			case <-time.After(time.Minute):
			case <-ctx.Done():
			}
			if req.PlanText == "bad" {
				return task.RunResult{RunID: "run-2", Results: []task.Result{{Status: task.Failed, Failure: &task.Failure{Kind: task.FailAuth, Message: "No login.", Hint: "Log in."}}}}, nil
			}
			return task.RunResult{RunID: "run-1", Review: &task.ReviewReport{RiskFlags: []string{"Task 1 drops a table."}}}, nil
		}
		w := connectTo(t, e, mcpserver.Options{}, nil)
		for id, plan := range []string{"good", "bad"} {
			w.send(request(fmt.Sprint(id), "tools/call", `{"name":"review_plan_with_codex","_meta":{`+declared+`},"arguments":{"plan_text":"`+plan+`"}}`))
			m, _ := w.answer(fmt.Sprint(id))
			if got := m.task(t); got.ResultType != "task" || got.TaskID != fmt.Sprintf("run-%d", id+1) {
				t.Errorf("got %s", m)
			}
		}
		time.Sleep(2 * time.Minute)
		r := message{Result: w.getTask("3", "run-1").Result}.call(t)
		if err := validator(t, "review_plan_with_codex")(r.Raw); err != nil || !strings.Contains(r.text(), "- Task 1 drops a table.") {
			t.Errorf("got %s: %v", r.Raw, err)
		}
		got := w.getTask("4", "run-2")
		if r := (message{Result: got.Result}).call(t); got.Status != "completed" || !r.IsError || !strings.Contains(r.text(), "No login.") {
			t.Errorf("an error of the tool is a result: %+v", got)
		}
		w.close()
	})
}

// What a run came to, and what its task is then.
func TestEndsOfATask(t *testing.T) {
	failed := func(kind task.FailureKind) task.Result {
		return task.Result{TaskID: "a", Status: task.Failed, Failure: &task.Failure{Kind: kind, Message: "It was " + string(kind) + "."}}
	}
	skipped := task.Result{TaskID: "b", Status: task.Skipped}
	for _, tc := range []struct {
		name    string
		results []task.Result
		err     error
		want    string
		says    string // in the task
	}{
		{"failed tasks", []task.Result{failed(task.FailVerify)}, nil, "completed", `"isError":false`},
		{"one of two cancelled", []task.Result{failed(task.FailCancelled), {TaskID: "b", Status: task.Success}}, nil, "completed", "It was cancelled."},
		{"one failed before the cancel", []task.Result{failed(task.FailVerify), failed(task.FailCancelled)}, nil, "completed", "It was cancelled."},
		{"all cancelled", []task.Result{failed(task.FailCancelled), skipped}, nil, "cancelled", "It was cancelled."},
		{"all skipped", []task.Result{skipped}, nil, "completed", "skipped"},
		{"our fault", nil, errors.New("disk full"), "completed", "internal error: disk full"},
		{"refused late", nil, &task.Refusal{What: "There is no image."}, "completed", "There is no image."},
		{"cancelled early", nil, fmt.Errorf("start: %w", mcpserver.ErrTaskCancelled), "cancelled", "cancelled"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := connect(t, func(context.Context, string, task.Request, func(task.Progress)) (task.RunResult, error) {
					time.Sleep(time.Minute)
					return task.RunResult{RunID: "r", Results: tc.results}, tc.err
				}, mcpserver.Options{}, nil)
				w.send(runAs("1", declared, "r", ""))
				w.answer("1")
				time.Sleep(time.Hour)
				got := w.getTask("2", "r")
				if got.Status != tc.want || !strings.Contains(got.StatusMessage+strings.ReplaceAll(string(got.Result), `"isError":false`, ""), strings.TrimSuffix(tc.says, `"isError":false`)) {
					t.Errorf("got %+v", got)
				}
				if (got.Result == nil) != (tc.want == "cancelled") {
					t.Errorf("a result of a task that is %s: %s", got.Status, got.Result)
				}
				if strings.Contains(tc.says, "isError") && strings.Contains(string(got.Result), `"isError":true`) {
					t.Errorf("failed tasks are a normal result: %s", got.Result)
				}
				w.close()
			})
		})
	}
}

func TestCancelOfATask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(lasting(time.Hour))
		w := connectTo(t, e, mcpserver.Options{}, nil)
		w.send(runAs("1", declared, "r", ""))
		w.answer("1")
		w.send(runAs("2", declared, "s", ""))
		w.answer("2")
		// Cancelling the call is of no use once it is answered.
		w.send(cancelOf("1"), request("3", "ping", "{}"))
		w.answer("3")
		if log := e.logged(); len(log) > 0 {
			t.Error(log)
		}
		for _, id := range []string{"4", "5"} { // it can be said twice
			w.send(onTask(id, "tasks/cancel", "r", ""))
			m, _ := w.answer(id)
			var ack map[string]any
			if err := json.Unmarshal(m.Result, &ack); err != nil || ack["resultType"] != "complete" || len(ack) != 2 || ack["_meta"] == nil {
				t.Errorf("got %s", m)
			}
		}
		synctest.Wait()
		if got := w.getTask("6", "r"); got.Status != "cancelled" || got.StatusMessage != "the client cancelled the task" {
			t.Errorf("got %+v", got)
		}
		if got := w.getTask("7", "s"); got.Status != "working" {
			t.Errorf("got %+v", got)
		}
		if cause := e.ended("r"); !errors.Is(cause, mcpserver.ErrTaskCancelled) {
			t.Errorf("cause: %v", cause)
		}
		w.close()
		if cause := e.ended("s"); !errors.Is(cause, mcpserver.ErrClientGone) {
			t.Errorf("a task whose client is gone: %v", cause)
		}
	})
}

func TestMethodsOfTasksAndTheirErrors(t *testing.T) {
	e := newEngine(quick)
	e.list = func(string) ([]task.RunSummary, error) { return nil, nil }
	w := connectTo(t, e, mcpserver.Options{}, nil)
	w.send(runAs("0", declared, "r", ""))
	w.answer("0")
	undeclared := `"_meta":{` + modernMeta + `{}}`
	for i, tc := range []struct {
		line, want string
	}{
		{onTask("%d", "tasks/update", "r", `,"inputResponses":{"x":{"action":"accept"}}`), `"resultType":"complete"`},
		{onTask("%d", "tasks/update", "r", `,"inputResponses":{}`), `"resultType":"complete"`},
		{onTask("%d", "tasks/update", "r", `,"inputResponses":[]`), `-32602`},
		{onTask("%d", "tasks/update", "r", ``), `-32602`},
		{onTask("%d", "tasks/get", "nope", ``), `-32602`},
		{onTask("%d", "tasks/cancel", "nope", ``), `-32602`},
		{onTask("%d", "tasks/update", "nope", `,"inputResponses":{}`), `-32602`},
		{onTask("%d", "tasks/get", "../../etc", ``), `-32602`},
		{onTask("%d", "tasks/get", "", ``), `-32602`},
		{request("%d", "tasks/get", `{"taskId":5,"_meta":{`+declared+`}}`), `-32602`},
		{request("%d", "tasks/get", `{"_meta":{`+declared+`}}`), `-32602`},
		{request("%d", "tasks/get", `{"taskId":"r",`+undeclared+`}`), `"code":-32021,"message":"this needs the client capability extensions[io.modelcontextprotocol/tasks]","data":{"requiredCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}}`},
		{request("%d", "tasks/update", `{"taskId":"r","inputResponses":{},`+undeclared+`}`), `-32021`},
		{request("%d", "tasks/cancel", `{"taskId":"r",`+undeclared+`}`), `-32021`},
		{request("%d", "tasks/get", `{"taskId":"r"}`), `-32601`},
		{request("%d", "tasks/get", `{"taskId":"r","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}`), `-32602`},
		{request("%d", "tasks/get", `{"taskId":"r","_meta":{"io.modelcontextprotocol/protocolVersion":"2099-01-01","io.modelcontextprotocol/clientCapabilities":{}}}`), `-32022`},
		{onTask("%d", "tasks/result", "r", ``), `-32601`},
		{onTask("%d", "tasks/list", "r", ``), `-32601`},
	} {
		id := fmt.Sprint(100 + i)
		w.send(fmt.Sprintf(strings.Replace(tc.line, "%d", "%[1]s", 1), id))
		if m, _ := w.answer(id); !strings.Contains(m.raw, tc.want) {
			t.Errorf("%s\n got %s\nwant %s", tc.line, m, tc.want)
		}
	}
}

// A server that was started later knows the tasks of before from the journal.
func TestTasksSurviveTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(lasting(time.Minute))
		began := time.Now()
		id, err := e.StartTasks(t.Context(), "/cwd", task.Request{RunID: "old", Tasks: []task.RequestTask{{ID: "a"}}})
		if err != nil {
			t.Fatal(err)
		}
		asked := 0
		e.list = func(repo string) ([]task.RunSummary, error) {
			asked++
			if repo != "/cwd" {
				return nil, &task.Refusal{What: repo + " is no repository."}
			}
			return []task.RunSummary{{RunID: "newer"}, {RunID: id, CreatedAt: began.Add(-time.Second)}}, nil
		}
		w := connectTo(t, e, mcpserver.Options{}, nil)
		if got := w.getTask("1", id); got.Status != "working" || !got.CreatedAt.Equal(began.Add(-time.Second)) {
			t.Errorf("got %+v", got)
		}
		time.Sleep(time.Hour)
		if got := w.getTask("2", id); got.Status != "completed" || !strings.Contains(string(got.Result), `"run_id":"old"`) || asked != 1 {
			t.Errorf("asked %d times, got %+v", asked, got)
		}
		w.close()

		w = connectTo(t, e, mcpserver.Options{Repo: "/elsewhere"}, nil)
		w.send(onTask("1", "tasks/get", id, ""))
		if m, _ := w.answer("1"); m.Error == nil || m.Error.Code != -32602 || !strings.Contains(m.raw, "/elsewhere is no repository.") {
			t.Errorf("got %s", m)
		}
		w.close()
	})
}

// The question for the roots comes before the task, and a task stays in the
// repository that it was started in.
func TestATaskKeepsItsRepository(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const meta = modernMeta + `{"roots":{},"extensions":{"io.modelcontextprotocol/tasks":{}}}`
		in := func(id, dir string) string {
			return request(id, "tools/call", `{"name":"run_codex_tasks","_meta":{`+meta+`},"arguments":{"run_id":"r","tasks":[{"task_id":"a","prompt":"p"}]},`+
				`"requestState":"roots","inputResponses":{"roots":{"roots":[{"uri":"file://`+dir+`"}]}}}`)
		}
		repos := &askedFor{engine: newEngine(lasting(time.Hour))}
		w := connectTo(t, repos, mcpserver.Options{}, nil)
		w.send(runAs("1", meta, "r", ""))
		if m, _ := w.answer("1"); m.call(t).ResultType != "input_required" {
			t.Fatal(m)
		}
		w.send(in("2", "/one"))
		if m, _ := w.answer("2"); m.task(t).ResultType != "task" {
			t.Fatal(m)
		}
		w.getTask("3", "r")
		// Another repository has a run of that name: it is no task, since tasks/get
		// could not tell the two apart.
		w.send(in("4", "/two"))
		if m, _ := w.answer("4"); m.call(t).StructuredContent.Status != task.RunRunning {
			t.Errorf("got %s", m)
		}
		w.getTask("5", "r")
		if diff := cmp.Diff([]string{"/one", "/one", "/two", "/one"}, repos.asked); diff != "" {
			t.Errorf("repositories (-want +got):\n%s", diff)
		}
		w.close()
		time.Sleep(2 * time.Hour) // the fake forgets the first run, which goes on
	})
}

// askedFor notes in which repository runs are looked for.
type askedFor struct {
	*engine
	asked []string
}

func (a *askedFor) Wait(ctx context.Context, repo, id string, progress func(task.Progress)) (task.RunResult, error) {
	a.asked = append(a.asked, repo)
	return a.engine.Wait(ctx, repo, id, progress)
}

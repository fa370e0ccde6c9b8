package mcpserver_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/mcpserver"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func listen(id, meta, ids string) string {
	return request(id, "subscriptions/listen", `{"_meta":{`+meta+`},"notifications":{"toolsListChanged":true,"taskIds":`+ids+`}}`)
}

const subscription = "io.modelcontextprotocol/subscriptionId"

func TestTasksAreToldToWhoListens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(lasting(10 * time.Second))
		e.list = func(string) ([]task.RunSummary, error) { return nil, nil }
		w := connectTo(t, e, mcpserver.Options{}, nil)
		w.send(runAs("1", declared, "r", ""))
		w.answer("1")
		w.send(listen(`"l"`, declared, `["r","nope","r","../x"]`))
		m := w.next()
		var ack struct {
			Meta          map[string]json.RawMessage `json:"_meta"`
			Notifications json.RawMessage
		}
		if err := json.Unmarshal(m.Params, &ack); err != nil || m.Method != "notifications/subscriptions/acknowledged" ||
			string(ack.Meta[subscription]) != `"l"` || string(ack.Notifications) != `{"taskIds":["r"]}` {
			t.Fatalf("got %s", m)
		}
		last, told := time.Time{}, 0
		for {
			m = w.next()
			got := m.task(t)
			if m.Method != "notifications/tasks" || got.TaskID != "r" || string(got.Meta[subscription]) != `"l"` || got.ResultType != "" {
				t.Fatalf("got %s", m)
			}
			if told++; got.Status == "completed" {
				// It is what tasks/get would say.
				want := w.getTask("2", "r")
				want.ResultType, want.Meta = "", got.Meta
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-get +told):\n%s", diff)
				}
				break
			}
			if d := time.Since(last); got.Status != "working" || d < 2*time.Second {
				t.Errorf("%v after the one before: %s", d, m)
			}
			last = time.Now()
		}
		if told < 4 || time.Since(last) > 2*time.Second {
			t.Errorf("told %d times, %v before the end", told, time.Since(last))
		}
		time.Sleep(time.Hour)
		w.send(cancelOf(`"l"`), request("3", "ping", "{}"))
		if _, before := w.answer("3"); len(before) > 0 {
			t.Errorf("a stream that was cancelled has no answer: %v", before)
		}
		w.close()
	})
}

func TestAnUnchangedTaskIsNotToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := connect(t, patient(make(chan error, 1)), mcpserver.Options{}, nil)
		w.send(runAs("1", declared, "r", ""))
		w.answer("1")
		w.send(listen("2", declared, `["r"]`))
		time.Sleep(time.Hour)
		w.close()
		var got []string
		for _, m := range w.rest() {
			got = append(got, m.Method+string(m.ID))
		}
		// The last answers the stream, which the end of the connection has closed.
		if diff := cmp.Diff([]string{"notifications/subscriptions/acknowledged", "notifications/tasks", "2"}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestListeningToNothing(t *testing.T) {
	e := newEngine(quick)
	e.list = func(string) ([]task.RunSummary, error) { return nil, nil }
	w := connectTo(t, e, mcpserver.Options{}, nil)
	many := `["x` + strings.Repeat(`","x`, 100) + `"]`
	for i, tc := range []struct{ meta, ids, before, want string }{
		{modernMeta + `{}`, `["r"]`, "", "-32021"},
		{modernMeta + `{}`, `[]`, `"notifications":{}`, `"resultType":"complete"`},
		{declared, `[]`, `"notifications":{}`, `"resultType":"complete"`},
		{declared, `["nope"]`, `"notifications":{"taskIds":[]}`, `"resultType":"complete"`},
		{declared, many, "", "-32602"},
		{`"x":1`, `["r"]`, "", "-32601"},
	} {
		id := fmt.Sprint(i)
		w.send(listen(id, tc.meta, tc.ids))
		m, before := w.answer(id)
		if !strings.Contains(m.raw, tc.want) || len(before) > 1 || (tc.before == "") != (len(before) == 0) || tc.before != "" && !strings.Contains(before[0].raw, tc.before) {
			t.Errorf("%s of %s: %v, then %s", tc.ids, tc.meta, before, m)
		}
	}
}

package mcpserver_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/mcpserver"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

type note struct {
	ProgressToken   json.RawMessage
	Progress, Total float64
	Message         string
}

func notes(t *testing.T, lines []message) []note {
	t.Helper()
	var all []note
	for _, m := range lines {
		if m.Method != "notifications/progress" {
			t.Errorf("not progress: %s", m.raw)
			continue
		}
		var n note
		if err := json.Unmarshal(m.Params, &n); err != nil {
			t.Fatal(err)
		}
		all = append(all, n)
	}
	for i, n := range all {
		if i > 0 && n.Progress <= all[i-1].Progress || n.Progress <= 0 || n.Progress >= n.Total {
			t.Errorf("note %d: progress %v of %v after %v", i, n.Progress, n.Total, all[max(0, i-1)].Progress)
		}
		if w := mcpserver.Width(n.Message); w > 200 || strings.ContainsFunc(n.Message, unicode.IsControl) {
			t.Errorf("message of %d: %q", w, n.Message)
		}
	}
	return all
}

// burst reports far more than can be told, then returns in the middle of it.
func burst(_ context.Context, _ string, req task.Request, progress func(task.Progress)) (task.RunResult, error) {
	for i := range 1000 {
		progress(running(req, fmt.Sprint(i)))
	}
	go func() {
		for range 100 {
			progress(running(req, "too late"))
		}
	}()
	return task.RunResult{}, nil
}

func TestNoProgressAfterTheAnswer(t *testing.T) {
	w := connect(t, burst, mcpserver.Options{}, nil)
	for i := range 100 {
		id := fmt.Sprint(i)
		w.send(call(id, `"progressToken":`+id))
		_, before := w.answer(id)
		for _, n := range notes(t, before) {
			if string(n.ProgressToken) != id {
				t.Fatalf("call %s: progress of %s", id, n.ProgressToken)
			}
		}
	}
	w.close()
	if rest := w.rest(); len(rest) > 0 {
		t.Errorf("late: %s", rest[0].raw)
	}
}

func TestProgressOnlyIfAskedFor(t *testing.T) {
	for _, meta := range []string{``, `"progressToken":null`, `"progressToken":{}`, `"progressToken":true`} {
		w := connect(t, burst, mcpserver.Options{}, nil)
		w.send(call("1", meta))
		if m := w.next(); string(m.ID) != "1" {
			t.Errorf("%s: %s", meta, m.raw)
		}
		w.close()
	}
	w := connect(t, burst, mcpserver.Options{}, nil)
	w.send(request("1", "tools/call", `{"name":"run_codex_tasks","arguments":{"tasks":[{"task_id":"a","prompt":"p"}]}}`))
	if m := w.next(); string(m.ID) != "1" {
		t.Error(m.raw)
	}
}

func TestProgressTokensComeBackAsTheyWere(t *testing.T) {
	for _, token := range []string{`"tok-1"`, "0", "9007199254740993"} {
		hold := make(chan struct{})
		w := connect(t, func(_ context.Context, _ string, req task.Request, progress func(task.Progress)) (task.RunResult, error) {
			progress(running(req, "x"))
			<-hold
			return task.RunResult{}, nil
		}, mcpserver.Options{}, nil)
		w.send(call("1", `"progressToken":`+token))
		if n := notes(t, []message{w.next()}); string(n[0].ProgressToken) != token {
			t.Errorf("token %s came back as %s", token, n[0].ProgressToken)
		}
		close(hold)
	}
}

func TestRateHeartbeatAndNewestWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := connect(t, func(_ context.Context, _ string, req task.Request, progress func(task.Progress)) (task.RunResult, error) {
			start := time.Now()
			for i := range 1000 { // ten seconds at 100 per second
				p := running(req, fmt.Sprintf("step %d", i))
				p.Tasks[0].StartedAt = start
				progress(p)
				time.Sleep(10 * time.Millisecond)
			}
			time.Sleep(10 * time.Minute) // silence
			return task.RunResult{}, nil
		}, mcpserver.Options{}, nil)
		w.send(call("1", `"progressToken":1`))
		time.Sleep(11 * time.Second)
		var lines []message
		for len(w.lines) > 0 {
			lines = append(lines, w.next())
		}
		if n := len(lines); n < 45 || n > 51 {
			t.Errorf("%d notes in ten seconds, want about 5 per second", n)
		}
		if last := notes(t, lines)[len(lines)-1]; !strings.Contains(last.Message, "step 999") {
			t.Errorf("the newest was lost: %q", last.Message)
		}

		time.Sleep(9 * time.Minute)
		synctest.Wait()
		var beats []message
		for len(w.lines) > 0 {
			beats = append(beats, w.next())
		}
		if n := len(beats); n != 36 {
			t.Errorf("%d heartbeats in nine minutes, want one in %v", n, mcpserver.Heartbeat)
		}
		told := notes(t, append(lines, beats...))
		if first, second := told[len(lines)].Message, told[len(lines)+1].Message; first == second ||
			first != "0/1 done · a: step 999 (24s)" && !strings.HasPrefix(first, "0/1 done · a: step 999 (2") {
			t.Errorf("the clock stands still: %q, %q", first, second)
		}
		m, _ := w.answer("1")
		m.call(t)
		w.close()
	})
}

func TestHeartbeatBeforeTheBackendSaysAnything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := connect(t, func(context.Context, string, task.Request, func(task.Progress)) (task.RunResult, error) {
			time.Sleep(time.Hour)
			return task.RunResult{}, nil
		}, mcpserver.Options{}, nil)
		w.send(call("1", `"progressToken":1`))
		_, before := w.answer("1")
		told := notes(t, before)
		if len(told) < 235 || told[0].Message != "0/1 done · starting (15s)" {
			t.Errorf("%d notes, the first %+v", len(told), told[0])
		}
		w.close()
	})
}

func TestProgressLine(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	at := func(id string, s task.State, activity string, ago time.Duration) task.TaskProgress {
		return task.TaskProgress{ID: id, State: s, Activity: activity, StartedAt: now.Add(-ago)}
	}
	done, queued := task.TaskProgress{ID: "d", State: task.Done}, task.TaskProgress{ID: "q", State: task.Queued}
	for _, tc := range []struct {
		want string
		show string
		p    []task.TaskProgress
	}{
		{"2/5 done · api-tests: npm test (3m12s)", "", []task.TaskProgress{done, done, at("api-tests", task.Running, "npm test", 192*time.Second), queued, queued}},
		{"0/5 done · b: go vet (1s), 1 more at work", "b", []task.TaskProgress{at("a", task.Running, "x", time.Second), at("b", task.Running, "go vet", time.Second), queued}},
		{"0/5 done · a: preparing its sandbox (0s)", "", []task.TaskProgress{at("a", task.Preparing, "", 0)}},
		{"0/5 done · a: checking its work (1h0m0s)", "", []task.TaskProgress{at("a", task.Checking, "", time.Hour)}},
		{"0/5 done · a: at work (0s)", "", []task.TaskProgress{at("a", task.Running, "", -time.Hour)}},
		{"0/5 done · a: one two three (0s)", "", []task.TaskProgress{at("a", task.Running, " one\ntwo\x1b\u2028three\x00", 0)}},
		{"0/5 done · waiting for a free slot (10s)", "", []task.TaskProgress{queued, queued}},
		{"2/5 done · finishing (10s)", "", []task.TaskProgress{done, done}},
		{"0/5 done · starting (10s)", "", nil},
	} {
		if got := mcpserver.ProgressLine(task.Progress{Tasks: tc.p}, 5, tc.show, now.Add(-10*time.Second), now); got != tc.want {
			t.Errorf("got  %q\nwant %q", got, tc.want)
		}
	}
}

func FuzzProgressLine(f *testing.F) {
	f.Add("npm test", int64(5))
	f.Add(strings.Repeat("😀", 300), int64(1<<62))
	f.Add("\xff\u202e\n\r", int64(-1))
	f.Fuzz(func(t *testing.T, activity string, ago int64) {
		now := time.Now()
		p := task.Progress{Tasks: []task.TaskProgress{{ID: "a", State: task.Running, Activity: activity, StartedAt: now.Add(-time.Duration(ago))}}}
		got := mcpserver.ProgressLine(p, 1, "a", now, now)
		if mcpserver.Width(got) > 200 || !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsGraphic(r) }) {
			t.Errorf("%d: %q", mcpserver.Width(got), got)
		}
	})
}

func TestProgressRisesForEver(t *testing.T) {
	now := time.Now()
	for _, tasks := range []int{1, 50} {
		p := task.Progress{Tasks: make([]task.TaskProgress, tasks)}
		for i := range p.Tasks {
			p.Tasks[i] = task.TaskProgress{State: task.Done}
		}
		var last float64
		for i := range 5760 { // a day of heartbeats after the last task
			v := mcpserver.NextValue(last, float64(tasks), p, now)
			if v <= last || v >= float64(tasks) {
				t.Fatalf("step %d of %d tasks: %v after %v", i, tasks, v, last)
			}
			last = v
		}
	}
}

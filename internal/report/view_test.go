package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/google/go-cmp/cmp"
)

func TestHeadlines(t *testing.T) {
	result := func(status ...task.Status) (r Run) {
		for i, s := range status {
			r.Result.Results = append(r.Result.Results, task.Result{TaskID: fmt.Sprint(i), Status: s})
		}
		return r
	}
	lost := result(task.Success)
	lost.Result.Status = task.RunLost
	lost.Plan.Tasks = []task.Spec{{ID: "0"}, {ID: "never"}}
	running := Run{Plan: task.Plan{Tasks: []task.Spec{{ID: "a"}}}, Result: task.RunResult{Status: task.RunRunning, Progress: []task.TaskProgress{{ID: "a", State: task.Running}}}}
	dry := result(task.Skipped)
	dry.Plan.DryRun = true
	for want, r := range map[string]Run{
		"2 of 2 tasks succeeded||ok|":                              result(task.Success, task.Success),
		"0 of 2 tasks succeeded|1 failed, 1 timeout|bad|":          result(task.Failed, task.Timeout),
		"1 of 2 tasks succeeded|1 failed|warn|":                    result(task.Success, task.Failed),
		"1 of 2 tasks succeeded|1 no result|bad|This run was lost": lost,
		"0 of 1 task succeeded|1 running|off|This run was still":   running,
		"0 of 1 task succeeded|1 skipped|off|This was a dry run":   dry,
		"0 of 0 tasks succeeded||bad|":                             {},
		"0 of 1 task succeeded|1 something new|bad|":               result("something new"),
	} {
		v := newView(r, patient())
		got := strings.Join([]string{v.Headline, v.Others, v.Class, v.State}, "|")
		if !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if _, err := HTML(r); err != nil {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// barLine is a row in one line: "waited 3 s, ran 7 s: queued 0.00%+30.00% …".
func barLine(row timelineRow) string {
	s := row.Task.ID + ": " + row.Words + ":"
	for _, b := range row.Bars {
		s += " " + b.Class + " " + b.X + "+" + b.Width
	}
	return s
}

func TestTimeline(t *testing.T) {
	began := time.Unix(1_790_000_000, 0)
	specs := []task.Spec{{ID: "a"}, {ID: "b"}, {ID: "c"}, {ID: "d"}}
	all := Run{
		CreatedAt: began, Plan: task.Plan{Tasks: specs},
		Result: task.RunResult{TotalDurationMS: 100_000, Results: []task.Result{{TaskID: "a", DurationMS: 38_000}, {TaskID: "b", DurationMS: 76_000}}},
	}
	withEvents := all
	withEvents.Events = events(began, map[string][]int{"a": {0, 0, 2, 30, 40}, "b": {0, 20, 25, 90, 100}, "c": {0, 50, 60, -1, -1}}, specs)
	for name, c := range map[string]struct {
		run  Run
		want []string
	}{
		"with events": {withEvents, []string{
			"a: prepared 2 s, ran 28 s, checked 10 s: preparing 0.00%+2.00% running 2.00%+28.00% checking 30.00%+10.00%",
			"b: waited 20 s, prepared 5 s, ran 1 min 5 s, checked 10 s: queued 0.00%+20.00% preparing 20.00%+5.00% running 25.00%+65.00% checking 90.00%+10.00%",
			"c: waited 50 s, prepared 10 s, ran 40 s: queued 0.00%+50.00% preparing 50.00%+10.00% running 60.00%+40.00%",
			"d: :",
		}},
		"from durations": {all, []string{"a: ran 38 s: running 0.00%+50.00%", "b: ran 1 min 16 s: running 0.00%+100.00%", "c: :", "d: :"}},
	} {
		v := newTimeline(c.run, newTasks(c.run, patient()))
		var got []string
		for _, row := range v.Rows {
			got = append(got, barLine(row))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestTicks(t *testing.T) {
	for total, want := range map[time.Duration]string{
		time.Second: "0 s, 500 ms, 1 s", 7 * time.Second: "0 s, 2 s, 4 s, 6 s", 431 * time.Second: "0 s, 2 min, 4 min, 6 min",
		3 * time.Minute: "0 s, 1 min, 2 min, 3 min", 50 * time.Minute: "0 s, 30 min", 9 * time.Hour: "0 s, 2 h, 4 h, 6 h, 8 h",
		time.Millisecond: "0 s", 1<<63 - 1: "0 s",
	} {
		var got []string
		for _, tick := range ticks(total) {
			got = append(got, tick.Words)
		}
		if s := strings.Join(got, ", "); s != want && total != 1<<63-1 || len(got) > 6 {
			t.Errorf("ticks(%s) = %s, want %s", total, s, want)
		}
	}
}

func TestLimitsThatWereHit(t *testing.T) {
	failure := func(k task.FailureKind) task.Result { return task.Result{Failure: &task.Failure{Kind: k}} }
	finding := func(rule string) task.Result { return task.Result{Findings: []task.Finding{{Rule: rule}}} }
	tokens := failure(task.FailBudget)
	tokens.Usage.InputTokens = 1000
	for want, r := range map[string]task.Result{
		"time": failure(task.FailTimeout), "time without a sign of life": failure(task.FailIdle), "memory": failure(task.FailOutOfMemory),
		"output": failure(task.FailOutputLimit), "tokens": tokens, "paths": finding("path-not-allowed"), "commands": finding("command-refused"),
		"network": finding("gateway-route"), "patch": finding("patch-too-large"), "verify commands": failure(task.FailVerify), "": failure(task.FailCodex),
	} {
		view := &taskView{}
		view.fromSpec(task.Spec{TokenBudget: 1000}, r)
		if got := strings.Join(view.Hit, ", "); got != want {
			t.Errorf("hit %q, want %q", got, want)
		}
	}
}

func TestAPatchThatWasCutIsSaidToBe(t *testing.T) {
	r := sample(t)
	r.Result.Results[0].Patch, r.Result.Results[0].Truncated = "diff --git a/cut", []string{"patch"}
	page, err := HTML(r)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(page, []byte("Only the beginning of the patch was at hand here.")) {
		t.Error("a patch that was cut is shown as if it were whole")
	}
}

func TestATaskOfALostRunIsNotSaidToRun(t *testing.T) {
	r := sample(t)
	id := r.Result.Results[0].TaskID
	r.Result.Status, r.Result.Results = task.RunLost, r.Result.Results[1:]
	r.Result.Progress = []task.TaskProgress{{ID: id, State: task.Running, Activity: "npm test"}}
	page, err := HTML(r)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(page, []byte("It had not ended when the process that ran it died. It was at: npm test")) || bytes.Contains(page, []byte("1 running")) {
		t.Error("a task that nobody works on is shown as one that runs")
	}
}

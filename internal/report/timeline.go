package report

import (
	"strconv"
	"strings"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// timelineView is when the tasks did what, on one scale.
type timelineView struct {
	// Known is false if there are no events: then all bars begin at the left.
	Known bool
	Ticks []tick
	Rows  []timelineRow
}

// tick is a mark of the scale; At is a percentage.
type tick struct{ At, Words string }

// timelineRow is one task's bar.
type timelineRow struct {
	Task *taskView
	// Words say what the bar shows.
	Words string
	Bars  []bar
}

// bar is a stretch in one state; X and Width are percentages.
type bar struct{ Class, X, Width string }

// stretch is a task in one state for a time.
type stretch struct {
	state task.State
	from  time.Time
	to    time.Time
}

func newTimeline(r Run, tasks []*taskView) timelineView {
	v := timelineView{Known: len(r.Events) > 0}
	stretches, start, total := fold(r)
	if !v.Known {
		for _, t := range tasks {
			if d := millis(t.Result.DurationMS); d > 0 {
				stretches[t.ID] = []stretch{{task.Running, start, start.Add(d)}}
				total = max(total, d)
			}
		}
	}
	if total <= 0 {
		total = time.Second
	}
	for _, t := range tasks {
		row := timelineRow{Task: t}
		var words []string
		for _, s := range stretches[t.ID] {
			length := s.to.Sub(s.from)
			if length <= 0 {
				continue
			}
			row.Bars = append(row.Bars, bar{string(className(s.state)), percent(s.from.Sub(start), total), percent(length, total)})
			words = append(words, stateWord(s.state)+" "+duration(length))
		}
		row.Words = strings.Join(words, ", ")
		v.Rows = append(v.Rows, row)
	}
	v.Ticks = ticks(total)
	return v
}

// fold makes stretches of the events. A task that did not end is drawn up to the
// last thing that happened.
func fold(r Run) (stretches map[string][]stretch, start time.Time, total time.Duration) {
	stretches = map[string][]stretch{}
	start = r.CreatedAt
	if len(r.Events) == 0 {
		return stretches, start, 0
	}
	end := start.Add(max(millis(r.Result.TotalDurationMS), 0))
	for i, e := range r.Events {
		if i == 0 && start.IsZero() || e.Time.Before(start) {
			start = e.Time
		}
		if e.Time.After(end) {
			end = e.Time
		}
	}
	for _, e := range r.Events {
		all := stretches[e.Task.ID]
		last := len(all) - 1
		if last >= 0 && all[last].state == e.Task.State {
			continue
		}
		from := e.Time
		if last < 0 {
			// What it was before it was first heard of, it was since the beginning.
			if e.Task.State == task.Queued {
				from = start
			}
		} else {
			all[last].to = e.Time
		}
		stretches[e.Task.ID] = append(all, stretch{e.Task.State, from, end})
	}
	for id, all := range stretches {
		if last := len(all) - 1; all[last].state == task.Done {
			stretches[id] = all[:last]
		}
	}
	return stretches, start, end.Sub(start)
}

// className is the class of a state's bar.
func className(s task.State) task.State {
	switch s {
	case task.Queued, task.Preparing, task.Running, task.Checking:
		return s
	case task.Done:
	}
	return "other"
}

func stateWord(s task.State) string {
	switch s {
	case task.Queued:
		return "waited"
	case task.Preparing:
		return "prepared"
	case task.Running:
		return "ran"
	case task.Checking:
		return "checked"
	case task.Done:
	}
	return "other"
}

func percent(part, whole time.Duration) string {
	p := 100 * float64(part) / float64(whole)
	return strconv.FormatFloat(min(max(p, 0), 100), 'f', 2, 64) + "%"
}

// ticks divides a time into two to five parts of a round length.
func ticks(total time.Duration) []tick {
	step := 10 * time.Millisecond
	for total/step > 4 && step < 1<<60 {
		// 10 ms, 20, 50, 100 … 1 s, 2, 5, 10, 30 s, 1 min, 2, 5, 10, 30 min, 1 h, 2 h …
		switch {
		case step >= time.Hour:
			step *= 2
		case step == 10*time.Second, step == 10*time.Minute:
			step *= 3
		case step == 30*time.Second, step == 30*time.Minute:
			step *= 2
		case step == 2*time.Second, step == 2*time.Minute, step == 20*time.Millisecond, step == 200*time.Millisecond:
			step = step / 2 * 5
		default:
			step *= 2
		}
	}
	var out []tick
	for at := time.Duration(0); at <= total && len(out) < 6; at += step {
		out = append(out, tick{percent(at, total), duration(at)})
	}
	return out
}

package mcpserver

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// maxMessage is the longest message that clients show.
const maxMessage = 200

// share is how much of a task each state is worth at its start. What is left
// of Running is approached with time and never reached.
func share(t task.TaskProgress, now time.Time) float64 {
	switch t.State {
	case task.Preparing:
		return 0.05
	case task.Running:
		elapsed := max(0, now.Sub(t.StartedAt).Seconds())
		return 0.1 + 0.8*(1-math.Exp(-elapsed/180))
	case task.Checking:
		return 0.92
	case task.Done:
		return 1
	default:
		return 0
	}
}

// nextValue is the progress to report: more than last, less than total, since
// the run is not over until its answer is there.
func nextValue(last, total float64, p task.Progress, now time.Time) float64 {
	var v float64
	for _, t := range p.Tasks {
		v += share(t, now)
	}
	v = math.Round(v*1000) / 1000
	if v = min(v, total-0.01); v > last {
		return v
	}
	return last + (total-last)/1024
}

// progressLine says in one line what a run is doing: "2/5 done · api-tests:
// npm test (3m12s)". It shows the task whose turn it is to be shown: show, if
// that is at work, else the first that is. total is how many tasks there are, 0
// if nobody knows yet; started is when the waiting began.
func progressLine(p task.Progress, total int, show string, started, now time.Time) string {
	var shown *task.TaskProgress
	active := 0
	for i := range p.Tasks {
		t := &p.Tasks[i]
		if t.State != task.Preparing && t.State != task.Running && t.State != task.Checking {
			continue
		}
		active++
		if shown == nil || t.ID == show {
			shown = t
		}
	}
	head := ""
	if total > 0 {
		head = fmt.Sprintf("%d/%d done · ", p.DoneCount(), total)
	}
	elapsed := func(since time.Time) string {
		return fmt.Sprintf(" (%s)", max(0, now.Sub(since)).Truncate(time.Second))
	}
	var what, tail string
	switch {
	case shown != nil:
		what = shown.ID + ": " + activity(*shown)
		if since := shown.StartedAt; !since.IsZero() {
			tail = elapsed(since)
		}
		if active > 1 {
			tail += fmt.Sprintf(", %d more at work", active-1)
		}
	case len(p.Tasks) > 0 && p.DoneCount() == len(p.Tasks):
		what, tail = "finishing", elapsed(started)
	case len(p.Tasks) > 0:
		what, tail = "waiting for a free slot", elapsed(started)
	default:
		what, tail = "starting", elapsed(started)
	}
	return head + oneLine(what, maxMessage-width(head)-width(tail)) + tail
}

func activity(t task.TaskProgress) string {
	switch {
	case t.Activity != "":
		return t.Activity
	case t.State == task.Preparing:
		return "preparing its sandbox"
	case t.State == task.Checking:
		return "checking its work"
	default:
		return "at work"
	}
}

// width is a string's length as clients count it: in UTF-16 code units.
func width(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0xFFFF {
			n++
		}
	}
	return n
}

// oneLine makes s printable, one line, and at most limit code units wide.
func oneLine(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) {
			return r
		}
		return ' '
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if width(s) <= limit {
		return s
	}
	n := 0
	for i, r := range s {
		if n += width(string(r)); n > limit-1 {
			return strings.TrimRight(s[:i], " ") + "…"
		}
	}
	return s
}

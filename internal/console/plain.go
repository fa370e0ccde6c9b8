package console

import (
	"bytes"
	"fmt"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// plain is progress for a log: a line for every change of a task, at most one a
// second for each.
type plain struct {
	seen map[string]said
}

// said is what the last line of a task was about.
type said struct {
	what string
	at   time.Time
}

func (p *plain) paint(progress task.Progress, now time.Time) []byte {
	return p.lines(progress, now, time.Second)
}

func (p *plain) last(progress task.Progress, now time.Time) []byte {
	return p.lines(progress, now, 0)
}

func (p *plain) lines(progress task.Progress, now time.Time, pause time.Duration) []byte {
	var out bytes.Buffer
	for _, t := range progress.Tasks {
		before, known := p.seen[t.ID]
		what := summary(t)
		if what == before.what || known && now.Sub(before.at) < pause {
			continue
		}
		p.seen[t.ID] = said{what: what, at: now}
		fmt.Fprintf(&out, "%s: %s%s\n", Visible(t.ID), what, after(t, now))
	}
	return out.Bytes()
}

// summary is what a task does, without its clock.
func summary(t task.TaskProgress) string {
	switch {
	case t.State == task.Done:
		return string(t.Status)
	case t.Activity != "":
		return string(t.State) + ": " + folded(t.Activity)
	}
	return string(t.State)
}

// after is the clock of a task and, at its end, its tokens.
func after(t task.TaskProgress, now time.Time) string {
	d := elapsed(t, now)
	if d == "" {
		return ""
	}
	if n := tokens(t.Usage); t.State == task.Done && n != "" {
		d += ", " + n + " tokens"
	}
	return " (" + d + ")"
}

// elapsed is how long a task has taken so far, in seconds and up; empty before it starts.
func elapsed(t task.TaskProgress, now time.Time) string {
	switch {
	case t.State == task.Done:
		return clock(t.Duration())
	case t.StartedAt.IsZero():
		return ""
	}
	return clock(now.Sub(t.StartedAt))
}

func clock(d time.Duration) string {
	s := max(int(d.Seconds()), 0)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	}
	return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
}

// tokens is a count of tokens in few characters: 950, 12.4k, 1.2M; empty for none.
func tokens(u task.Usage) string {
	n := u.Tokens()
	switch {
	case n <= 0:
		return ""
	case n < 1000:
		return fmt.Sprintf("%d", n)
	case n < 999_950:
		return fmt.Sprintf("%.1fk", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1fM", float64(n)/1e6)
}

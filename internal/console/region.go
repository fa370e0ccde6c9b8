package console

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/jedib0t/go-pretty/v6/text"
)

const (
	hideCursor = "\x1b[?25l"
	showCursor = "\x1b[?25h"
	eraseBelow = "\x1b[J"

	idColumns = 24 // a longer id is cut

	// What a line has beside its id: a mark, a state, a clock and the gaps; then its
	// tokens, where there is room for them beside the beginning of an activity.
	lineColumns, tokenColumns, activityColumns = 23, 8, 8
)

var spinner = []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")

// region is progress for a terminal. Every frame overwrites the one before.
type region struct {
	screen Screen
	drawn  []int // the widths of the lines that stand on the screen
	frames int
}

func (r *region) paint(p task.Progress, now time.Time) []byte {
	if len(p.Tasks) == 0 {
		return nil
	}
	columns, rows := 80, 24
	if r.screen.Size != nil {
		columns, rows = r.screen.Size()
	}
	var b strings.Builder
	if r.frames == 0 {
		b.WriteString(hideCursor)
	}
	if up := r.rows(columns); up > 0 {
		b.WriteString(text.CursorUp.Sprintn(up))
	}
	b.WriteString("\r")
	r.drawn = r.drawn[:0]
	for _, line := range r.lines(p, now, columns-1, rows-1) {
		// The last column stays free: a line that fills it makes some terminals
		// go on to the next row, others not.
		line = fit(line, max(columns-1, 1))
		r.drawn = append(r.drawn, text.StringWidthWithoutEscSequences(line))
		b.WriteString(line + text.EraseLine.Sprint() + "\n")
	}
	b.WriteString(eraseBelow)
	r.frames++
	return []byte(b.String())
}

func (r *region) last(p task.Progress, now time.Time) []byte {
	frame := r.paint(p, now)
	if r.frames == 0 {
		return nil
	}
	return append(frame, showCursor...)
}

// rows is how many rows the last frame takes now: a terminal that has become
// narrower has wrapped its lines.
func (r *region) rows(columns int) int {
	n := 0
	for _, width := range r.drawn {
		n += max(1, (width+columns-1)/max(columns, 1))
	}
	return n
}

// lines are the tasks and a summary, at most rows of them: a region that is
// taller than the screen could not be overwritten.
func (r *region) lines(p task.Progress, now time.Time, columns, rows int) []string {
	width := 0
	for _, t := range p.Tasks {
		width = max(width, text.StringWidthWithoutEscSequences(r.screen.idFit(t.ID, idColumns)))
	}
	// A narrow screen goes without the tokens first, then without the ends of ids.
	width = min(width, max(columns-lineColumns-activityColumns, 8))
	wide := columns-lineColumns-activityColumns-width >= tokenColumns
	var lines []string
	for _, t := range shown(p.Tasks, rows-1) {
		lines = append(lines, r.line(t, width, wide, now))
	}
	return append(lines, r.summary(p, len(lines)))
}

func (r *region) line(t task.TaskProgress, width int, wide bool, now time.Time) string {
	mark, state, color := r.mark(t)
	used := ""
	if wide {
		used = fmt.Sprintf("%*s", tokenColumns, tokens(t.Usage))
	}
	return fmt.Sprintf("%s %s  %s %7s%s  %s",
		r.screen.paint(mark, color),
		text.Pad(fit(Visible(t.ID), width), width, ' '),
		r.screen.paint(fmt.Sprintf("%-9s", state), color),
		elapsed(t, now), used,
		r.screen.paint(folded(t.Activity), text.Faint))
}

// mark is the sign, the word and the colour of where a task stands.
func (r *region) mark(t task.TaskProgress) (mark, state string, color text.Color) {
	switch t.State {
	case task.Queued:
		return "·", string(t.State), text.Faint
	case task.Done:
		switch t.Status {
		case task.Success:
			return "✓", string(t.Status), text.FgGreen
		case task.Skipped:
			return "-", string(t.Status), text.Faint
		case task.Failed, task.Timeout:
		}
		return "✗", string(t.Status), text.FgRed
	case task.Preparing, task.Running, task.Checking:
	}
	return string(spinner[r.frames%len(spinner)]), string(t.State), text.FgCyan
}

func (r *region) summary(p task.Progress, lines int) string {
	s := fmt.Sprintf("%d/%d done", p.DoneCount(), len(p.Tasks))
	if p.RunID != "" {
		s += " · " + Visible(p.RunID)
	}
	if more := len(p.Tasks) - lines; more > 0 {
		s += fmt.Sprintf(" · %d not shown", more)
	}
	return r.screen.paint(s, text.Faint)
}

// shown picks the tasks that there is room for, in their order: first those at
// work, then those to come, then those that are done.
func shown(tasks []task.TaskProgress, room int) []task.TaskProgress {
	if len(tasks) <= room {
		return tasks
	}
	byNeed := make([]int, len(tasks))
	for i := range byNeed {
		byNeed[i] = i
	}
	slices.SortStableFunc(byNeed, func(a, b int) int { return need(tasks[a]) - need(tasks[b]) })
	byNeed = byNeed[:max(room, 0)]
	slices.Sort(byNeed)
	var picked []task.TaskProgress
	for _, i := range byNeed {
		picked = append(picked, tasks[i])
	}
	return picked
}

func need(t task.TaskProgress) int {
	switch t.State {
	case task.Queued:
		return 1
	case task.Done:
		return 2
	case task.Preparing, task.Running, task.Checking:
	}
	return 0
}

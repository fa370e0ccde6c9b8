package console_test

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/console"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/golden"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/google/go-cmp/cmp"
	"github.com/jedib0t/go-pretty/v6/text"
)

// a frame is drawn at the latest this long after an update.
const frame = 130 * time.Millisecond

func working(id, activity string, since time.Time) task.TaskProgress {
	return task.TaskProgress{ID: id, State: task.Running, Activity: activity, StartedAt: since}
}

func done(id string, status task.Status, d time.Duration, tokens int64) task.TaskProgress {
	return task.TaskProgress{ID: id, State: task.Done, Status: status, DurationMS: d.Milliseconds(), Usage: task.Usage{InputTokens: tokens}}
}

func TestPlainProgressIsALineForEachChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out buffer
		l := console.NewLive(&out, console.Screen{})
		time.Sleep(60 * time.Millisecond) // no update falls on the moment of a frame
		start := time.Now()
		show := func(wait time.Duration, tasks ...task.TaskProgress) {
			l.Update(task.Progress{RunID: "r", Tasks: tasks})
			time.Sleep(wait)
		}
		queued := task.TaskProgress{ID: "b", State: task.Queued}
		show(2*time.Second, task.TaskProgress{ID: "a", State: task.Preparing, StartedAt: start}, queued)
		show(5*time.Second, working("a", "npm test", start), queued)
		show(5*time.Second, working("a", "npm test", start), queued) // says nothing new
		for i := range 20 {                                          // two seconds of haste are at most three lines
			show(100*time.Millisecond, working("a", fmt.Sprintf("step %d", i), start), queued)
		}
		show(2*time.Second, done("a", task.Success, 16*time.Second, 12_400), working("b", "two\nlines "+hostile, start))
		show(0, done("a", task.Success, 16*time.Second, 12_400), done("b", task.Failed, time.Hour+2*time.Minute, 950))
		l.Close() // says what the last second held back
		golden.Check(t, "plain.txt", out.String())
		if bad := raw(out.String()); bad != "" {
			t.Errorf("raw text got through: %q", bad)
		}
	})
}

func TestRegionShowsTheLatestAndLeavesTheTerminalAsItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out buffer
		screen := console.Screen{TTY: true, Size: func() (int, int) { return 60, 24 }}
		l := console.NewLive(&out, screen)
		start := time.Now()
		l.Update(task.Progress{RunID: "r-1", Tasks: []task.TaskProgress{
			working("api-tests", "npm test", start),
			working("日本語", hostile, start),
			{ID: "docs", State: task.Queued},
		}})
		time.Sleep(65*time.Second + frame)
		got := emulate(t, out.String(), 60, 24)
		if !got.hidden {
			t.Error("the cursor is still there while lines are drawn over and over")
		}
		text := got.text()
		for _, want := range []string{"api-tests  running     1m05s          npm test", "日本語     running     1m05s          a\\x1b[2J", "· docs", "0/3 done · r-1"} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is not on the screen:\n%s", want, text)
			}
		}

		l.Update(task.Progress{RunID: "r-1", Tasks: []task.TaskProgress{
			done("api-tests", task.Success, 66*time.Second, 12_400),
			done("日本語", task.Failed, 7*time.Second, 0),
			done("docs", task.Skipped, 0, 0),
		}})
		l.Close()
		l.Close()
		l.Update(task.Progress{RunID: "late"})
		got = emulate(t, out.String(), 60, 24)
		want := strings.Join([]string{
			"✓ api-tests  success     1m06s   12.4k",
			"✗ 日本語     failed         7s",
			"- docs       skipped        0s",
			"3/3 done · r-1",
		}, "\n")
		if diff := cmp.Diff(want, got.text()); diff != "" {
			t.Errorf("at the end (-want +got):\n%s", diff)
		}
		if got.hidden || got.row != 4 || got.col != 0 {
			t.Errorf("the cursor: hidden %t, at %d,%d; want it below the region", got.hidden, got.row, got.col)
		}
	})
}

func TestANarrowTerminalShowsWhatMatters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for columns, want := range map[int]string{
			40: "⠙ migrate…  running     1m05s  editing…\n",
			50: "⠙ migrate-the-dat…  running     1m05s  editing i…\n",
			60: "⠙ migrate-the-databas…  running     1m05s   12.4k  editing…\n",
			72: "⠙ migrate-the-database-pa…  running     1m05s   12.4k  editing interna…\n",
		} {
			var out buffer
			l := console.NewLive(&out, console.Screen{TTY: true, Size: func() (int, int) { return columns, 24 }})
			working := working("migrate-the-database-part-1", "editing internal/store/schema.sql", time.Now().Add(-65*time.Second))
			working.Usage.InputTokens = 12_400
			l.Update(task.Progress{RunID: "r-1", Tasks: []task.TaskProgress{working}})
			time.Sleep(frame)
			l.Close()
			if got := emulate(t, out.String(), columns, 24).text(); !strings.HasPrefix(got, want) {
				t.Errorf("%d columns:\n%s\nwant:\n%s", columns, got, want)
			}
		}
	})
}

func TestRegionIsNeverLargerThanTheTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out buffer
		var width atomic.Int64
		width.Store(50)
		l := console.NewLive(&out, console.Screen{TTY: true, Color: true, Size: func() (int, int) { return int(width.Load()), 8 }})
		var tasks []task.TaskProgress
		for i := range 20 {
			state := []task.State{task.Done, task.Queued, task.Running, task.Checking}[i%4]
			tasks = append(tasks, task.TaskProgress{
				ID: fmt.Sprintf("t%d", i), State: state, Status: task.Success,
				StartedAt: time.Now(), Activity: strings.Repeat("長い仕事", 40),
			})
		}
		for columns := 50; columns > 4; columns -= 3 {
			width.Store(int64(columns))
			out.Reset()
			l.Update(task.Progress{Tasks: tasks})
			time.Sleep(frame)
			synctest.Wait()
			lines := strings.Split(strings.TrimSuffix(out.String(), "\n\x1b[J"), "\n")
			if len(lines) > 7 {
				t.Errorf("%d lines on 8 rows", len(lines))
			}
			for _, line := range lines {
				if w := text.StringWidthWithoutEscSequences(line); w >= columns {
					t.Errorf("%d columns on %d: %q", w, columns, line)
				}
			}
		}
		width.Store(50)
		out.Reset()
		time.Sleep(frame)
		l.Close()
		for _, want := range []string{"t2 ", "t3 ", "t6 ", "14 not shown"} { // those at work come first
			if !strings.Contains(out.String(), want) {
				t.Errorf("%q is not shown in %q", want, out.String())
			}
		}
	})
}

func TestRegionIsFoundAgainAfterTheTerminalBecameNarrower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out buffer
		var width atomic.Int64
		width.Store(60)
		l := console.NewLive(&out, console.Screen{TTY: true, Size: func() (int, int) { return int(width.Load()), 24 }})
		l.Update(task.Progress{Tasks: []task.TaskProgress{working("a", strings.Repeat("x", 100), time.Now())}})
		time.Sleep(frame)
		synctest.Wait()
		out.Reset()
		width.Store(25) // the line of 59 has become three, the summary stays one
		time.Sleep(frame)
		synctest.Wait()
		if !strings.HasPrefix(out.String(), "\x1b[4A\r") {
			t.Errorf("the cursor goes elsewhere: %q", out.String())
		}
		l.Close()
	})
}

func TestProgressDrawsAboutEightFramesASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out buffer
		l := console.NewLive(&out, console.Screen{TTY: true})
		l.Update(task.Progress{Tasks: []task.TaskProgress{working("a", "x", time.Now())}})
		time.Sleep(10 * time.Second)
		l.Close()
		if n := strings.Count(out.String(), "\x1b[J"); n < 75 || n > 85 {
			t.Errorf("%d frames in ten seconds", n)
		}
	})
}

func TestNothingIsWrittenWhenNothingHappened(t *testing.T) {
	for _, tty := range []bool{false, true} {
		var out buffer
		console.NewLive(&out, console.Screen{TTY: tty}).Close()
		if out.String() != "" {
			t.Errorf("TTY %t: %q", tty, out.String())
		}
	}
}

type gone struct{}

func (gone) Write([]byte) (int, error) { return 0, errors.New("terminal gone") }

func TestATerminalThatIsGoneEndsNothing(t *testing.T) {
	synctest.Test(t, func(*testing.T) {
		l := console.NewLive(gone{}, console.Screen{TTY: true})
		l.Update(task.Progress{Tasks: []task.TaskProgress{working("a", "x", time.Now())}})
		time.Sleep(time.Second)
		l.Close()
	})
}

// terminal is as much of one as a region needs.
type terminal struct {
	cells    [][]string
	row, col int
	hidden   bool
}

var csi = regexp.MustCompile("^\x1b\\[(\\??[0-9]*)([A-Za-z])")

// emulate runs output on an empty screen. A sequence that it does not know fails the test.
func emulate(t *testing.T, output string, columns, rows int) *terminal {
	t.Helper()
	s := &terminal{cells: make([][]string, rows)}
	for i := range s.cells {
		s.cells[i] = make([]string, columns)
	}
	for len(output) > 0 {
		if m := csi.FindStringSubmatch(output); m != nil {
			output = output[len(m[0]):]
			switch m[1] + m[2] {
			case "?25l", "?25h":
				s.hidden = m[2] == "l"
			case "K":
				clear(s.cells[s.row][s.col:])
			case "J":
				clear(s.cells[s.row][s.col:])
				for _, row := range s.cells[s.row+1:] {
					clear(row)
				}
			default:
				n, err := strconv.Atoi(m[1])
				if m[2] != "A" || err != nil {
					t.Fatalf("unknown sequence %q", m[0])
				}
				s.row = max(s.row-n, 0)
			}
			continue
		}
		r := []rune(output[:min(len(output), 4)])[0]
		output = output[len(string(r)):]
		switch r {
		case '\r':
			s.col = 0
		case '\n':
			s.row, s.col = s.row+1, 0
		default:
			if r < ' ' {
				t.Fatalf("control character %q", r)
			}
			s.cells[s.row][s.col] = string(r)
			s.col += text.RuneWidth(r)
		}
	}
	return s
}

func (s *terminal) text() string {
	var b strings.Builder
	for _, row := range s.cells {
		wide := false
		var line strings.Builder
		for _, c := range row {
			switch {
			case wide:
				wide = false
			case c == "":
				line.WriteString(" ")
			default:
				line.WriteString(c)
				wide = text.StringWidth(c) == 2
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

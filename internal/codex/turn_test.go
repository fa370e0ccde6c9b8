package codex_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/codex"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// What is to be learned from each transcript of the real Codex.
func TestTranscripts(t *testing.T) {
	for _, name := range transcripts(t) {
		base := strings.TrimSuffix(filepath.Base(name), ".jsonl")
		t.Run(base, func(t *testing.T) {
			turn := codex.NewTurn()
			activities := []string{turn.Activity()}
			for _, e := range decode(t, read(t, name), codex.DefaultMaxLine) {
				turn.Handle(e)
				if now := turn.Activity(); now != activities[len(activities)-1] {
					activities = append(activities, now)
				}
			}
			goldenJSON(t, "transcripts/"+base+".want.json", struct {
				Activities     []string
				CommandRunning bool
				Settled        bool
				Turn           task.Turn
			}{activities, turn.CommandRunning(), turn.Settled(), turn.Turn()})
		})
	}
}

func fold(t *testing.T, lines ...string) *codex.TurnBuilder {
	t.Helper()
	turn := codex.NewTurn()
	for _, e := range decode(t, []byte(strings.Join(lines, "\n")), codex.DefaultMaxLine) {
		turn.Handle(e)
	}
	return turn
}

func command(phase, id, line, exit string) string {
	return fmt.Sprintf(`{"type":"item.%s","item":{"id":%q,"type":"command_execution","command":%q,"exit_code":%s}}`, phase, id, line, exit)
}

func TestTurnKeepsEveryCommand(t *testing.T) {
	tests := map[string]struct {
		lines []string
		want  []task.Command
	}{
		"in order": {
			[]string{command("started", "a", "one", "null"), command("started", "b", "two", "null"), command("completed", "b", "two", "1"), command("completed", "a", "one", "0")},
			[]task.Command{{Cmd: "one", ExitCode: 0}, {Cmd: "two", ExitCode: 1}},
		},
		"never ended": {
			[]string{command("started", "a", "one", "null")},
			[]task.Command{{Cmd: "one", ExitCode: -1}},
		},
		"never started": {
			[]string{command("completed", "a", "one", "2")},
			[]task.Command{{Cmd: "one", ExitCode: 2}},
		},
		"ended without a code": {
			[]string{command("started", "a", "one", "null"), command("completed", "a", "one", "null")},
			[]task.Command{{Cmd: "one", ExitCode: -1}},
		},
		"an id used twice": {
			[]string{command("started", "a", "one", "null"), command("completed", "a", "one", "0"), command("started", "a", "two", "null"), command("completed", "a", "two", "0")},
			[]task.Command{{Cmd: "one"}, {Cmd: "two"}},
		},
		"a line that changes hides nothing": {
			[]string{command("started", "a", "rm", "null"), command("completed", "a", "ls", "0")},
			[]task.Command{{Cmd: "rm", ExitCode: -1}, {Cmd: "ls", ExitCode: 0}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, fold(t, tt.lines...).Turn().Commands); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestATurnThatFailedStaysFailed(t *testing.T) {
	turn := fold(t, `{"type":"turn.failed","error":{}}`, `{"type":"turn.completed"}`).Turn()
	if turn.Completed || turn.Failed == "" {
		t.Errorf("got %+v", turn)
	}
}

func TestRetriesAreCountedNotCollected(t *testing.T) {
	var lines []string
	for i := range 500 {
		lines = append(lines, fmt.Sprintf(`{"type":"error","message":"Reconnecting... %d/500 (gone)"}`, i+1))
	}
	turn := fold(t, lines...)
	if got := turn.Turn(); turn.Settled() || got.Failed != "" {
		t.Errorf("a retry ended the turn: %+v", got)
	}
	want := []string{"calls to the model API that broke off and were made again: 500; the last: Reconnecting... 500/500 (gone)"}
	if diff := cmp.Diff(want, turn.Turn().Warnings); diff != "" {
		t.Error(diff)
	}
	if got := turn.Activity(); got != "reconnecting to the model" {
		t.Errorf("activity is %q", got)
	}
}

func TestWarningsAreFewAndDifferent(t *testing.T) {
	var lines []string
	for i := range 100 {
		lines = append(lines, "noise", fmt.Sprintf(`{"type":"item.completed","item":{"id":"i","type":"error","message":"%d"}}`, i))
	}
	warnings := fold(t, lines...).Turn().Warnings
	if len(warnings) != 20 || warnings[0] != `not JSON: "noise"` || warnings[1] != "0" {
		t.Errorf("got %d: %q", len(warnings), warnings)
	}
}

func TestActivity(t *testing.T) {
	started := func(item string) string { return `{"type":"item.started","item":{"id":"i",` + item + `}}` }
	changes := func(list string) string { return started(`"type":"file_change","changes":[` + list + `]`) }
	tests := []struct {
		name string
		want string
		in   []string
	}{
		{"before anything", "starting", nil},
		{"a turn", "thinking", []string{`{"type":"turn.started"}`}},
		{"a command", "npm test", []string{command("started", "a", `/bin/bash -lc 'npm test'`, "null")}},
		{"no wrapper", "./run me", []string{command("started", "a", "./run me", "null")}},
		{"an empty command", "running a command", []string{command("started", "a", "/bin/bash -lc ''", "null")}},
		{"lines become one", "cat <<E a b E", []string{started(`"type":"command_execution","command":"bash -c 'cat <<E\n\ta\r\n  b\nE\n'"`)}},
		{"nothing steers the terminal", "echo [2J x ]0;t y", []string{started(`"type":"command_execution","command":"bash -c 'echo \u001b[2J\u202e x\u009d]0;t\u0007y'"`)}},
		{"long ones are cut", strings.Repeat("ä", 59) + "…", []string{command("started", "a", "bash -c "+strings.Repeat("ä", 70), "null")}},
		{"the newest counts", "two", []string{command("started", "a", "one", "null"), command("started", "b", "two", "null")}},
		{"then the older", "one", []string{command("started", "a", "one", "null"), command("started", "b", "two", "null"), command("completed", "b", "two", "0")}},
		{"one file", "editing src/a.ts", []string{changes(`{"path":"/workspace/src/a.ts","kind":"update"}`)}},
		{"outside", "editing /etc/passwd", []string{changes(`{"path":"/workspace/../etc/passwd","kind":"update"}`)}},
		{"three files", "editing a and 2 more", []string{changes(`{"path":"/workspace/a"},{"path":"b"},{"path":"c"}`)}},
		{"three with a long name", "editing " + strings.Repeat("a", 40) + "… and 2 more", []string{changes(`{"path":"/workspace/` + strings.Repeat("a", 99) + `"},{"path":"b"},{"path":"c"}`)}},
		{"no files", "editing files", []string{changes(``)}},
		{"a tool", "calling srv.do", []string{started(`"type":"mcp_tool_call","server":"srv","tool":"do"`)}},
		{"a search", "searching the web", []string{started(`"type":"web_search","query":"q"`)}},
		{"a plan is no activity", "thinking", []string{started(`"type":"todo_list","items":[]`)}},
		{"a command that outlives its turn", "finished", []string{command("started", "a", "sleep", "null"), `{"type":"turn.completed"}`}},
		{"failed", "failed", []string{`{"type":"turn.failed","error":{"message":"m"}}`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := fold(t, tt.in...).Activity()
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			checkActivity(t, got)
		})
	}
}

func checkActivity(t *testing.T, text string) {
	t.Helper()
	if n := utf8.RuneCountInString(text); n == 0 || n > 60 {
		t.Errorf("%q has %d runes", text, n)
	}
	if at := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }); at >= 0 || !utf8.ValidString(text) {
		t.Errorf("%q has a character that is not printable", text)
	}
}

func TestCommandRunning(t *testing.T) {
	on := []string{command("started", "a", "one", "null"), command("started", "b", "two", "null"), command("completed", "a", "one", "0")}
	if !fold(t, on...).CommandRunning() {
		t.Error("a command runs, and it says none does")
	}
	if fold(t, append(on, command("completed", "b", "two", "0"))...).CommandRunning() {
		t.Error("no command runs, and it says one does")
	}
	if fold(t, append(on, `{"type":"turn.completed"}`)...).CommandRunning() {
		t.Error("the turn is over, and it says a command runs")
	}
	if fold(t, `{"type":"item.started","item":{"id":"i","type":"todo_list"}}`).CommandRunning() {
		t.Error("a plan counts as a command")
	}
}

func TestTurnMayBeReadWhileItGrows(t *testing.T) {
	turn := codex.NewTurn()
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for range 200 {
				got := turn.Turn()
				_, _, _ = turn.Activity(), turn.CommandRunning(), turn.Settled()
				for i := range got.Commands {
					got.Commands[i].ExitCode = 99 // a reader's copy is its own
				}
			}
		})
	}
	d := codex.NewDecoder(turn.Handle)
	for i := range 200 {
		id := fmt.Sprint(i)
		_, _ = fmt.Fprintln(d, command("started", id, "x", "null"))
		_, _ = fmt.Fprintln(d, command("completed", id, "x", "0"))
	}
	readers.Wait()
	for _, c := range turn.Turn().Commands {
		if c.ExitCode != 0 {
			t.Fatalf("got %+v", c)
		}
	}
}

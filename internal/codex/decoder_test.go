package codex_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/codex"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// decode feeds data in pieces of the sizes that cut gives, over and over; no
// cut means all at once.
func decode(t testing.TB, data []byte, maxLine int, cut ...int) []codex.Event {
	t.Helper()
	var events []codex.Event
	d := codex.NewDecoder(func(e codex.Event) { events = append(events, e) })
	d.MaxLine = maxLine
	for i := 0; len(data) > 0; i++ {
		n := len(data)
		if len(cut) > 0 {
			n = min(n, 1+cut[i%len(cut)])
		}
		piece := bytes.Clone(data[:n])
		if took, err := d.Write(piece); err != nil || took != n {
			t.Fatalf("write took %d of %d: %v", took, n, err)
		}
		clear(piece) // a writer may use its buffer again
		data = data[n:]
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return events
}

func TestDecoder(t *testing.T) {
	ok, three := 0, 3
	noise := func(reason, sample string) codex.Event { return codex.Noise{Reason: reason, Sample: sample} }
	tests := []struct {
		name, in string
		want     []codex.Event
	}{
		{"nothing", "", nil},
		{"blank lines", "\n\r\n  \n\x00\x00\n", nil},
		{"no final newline", `{"type":"turn.started"}`, []codex.Event{codex.TurnStarted{}}},
		{"CRLF", "{\"type\":\"turn.started\"}\r\n{\"type\":\"turn.started\"}\r\n", []codex.Event{codex.TurnStarted{}, codex.TurnStarted{}}},
		{"NULs before a line", "\x00\x00{\"type\":\"turn.started\"}\n", []codex.Event{codex.TurnStarted{}}},
		{"a cut line at the end", `{"type":"turn.comp`, []codex.Event{noise("not JSON", `{"type":"turn.comp`)}},
		{
			"noise between events", "{\"type\":\"turn.started\"}\nthread 'main' panicked\n{\"type\":\"turn.started\"}\n",
			[]codex.Event{codex.TurnStarted{}, noise("not JSON", "thread 'main' panicked"), codex.TurnStarted{}},
		},
		{"noise is made printable", "\x1b[31mred\x1b[0m \xff\u202eevil\n", []codex.Event{noise("not JSON", "[31mred [0m evil")}},
		{
			"two objects in a line", `{"type":"turn.started"}{"type":"turn.started"}`,
			[]codex.Event{noise("not JSON", `{"type":"turn.started"}{"type":"turn.started"}`)},
		},
		{"JSON but no event", "[1]\nnull\n\"x\"\n{}\n{\"type\":7}\n", []codex.Event{
			noise("no event type", "[1]"), noise("no event type", "null"), noise("no event type", `"x"`),
			noise("no event type", "{}"), noise("no event type", `{"type":7}`),
		}},
		{"deep nesting", strings.Repeat("[", 1_000_000), []codex.Event{noise("not JSON", strings.Repeat("[", 79)+"…")}},
		{
			"deep nesting in an event", `{"type":"error","message":"m","x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}",
			[]codex.Event{codex.Error{Message: "m"}},
		},
		{"unknown event", `{"type":"thread.forgotten","x":1}`, []codex.Event{codex.Unknown{Type: "thread.forgotten"}}},
		{"unknown phase", `{"type":"item.paused","item":{"id":"i","type":"error"}}`, []codex.Event{codex.Unknown{Type: "item.paused"}}},
		{"a phase alone", `{"type":"started"}`, []codex.Event{codex.Unknown{Type: "started"}}},
		{
			"unknown item", `{"type":"item.started","item":{"id":"i","type":"hologram"}}`,
			[]codex.Event{codex.Unknown{Type: "item.started", ItemType: "hologram"}},
		},
		{"item without a type", `{"type":"item.started"}`, []codex.Event{codex.Unknown{Type: "item.started"}}},
		{"non-UTF-8", "{\"type\":\"error\",\"message\":\"a\xffb\"}", []codex.Event{codex.Error{Message: "a\ufffdb"}}},
		{"escaped NUL and ESC", `{"type":"error","message":"a\u0000\u001bb"}`, []codex.Event{codex.Error{Message: "a\x00\x1bb"}}},
		{
			"the doubled id of a search", `{"type":"item.completed","item":{"id":"item_0","type":"web_search","id":"ws_1","query":"q"}}`,
			[]codex.Event{codex.Item{Phase: codex.Completed, ID: "ws_1", Type: codex.WebSearch, Text: "q"}},
		},
		{
			"fields of the wrong type count as absent",
			`{"type":"item.completed","item":{"id":"i","type":"command_execution","command":"ls","aggregated_output":{},"exit_code":"0","status":"completed"}}`,
			[]codex.Event{codex.Item{Phase: codex.Completed, ID: "i", Type: codex.CommandExecution, Command: &codex.Execution{Line: "ls"}}},
		},
		{
			"lists of the wrong type too",
			`{"type":"item.started","item":{"id":"i","type":"file_change","changes":{"a":1}}}` + "\n" +
				`{"type":"item.started","item":{"id":"i","type":"file_change","changes":[1,{"path":"p","kind":"add"}]}}`,
			[]codex.Event{
				codex.Item{Phase: codex.Started, ID: "i", Type: codex.FileChange},
				codex.Item{Phase: codex.Started, ID: "i", Type: codex.FileChange, Changes: []codex.FileUpdate{{}, {Path: "p"}}},
			},
		},
		{
			"usage", `{"type":"turn.completed","usage":{"input_tokens":1,"cached_input_tokens":2,"cache_write_input_tokens":9,"output_tokens":3,"reasoning_output_tokens":4}}`,
			[]codex.Event{codex.TurnCompleted{Usage: task.Usage{InputTokens: 1, CachedInputTokens: 2, OutputTokens: 3, ReasoningTokens: 4}}},
		},
		{
			"exit codes",
			`{"type":"item.completed","item":{"id":"a","type":"command_execution","command":"a","exit_code":0,"status":"completed"}}` + "\n" +
				`{"type":"item.completed","item":{"id":"b","type":"command_execution","command":"b","aggregated_output":"o","exit_code":3,"status":"failed"}}`,
			[]codex.Event{
				codex.Item{Phase: codex.Completed, ID: "a", Type: codex.CommandExecution, Command: &codex.Execution{Line: "a", ExitCode: &ok}},
				codex.Item{Phase: codex.Completed, ID: "b", Type: codex.CommandExecution, Command: &codex.Execution{Line: "b", ExitCode: &three}},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, decode(t, []byte(tt.in), codex.DefaultMaxLine)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestDecoderTakesLinesOfMegabytes(t *testing.T) {
	output := strings.Repeat(`\u0000`, 1_048_607) // the most that Codex keeps, at its largest
	line := `{"type":"item.completed","item":{"id":"i","type":"command_execution","command":"c","aggregated_output":"` + output + `","exit_code":0}}` + "\n"
	events := decode(t, []byte(line), codex.DefaultMaxLine, 32<<10)
	if len(events) != 1 {
		t.Fatalf("got %d events", len(events))
	}
	if item, ok := events[0].(codex.Item); !ok || item.Command.Line != "c" || item.Command.ExitCode == nil {
		t.Errorf("got %.200v", events[0])
	}
}

func TestDecoderDropsALineThatIsTooLongAndGoesOn(t *testing.T) {
	const turn = `{"type":"turn.started"}`
	long := strings.Repeat("x", 5000)
	want := []codex.Event{
		codex.TurnStarted{},
		codex.Noise{Reason: "line longer than 1000 bytes", Sample: long[:79] + "…"},
		codex.TurnStarted{},
	}
	in := turn + "\n" + long + "\n" + turn + "\n"
	for _, cut := range [][]int{nil, {0}, {99}, {999}, {1000}, {4096}} {
		if diff := cmp.Diff(want, decode(t, []byte(in), 1000, cut...)); diff != "" {
			t.Errorf("in pieces of %v: -want +got:\n%s", cut, diff)
		}
	}
	// A line of exactly the limit still counts, carriage return and all.
	exact := turn + strings.Repeat(" ", 1000-len(turn))
	if got := decode(t, []byte(exact+"\n"+exact+" \n"), 1000, 6); len(got) != 2 || got[0] != (codex.TurnStarted{}) {
		t.Errorf("got %v", got)
	}
}

func TestDecoderHoldsNoMoreThanALine(t *testing.T) {
	noises := 0
	d := codex.NewDecoder(func(codex.Event) { noises++ })
	d.MaxLine = 1 << 20
	piece := bytes.Repeat([]byte("x"), 64<<10)
	most := 0
	for range 1024 { // 64 MiB without a newline
		if _, err := d.Write(piece); err != nil {
			t.Fatal(err)
		}
		most = max(most, d.Held())
	}
	if most > 3<<20 {
		t.Errorf("held %d bytes for a line of at most %d", most, d.MaxLine)
	}
	if d.Held() > 64<<10 || noises != 1 {
		t.Errorf("holds %d bytes after %d noises", d.Held(), noises)
	}
}

func TestDecoderBoundsLists(t *testing.T) {
	line := `{"type":"item.updated","item":{"id":"i","type":"file_change","changes":[{}` + strings.Repeat(",{}", 1_000_000) + `]}}`
	events := decode(t, []byte(line), codex.DefaultMaxLine)
	if item, ok := events[0].(codex.Item); !ok || len(item.Changes) != 10_000 {
		t.Errorf("got %.100v", events[0])
	}
}

func TestEveryChunkingOfATranscriptGivesTheSame(t *testing.T) {
	for _, name := range transcripts(t) {
		data := read(t, name)
		want := decode(t, data, codex.DefaultMaxLine)
		for _, cut := range [][]int{{0}, {1}, {6}, {510, 3}, {4095}} {
			if diff := cmp.Diff(want, decode(t, data, codex.DefaultMaxLine, cut...)); diff != "" {
				t.Errorf("%s in pieces of %v: -want +got:\n%s", name, cut, diff)
			}
		}
	}
}

// FuzzDecoder: however a stream is cut, it gives the same events; and a line
// between newlines gives its event, whatever stands around it.
func FuzzDecoder(f *testing.F) {
	for _, name := range transcripts(f) {
		f.Add(read(f, name), uint16(7), uint16(100))
	}
	f.Add([]byte("\x00\r\n{\"type\":\"item.started\",\"item\":{\"id\":1}}\n\xff\xfe"), uint16(0), uint16(1))
	f.Add([]byte(strings.Repeat("x", 3000)), uint16(1000), uint16(0))
	f.Fuzz(func(t *testing.T, data []byte, a, b uint16) {
		const maxLine = 2048
		want := decode(t, data, maxLine)
		got := decode(t, data, maxLine, int(a), int(b))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("in pieces of %d and %d: -whole +pieces:\n%s", a, b, diff)
		}
		marker := codex.Error{Message: "between"}
		around := append(append(bytes.Clone(data), "\n{\"type\":\"error\",\"message\":\"between\"}\n"...), data...)
		events := decode(t, around, maxLine, int(b))
		if at := len(want); at >= len(events) || events[at] != codex.Event(marker) {
			t.Errorf("the line after %d events is lost: %v", at, events)
		}
		turn := codex.NewTurn()
		for _, e := range events {
			turn.Handle(e)
			checkActivity(t, turn.Activity())
		}
		if n := len(turn.Turn().Warnings); n > 20 {
			t.Errorf("%d warnings", n)
		}
	})
}

func transcripts(t testing.TB) []string {
	t.Helper()
	names, err := filepath.Glob("testdata/transcripts/*.jsonl")
	if err != nil || len(names) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	return names
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func BenchmarkDecoder(b *testing.B) {
	var in bytes.Buffer
	for i := range 1000 {
		fmt.Fprintf(&in, `{"type":"item.completed","item":{"id":"item_%d","type":"command_execution","command":"/bin/bash -lc 'npm test'","aggregated_output":"ok\n","exit_code":0,"status":"completed"}}`+"\n", i)
	}
	b.SetBytes(int64(in.Len()))
	for b.Loop() {
		d := codex.NewDecoder(func(codex.Event) {})
		if _, err := d.Write(in.Bytes()); err != nil {
			b.Fatal(err)
		}
	}
}

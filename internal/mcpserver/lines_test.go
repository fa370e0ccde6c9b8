package mcpserver_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/mcpserver"
)

func FuzzLines(f *testing.F) {
	for _, s := range []string{"", "\n", "a\nb", "a\r\n\nb\n", "0123456789012345678901234567890123456789\nx", "\x00\xff\n", "01234567890123456789"} {
		f.Add([]byte(s))
	}
	const limit = 20
	f.Fuzz(func(t *testing.T, data []byte) {
		var want [][]byte
		for l := range bytes.Lines(data) {
			if l = bytes.TrimRight(l, "\r\n"); len(l) > limit {
				l = nil
			}
			want = append(want, l)
		}
		for name, r := range map[string]io.Reader{"whole": bytes.NewReader(data), "by byte": iotest.OneByteReader(bytes.NewReader(data))} {
			got, err := mcpserver.Lines(r, limit)
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			if bytes.Contains(data, []byte("\r")) && len(got) == len(want) {
				continue // a return inside a long line may count
			}
			if diff := cmp.Diff(want, got, cmp.Transformer("string", func(b []byte) string {
				if b == nil {
					return "too long"
				}
				return string(b)
			})); diff != "" {
				t.Errorf("%s: %q\n%s", name, data, diff)
			}
		}
	})
}

// Whatever a client sends, each line is answered at most once and the
// connection lives.
func FuzzLoop(f *testing.F) {
	for _, s := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"ping"}`, `{"jsonrpc":"2.0","id":1.5,"method":"tools/call","params":{"name":"run_codex_tasks","arguments":{"tasks":[]}}}`,
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`, `[]`, `{"jsonrpc":"2.0","id":"x","result":null}`,
		`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}`, `{"JSONRPC":"2.0","ID":1,"METHOD":"ping"}`, `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"_meta":{"progressToken":1}}}`,
	} {
		f.Add(s)
	}
	s := newServer(f, newEngine(quick))
	f.Fuzz(func(t *testing.T, line string) {
		if bytes.ContainsAny([]byte(line), "\r\n") {
			return
		}
		w := serve(t, s)
		w.send(line, request(`"the end"`, "ping", "{}"))
		w.close()
		answers, ended := 0, false
		for _, m := range w.rest() {
			switch {
			case string(m.ID) == `"the end"`:
				ended = true
			case m.Method == "":
				answers++
			}
		}
		if answers > 1 || !ended {
			t.Errorf("%q: %d answers, ended %v", line, answers, ended)
		}
	})
}

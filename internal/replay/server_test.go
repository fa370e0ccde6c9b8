package replay_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/replay"
)

type object = map[string]any

// tool sets as the real Codex 0.169 offers them, in short.
var (
	classicTools = []any{
		object{"type": "function", "name": "exec_command"},
		object{"type": "custom", "name": "apply_patch"},
		object{"type": "namespace", "name": "mcp__toy", "tools": []any{object{"type": "function", "name": "echo"}}},
	}
	unknownModelTools = []any{object{"type": "function", "name": "exec_command"}}
	codeModeTools     = object{"type": "additional_tools", "role": "developer", "tools": []any{
		object{"type": "namespace", "name": "functions", "tools": []any{object{"type": "custom", "name": "exec"}}},
	}}
)

func user(text string) object {
	return object{"type": "message", "role": "user", "content": []any{object{"type": "input_text", "text": text}}}
}

func body(t testing.TB, tools any, input ...any) []byte {
	t.Helper()
	encoded, err := json.Marshal(object{"model": "gpt-5.5", "stream": true, "tools": tools, "input": input})
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

func parse(t testing.TB, script string) replay.Script {
	t.Helper()
	s, err := replay.Parse([]byte(script))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// post sends one request within the process.
func post(h http.Handler, body []byte, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/v1/responses", bytes.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// events are the data of a stream, decoded; each must carry its own type.
func events(t testing.TB, stream io.Reader) []object {
	t.Helper()
	var all []object
	kind := ""
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			kind = name
		}
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var event object
		if err := json.Unmarshal([]byte(data), &event); err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		if event["type"] != kind {
			t.Errorf("event %q has type %q", kind, event["type"])
		}
		all = append(all, event)
	}
	return all
}

// items are the finished output items of a stream.
func items(t testing.TB, stream io.Reader) []any {
	t.Helper()
	var all []any
	for _, e := range events(t, stream) {
		if e["type"] == "response.output_item.done" {
			all = append(all, e["item"])
		}
	}
	return all
}

const everything = `{"conversations": [{"match": "", "steps": [{"items": [
	{"think": "**Hm**"}, {"run": "echo \"a\""}, {"patch": "*** Begin Patch\n*** Add File: a\n+x\n*** End Patch\n"},
	{"code": "text(1)"}, {"call": {"name": "echo", "namespace": "mcp__toy", "arguments": {"text": "hi"}}},
	{"call": {"name": "bare"}}, {"raw": {"type": "web_search_call", "id": "ws_1"}}, {"say": "one two three four"}
], "usage": {"input": 10, "cached": 4, "output": 3, "reasoning": 2}}]}]}`

func TestEveryItemInTheWayOfItsModel(t *testing.T) {
	const patch = "*** Begin Patch\n*** Add File: a\n+x\n*** End Patch\n"
	call := func(n int, rest object) object {
		rest["call_id"] = fmt.Sprintf("call-replay-step-0-%d", n)
		return rest
	}
	same := func(run, patched object) []any {
		return []any{
			object{"type": "reasoning", "id": "rs-replay-step-0-0", "encrypted_content": "none", "summary": []any{object{"type": "summary_text", "text": "**Hm**"}}},
			call(1, run), call(2, patched),
			call(3, object{"type": "custom_tool_call", "name": "exec", "input": "text(1)"}),
			call(4, object{"type": "function_call", "name": "echo", "namespace": "mcp__toy", "arguments": `{"text":"hi"}`}),
			call(5, object{"type": "function_call", "name": "bare", "arguments": `{}`}),
			object{"type": "web_search_call", "id": "ws_1"},
			object{"type": "message", "role": "assistant", "id": "msg-replay-step-0-7", "content": []any{object{"type": "output_text", "text": "one two three four"}}},
		}
	}
	classicRun := object{"type": "function_call", "name": "exec_command", "arguments": `{"cmd":"echo \"a\""}`}
	tests := map[string]struct {
		body []byte
		want []any
	}{
		"plain tools": {
			body(t, classicTools, user("go")),
			same(classicRun, object{"type": "custom_tool_call", "name": "apply_patch", "input": patch}),
		},
		"no apply_patch": {
			body(t, unknownModelTools, user("go")),
			same(classicRun, object{
				"type": "function_call", "name": "exec_command",
				"arguments": `{"cmd":"apply_patch \u003c\u003c'REPLAY_EOF'\n*** Begin Patch\n*** Add File: a\n+x\n*** End Patch\nREPLAY_EOF"}`,
			}),
		},
		"code mode": {
			body(t, nil, codeModeTools, user("go")),
			same(
				object{"type": "custom_tool_call", "name": "exec", "input": "const r = await tools.exec_command({\"cmd\":\"echo \\\"a\\\"\"}); text(r);\n"},
				object{"type": "custom_tool_call", "name": "exec", "input": "const r = await tools.apply_patch(\"*** Begin Patch\\n*** Add File: a\\n+x\\n*** End Patch\\n\"); text(r);\n"},
			),
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := post(replay.NewServer(parse(t, everything), replay.Options{}), tt.body)
			if diff := cmp.Diff(tt.want, items(t, w.Body)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestAStreamHasABeginningDeltasAndAnEnd(t *testing.T) {
	w := post(replay.NewServer(parse(t, everything), replay.Options{}), body(t, classicTools, user("go")))
	if got := w.Header().Get("Content-Type"); w.Code != http.StatusOK || got != "text/event-stream" {
		t.Errorf("got %d, %s", w.Code, got)
	}
	all := events(t, w.Body)
	said := ""
	for _, e := range all {
		if e["type"] == "response.output_text.delta" {
			said += e["delta"].(string)
		}
	}
	if said != "one two three four" {
		t.Errorf("the deltas are %q", said)
	}
	want := object{"type": "response.completed", "response": object{"id": "resp-replay-step-0", "usage": object{
		"input_tokens": 10.0, "input_tokens_details": object{"cached_tokens": 4.0},
		"output_tokens": 3.0, "output_tokens_details": object{"reasoning_tokens": 2.0}, "total_tokens": 13.0,
	}}}
	if diff := cmp.Diff(want, all[len(all)-1]); diff != "" || all[0]["type"] != "response.created" {
		t.Errorf("begins with %v, ends with\n%s", all[0], diff)
	}
}

const threeSteps = `{"conversations": [
	{"match": "alpha", "steps": [{"items": [{"run": "one"}, {"run": "two"}]}, {"items": [{"run": "three"}]}, {"items": [{"say": "done"}]}, {"items": [{"say": "again"}]}]},
	{"match": "beta", "steps": [{"items": [{"say": "beta here"}]}]}
]}`

// converse plays Codex: it answers every call, until the model only talks.
func converse(t testing.TB, h http.Handler, input []any, tools any) (history []any, requests int) {
	t.Helper()
	for {
		requests++
		w := post(h, body(t, tools, input...))
		if w.Code != http.StatusOK {
			t.Fatalf("got %d: %s", w.Code, w.Body)
		}
		called := false
		got := items(t, w.Body)
		input = append(input, got...)
		for _, it := range got {
			if id, ok := it.(object)["call_id"]; ok {
				called = true
				input = append(input, object{"type": "function_call_output", "call_id": id, "output": "ok"})
			}
		}
		if !called || requests > 10 {
			return input, requests
		}
	}
}

func TestStepsFollowFromTheRequestAlone(t *testing.T) {
	for name, tools := range map[string]any{"plain": classicTools, "none of ours": []any{object{"type": "function", "name": "other"}}} {
		// A fresh server for every request: nothing may be remembered.
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			replay.NewServer(parse(t, threeSteps), replay.Options{}).ServeHTTP(w, r)
		})
		input, n := converse(t, h, []any{user("do alpha")}, tools)
		if n != 3 {
			t.Errorf("%s: took %d requests", name, n)
		}
		// A later turn of the same thread goes on where the first one ended.
		input, n = converse(t, h, append(input, user("more")), tools)
		last, _ := json.Marshal(input[len(input)-1])
		if n != 1 || !bytes.Contains(last, []byte("again")) {
			t.Errorf("%s: the next turn took %d requests and ended with %s", name, n, last)
		}
		if w := post(h, body(t, tools, append(input, user("and more"))...)); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "has 4 steps") {
			t.Errorf("%s: after the last step came %d: %s", name, w.Code, w.Body)
		}
	}
}

func TestConversationsAreToldApartAndInParallel(t *testing.T) {
	s := replay.NewServer(parse(t, threeSteps), replay.Options{})
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			word, want := "alpha", 3
			if i%2 == 1 {
				word, want = "beta", 1
			}
			if _, n := converse(t, s, []any{user("environment"), user("please do " + word)}, classicTools); n != want {
				t.Errorf("%s took %d requests", word, n)
			}
		})
	}
	all.Wait()
	w := post(s, body(t, classicTools, user("gamma")))
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `no conversation of the script matches: \"gamma`) {
		t.Errorf("got %d: %s", w.Code, w.Body)
	}
	// What the tools give back is not what the user asked.
	w = post(s, body(t, classicTools, user("beta"),
		object{"type": "function_call", "call_id": "x", "name": "n"}, object{"type": "function_call_output", "call_id": "x", "output": "alpha"}))
	if got := items(t, w.Body); len(got) != 1 {
		t.Errorf("a tool's output chose the conversation: %v", got)
	}
}

// Codex replaces a history that grows too long by a summary; the calls in it,
// which carry the step, are gone then.
func TestCompactionKeepsTheStep(t *testing.T) {
	ask := user("You are performing a CONTEXT CHECKPOINT COMPACTION. Create a handoff summary.")
	for name, request := range map[string]func(...any) []byte{
		"without tools": func(in ...any) []byte { return body(t, nil, in...) },
		"code mode":     func(in ...any) []byte { return body(t, nil, append([]any{codeModeTools}, in...)...) },
	} {
		s := replay.NewServer(parse(t, threeSteps), replay.Options{})
		w := post(s, request(user("do alpha"),
			object{"type": "function_call", "call_id": "call-replay-step-0-0", "name": "exec_command"},
			object{"type": "function_call_output", "call_id": "call-replay-step-0-0", "output": "ok"}, ask))
		got := items(t, w.Body)
		if len(got) != 1 || got[0].(object)["type"] != "message" {
			t.Fatalf("%s: the summary is %v", name, got)
		}
		text := got[0].(object)["content"].([]any)[0].(object)["text"].(string)
		w = post(s, body(t, classicTools, user("do alpha"), user("Another model's summary: "+text)))
		if next := items(t, w.Body); next[0].(object)["arguments"] != `{"cmd":"three"}` {
			t.Errorf("%s: after the summary %q came %v", name, text, next)
		}
	}
}

func TestKey(t *testing.T) {
	s := replay.NewServer(parse(t, threeSteps), replay.Options{Key: "sk-right"})
	request := body(t, classicTools, user("beta"))
	for header, want := range map[string]int{
		"":                  http.StatusUnauthorized,
		"Bearer sk-wrong":   http.StatusUnauthorized,
		"sk-right":          http.StatusUnauthorized,
		"Bearer sk-right":   http.StatusOK,
		"Bearer sk-right2":  http.StatusUnauthorized,
		"bearer  sk-right ": http.StatusUnauthorized,
	} {
		var w *httptest.ResponseRecorder
		if header == "" {
			w = post(s, request)
		} else {
			w = post(s, request, "Authorization", header)
		}
		if w.Code != want {
			t.Errorf("%q gave %d, want %d", header, w.Code, want)
		}
		all := s.Requests()
		if last := all[len(all)-1]; last.HasCredential != (header != "") || last.Status != want {
			t.Errorf("%q was recorded as %v, %d", header, last.HasCredential, last.Status)
		}
	}
}

func TestRequests(t *testing.T) {
	s := replay.NewServer(parse(t, threeSteps), replay.Options{Keep: 2})
	first := body(t, classicTools, user("beta"))
	post(s, []byte("{"))
	post(s, first, "Thread-Id", "t1")
	post(s, body(t, classicTools, user("do alpha"), object{"type": "function_call_output", "call_id": "call-replay-step-0-1", "output": []any{object{"text": "out"}}}))
	got := s.Requests()
	if len(got) != 2 {
		t.Fatalf("kept %d", len(got))
	}
	r := got[0]
	if r.Path != "/v1/responses" || r.Header.Get("Thread-Id") != "t1" || r.BodyBytes != int64(len(first)) ||
		r.Model != "gpt-5.5" || r.Conversation != 1 || r.Step != 0 || r.Status != 200 || !bytes.Equal(r.Body, first) {
		t.Errorf("got %+v", r)
	}
	if diff := cmp.Diff([]string{"exec_command", "apply_patch", "mcp__toy.echo"}, r.Tools); diff != "" {
		t.Error(diff)
	}
	want := []replay.Input{
		{Type: "message", Role: "user", Text: "do alpha"},
		{Type: "function_call_output", Text: "out", CallID: "call-replay-step-0-1"},
	}
	if diff := cmp.Diff(want, got[1].Input); diff != "" || got[1].Step != 1 {
		t.Errorf("step %d\n%s", got[1].Step, diff)
	}
	none := replay.NewServer(parse(t, threeSteps), replay.Options{Keep: -1})
	post(none, first)
	if kept := none.Requests(); len(kept) != 0 {
		t.Errorf("kept %d", len(kept))
	}
}

func TestOtherRequestsAreRefused(t *testing.T) {
	s := replay.NewServer(parse(t, threeSteps), replay.Options{})
	for _, tt := range []struct {
		method, path, encoding, body string
		want                         int
	}{
		{"GET", "/v1/models", "", "", 404},
		{"GET", "/v1/responses", "", "", 404},
		{"POST", "/v1/responses/compact", "", "{}", 404},
		{"POST", "/v1/responses", "zstd", "{}", 415},
		{"POST", "/v1/responses", "", "{", 400},
		{"POST", "/v1/responses", "", `{"input":[7]}`, 400},
		{"POST", "/responses", "", `{"input":[]}`, 400},
	} {
		r := httptest.NewRequest(tt.method, tt.path, strings.NewReader(tt.body))
		r.Header.Set("Content-Encoding", tt.encoding)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		var got struct{ Error struct{ Message string } }
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != tt.want || got.Error.Message == "" {
			t.Errorf("%s %s gave %d: %s", tt.method, tt.path, w.Code, w.Body)
		}
	}
}

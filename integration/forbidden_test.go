//go:build integration

package integration

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// smuggled is in every forbidden request, and in no other.
const smuggled = "smuggled-4711"

const attempts = `try() { # name, request
  exec 3<>/dev/tcp/127.0.0.1/8128
  base64 -d <<<"$2" >&3
  echo "$1: $(head -1 <&3 | tr -d '\r' | cut -d' ' -f2)"
  exec 3>&-
}
# Each call that is let in waits for a body that does not come: the first answer is
# that of the one too many.
crowd() {
  for i in 1 2 3 4 5 6 7 8 9; do
    (exec 3<>/dev/tcp/127.0.0.1/8128; base64 -d <<<"$1" >&3; exec head -1 <&3 >/tmp/crowd.$i) &
  done
  wait -n
  echo "crowd: $(cat /tmp/crowd.* | tr -d '\r' | cut -d' ' -f2 | xargs)"
  kill $(jobs -p) 2>/dev/null; wait
}
# The gateway notices in its own time that they are gone.
again() {
  for i in $(seq 200); do
    answer=$(try "$1" "$2")
    case $answer in *": 429") sleep 0.05 ;; *) break ;; esac
  done
  echo "$answer"
}
`

// request is one as a process writes it.
func request(line string, headers []string, body string) string {
	return fmt.Sprintf("%s HTTP/1.1\r\nHost: api.openai.com\r\nContent-Type: application/json\r\nX-Data: %s\r\n%sContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		line, smuggled, strings.Join(headers, ""), len(body), body)
}

// call is a model call with more in it than one has, and with tools.
func call(more, tools, content string) string {
	return request("POST /v1/responses", nil, fmt.Sprintf(
		`{"model":"gpt-5.5",%s"tools":[%s],"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":%q}%s]}],"stream":true,"store":false}`,
		more, tools, smuggled, content))
}

// With each of these the provider would fetch, search, run, draw, call or keep
// something for the sandbox.
var forbiddenBodies = map[string]string{
	"web-search":         call("", `{"type":"web_search"}`, ""),
	"web-search-preview": call("", `{"type":"web_search_preview"}`, ""),
	"file-search":        call("", `{"type":"file_search","vector_store_ids":["vs_1"]}`, ""),
	"code-interpreter":   call("", `{"type":"code_interpreter","container":{"type":"auto"}}`, ""),
	"hosted-shell":       call("", `{"type":"shell","environment":{"type":"container_auto"}}`, ""),
	"remote-mcp":         call("", `{"type":"mcp","server_label":"x","server_url":"https://evil.example/mcp","require_approval":"never"}`, ""),
	"connector":          call("", `{"type":"mcp","server_label":"x","connector_id":"connector_gmail","authorization":"x"}`, ""),
	"mcp-in-namespace":   call("", `{"type":"namespace","name":"n","tools":[{"type":"mcp","server_label":"x","server_url":"https://evil.example"}]}`, ""),
	"image-generation":   call("", `{"type":"image_generation"}`, ""),
	"computer-use":       call("", `{"type":"computer_use_preview","display_width":1024,"display_height":768,"environment":"browser"}`, ""),
	"computer":           call("", `{"type":"computer"}`, ""),
	"hosted-tool-search": call("", `{"type":"tool_search"}`, ""),
	"hosted-tool-choice": call(`"tool_choice":{"type":"code_interpreter"},`, "", ""),
	"file-url":           call("", "", `,{"type":"input_file","file_url":"https://evil.example/data"}`),
	"file-id":            call("", "", `,{"type":"input_file","file_id":"file-1"}`),
	"image-url":          call("", "", `,{"type":"input_image","image_url":"https://evil.example/data"}`),
	"image-file-url":     call("", "", `,{"type":"input_image","image_url":"file:///etc/passwd"}`),
	"image-id":           call("", "", `,{"type":"input_image","file_id":"file-1"}`),
	"schema-url":         call("", `{"type":"function","name":"f","parameters":{"$ref":"https://evil.example/schema"}}`, ""),
	"previous-response":  call(`"previous_response_id":"resp_1",`, "", ""),
	"conversation":       call(`"conversation":"conv_1",`, "", ""),
	"conversation-id":    call(`"conversation":{"id":"conv_1"},`, "", ""),
	"background":         call(`"background":true,`, "", ""),
	"prompt-template":    call(`"prompt":{"id":"pmpt_1","variables":{}},`, "", ""),
	"metadata":           call(`"metadata":{"k":"v"},`, "", ""),
	"include":            call(`"include":["code_interpreter_call.outputs"],`, "", ""),
	"other-model":        strings.Replace(call("", "", ""), "gpt-5.5", "gpt-4.1", 1),
	"stored":             strings.Replace(call("", "", ""), `"store":false`, `"store":true `, 1),
	"store-twice":        call(`"store":true,`, "", ""),
	"not-streamed":       strings.Replace(call("", "", ""), `"stream":true`, `"stream":null`, 1),
	"item-reference":     request("POST /v1/responses", nil, `{"model":"gpt-5.5","input":[{"type":"item_reference","id":"msg_1"}],"stream":true,"store":false}`),
	"input-text":         request("POST /v1/responses", nil, `{"model":"gpt-5.5","input":"`+smuggled+`","stream":true,"store":false}`),
	"no-json":            request("POST /v1/responses", nil, smuggled),
}

var forbiddenRoutes = map[string]string{
	"chat":              request("POST /v1/chat/completions", nil, "{}"),
	"images":            request("POST /v1/images/generations", nil, "{}"),
	"embeddings":        request("POST /v1/embeddings", nil, "{}"),
	"vector-stores":     request("POST /v1/vector_stores", nil, "{}"),
	"conversations":     request("POST /v1/conversations", nil, "{}"),
	"containers":        request("POST /v1/containers", nil, "{}"),
	"batches":           request("POST /v1/batches", nil, "{}"),
	"compact":           request("POST /v1/responses/compact", nil, "{}"),
	"cancel":            request("POST /v1/responses/resp_1/cancel", nil, ""),
	"retrieve":          request("GET /v1/responses/resp_1", nil, ""),
	"download":          request("GET /v1/files/file-1/content", nil, ""),
	"slash-behind":      request("POST /v1/responses/", nil, "{}"),
	"slash-twice":       request("POST //v1/responses", nil, "{}"),
	"escaped":           request("POST /v1/%72esponses", nil, "{}"),
	"get":               request("GET /v1/responses", nil, ""),
	"head":              request("HEAD /v1/responses", nil, ""),
	"options":           request("OPTIONS /v1/responses", nil, ""),
	"put":               request("PUT /v1/responses", nil, "{}"),
	"patch":             request("PATCH /v1/responses", nil, "{}"),
	"delete":            request("DELETE /v1/responses", nil, ""),
	"trace":             request("TRACE /v1/responses", nil, ""),
	"lower-case":        request("post /v1/responses", nil, "{}"),
	"websocket":         request("POST /v1/responses", []string{"Upgrade: websocket\r\n"}, "{}"),
	"realtime":          request("GET /v1/realtime", []string{"Upgrade: websocket\r\n"}, ""),
	"someone-elses-url": request("GET http://evil.example/", nil, ""),
}

// A body that says it is too large, and one that is when it has been unpacked.
func forbiddenSizes(t *testing.T) map[string]string {
	t.Helper()
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, err := io.Copy(z, io.LimitReader(zeros{}, 33<<20))
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"too-large": strings.Replace(call("", "", ""), "Content-Length: ", "Content-Length: 99999", 1),
		"bomb":      request("POST /v1/responses", []string{"Content-Encoding: gzip\r\n"}, bomb.String()),
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// Any process in a sandbox can talk to the gateway. Whatever it asks for beside a
// model call like Codex's own is refused, and the model never hears of it.
func TestEachForbiddenThingIsRefusedAndGoesNowhere(t *testing.T) {
	t.Parallel()
	want, script := map[string]int{"good": 200, "crowd": 429, "good-afterwards": 200}, attempts
	try := func(name, request string, status int) {
		want[name] = status
		script += fmt.Sprintf("try %s %s\n", name, base64.StdEncoding.EncodeToString([]byte(request)))
	}
	good := strings.ReplaceAll(call("", "", ""), smuggled, "harmless-1234") // as long
	try("good", good, 200)
	// In this order, since a result does not list every refusal.
	sizes := forbiddenSizes(t)
	try("too-large", sizes["too-large"], 413)
	for name, route := range forbiddenRoutes {
		try(name, route, 403)
	}
	for name, body := range forbiddenBodies {
		try(name, body, 400)
	}
	script += "crowd " + base64.StdEncoding.EncodeToString([]byte(strings.Replace(good, "Content-Length: ", "Content-Length: 1", 1))) + "\n"
	script += "again good-afterwards " + base64.StdEncoding.EncodeToString([]byte(good)) + "\n"

	try("bomb", sizes["bomb"], 400)
	// As a file: no command is as long as that.
	h := newHost(t, conversation("Try it all", patient("bash try.sh; echo tried"), say("Tried.")), conversation("harmless", say("hello")))
	h.write("try.sh", script)
	h.configure(nil)
	r := h.serve().run("Try it all.")

	heard := h.heard()
	for name, status := range want {
		if !strings.Contains(heard, fmt.Sprintf("%s: %d\n", name, status)) {
			t.Errorf("it did not say %q", fmt.Sprintf("%s: %d", name, status))
		}
	}
	if r.Status != task.Failed || r.Failure == nil || r.Failure.Kind != task.FailRule || !has(r, "gateway-route") || !has(r, "gateway-request") || !has(r, "gateway-limit") {
		t.Errorf("%s, %+v, %+v", r.Status, r.Failure, r.Findings)
	}
	codex, ours := 0, 0
	for _, req := range h.model.Requests() {
		switch {
		case req.Method != "POST" || req.Path != "/v1/responses" || req.Status != 200 || strings.Contains(string(req.Body), smuggled) || req.Header.Get("X-Data") != "":
			t.Errorf("the model was asked %s %s: %d, %.300s", req.Method, req.Path, req.Status, req.Body)
		case req.Header.Get("Thread-Id") != "":
			codex++
		default:
			ours++
		}
	}
	if codex != 2 || ours != 2 {
		t.Errorf("the model was called %d times by Codex and %d times by the test", codex, ours)
	}
	if t.Failed() {
		t.Logf("%s", heard)
	}
}

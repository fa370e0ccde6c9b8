package replay

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// answer is a decided response: a body, or else a stream.
type answer struct {
	status int
	header map[string]string
	body   []byte
	tools  toolset
	number int
	step   *Step
}

func stream(tools toolset, number int, step Step) answer {
	return answer{status: http.StatusOK, tools: tools, number: number, step: &step}
}

// send writes the answer. A client that goes away ends it early; there is
// nobody to tell, so it returns nothing.
func (a answer) send(ctx context.Context, w http.ResponseWriter) {
	if a.step == nil {
		for name, value := range a.header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(a.status)
		_, _ = w.Write(a.body)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(a.status)
	out := &events{w: w, flush: http.NewResponseController(w), id: "resp-" + markOf(a.number)}
	out.emit(object{"type": "response.created", "response": object{"id": out.id}})
	if f := a.step.Fault; f != nil && f.Kind == FaultHang {
		<-ctx.Done()
		return
	}
	for i, item := range a.step.Items {
		pause := time.Duration(a.step.DelayMS) * time.Millisecond
		if !sleep(ctx, pause) {
			return
		}
		out.item(ctx, item, a.tools, a.number, i, min(pause/10, 100*time.Millisecond))
	}
	out.end(a.step)
}

// object is a JSON object.
type object map[string]any

// events writes server-sent events. After the first error it writes no more.
type events struct {
	w     io.Writer
	flush *http.ResponseController
	id    string
	// over: the script has sent an end of its own.
	over bool
	err  error
}

func (e *events) emit(event object) {
	data, err := json.Marshal(event)
	if err != nil {
		e.err = err
		return
	}
	e.raw(fmt.Sprint(event["type"]), data)
}

func (e *events) raw(kind string, data []byte) {
	if e.err != nil {
		return
	}
	if _, e.err = fmt.Fprintf(e.w, "event: %s\ndata: %s\n\n", kind, data); e.err == nil {
		e.err = e.flush.Flush()
	}
}

func (e *events) done(item any) {
	e.emit(object{"type": "response.output_item.done", "item": item})
}

// item sends one item of a step, text in pieces.
func (e *events) item(ctx context.Context, it Item, tools toolset, step, i int, pause time.Duration) {
	id := fmt.Sprintf("%s-%d", markOf(step), i)
	switch {
	case it.Say != nil:
		message := func(content ...object) object {
			return object{"type": "message", "role": "assistant", "id": "msg-" + id, "content": content}
		}
		e.emit(object{"type": "response.output_item.added", "item": message([]object{}...)})
		for _, piece := range pieces(*it.Say) {
			e.emit(object{"type": "response.output_text.delta", "item_id": "msg-" + id, "delta": piece})
			if !sleep(ctx, pause) {
				return
			}
		}
		e.done(message(object{"type": "output_text", "text": *it.Say}))
	case it.Think != nil:
		summary := object{"type": "summary_text", "text": *it.Think}
		e.done(object{"type": "reasoning", "id": "rs-" + id, "summary": []object{summary}, "encrypted_content": "none"})
	case it.Raw != nil:
		e.done(it.Raw)
	case it.Event != nil:
		kind := typeOf(it.Event)
		switch kind {
		case "response.completed", "response.failed", "response.incomplete":
			e.over = true
		}
		e.raw(kind, compact(it.Event))
	default:
		e.done(call(it, tools, "call-"+id))
	}
}

// call is the tool call for it, in the way of the model that was asked for.
func call(it Item, tools toolset, id string) object {
	function := func(name, namespace string, arguments any) object {
		encoded, _ := json.Marshal(arguments) // strings and valid JSON only
		call := object{"type": "function_call", "call_id": id, "name": name, "arguments": string(encoded)}
		if namespace != "" {
			call["namespace"] = namespace
		}
		return call
	}
	custom := func(name, input string) object {
		return object{"type": "custom_tool_call", "call_id": id, "name": name, "input": input}
	}
	switch {
	case it.Code != nil:
		return custom("exec", *it.Code)
	case it.Call != nil:
		if it.Call.Arguments == nil {
			return function(it.Call.Name, it.Call.Namespace, object{})
		}
		return function(it.Call.Name, it.Call.Namespace, it.Call.Arguments)
	case it.Run != nil && tools.code:
		return custom("exec", "const r = await tools.exec_command("+literal(object{"cmd": *it.Run})+"); text(r);\n")
	case it.Run != nil:
		return function("exec_command", "", object{"cmd": *it.Run})
	case tools.code:
		return custom("exec", "const r = await tools.apply_patch("+literal(*it.Patch)+"); text(r);\n")
	case tools.patch:
		return custom("apply_patch", *it.Patch)
	default:
		// A model that is offered no apply_patch writes it into a shell; Codex
		// takes it out of there.
		return function("exec_command", "", object{
			"cmd": "apply_patch <<'REPLAY_EOF'\n" + strings.TrimRight(*it.Patch, "\n") + "\nREPLAY_EOF",
		})
	}
}

// end closes the stream as the step wants it.
func (e *events) end(step *Step) {
	kind := FaultKind("")
	if step.Fault != nil {
		kind = step.Fault.Kind
	}
	switch kind {
	case FaultCut:
		_, _ = io.WriteString(e.w, "event: response.output_text.delta\ndata: {\"type\":\"resp")
		_ = e.flush.Flush()
		if conn, _, err := e.flush.Hijack(); err == nil {
			_ = conn.Close()
		}
		return
	case FaultNoCompleted:
		return
	case FaultFlood:
		e.flood(step.Fault.Bytes)
	}
	if e.over {
		return
	}
	usage := DefaultUsage
	if step.Usage != nil {
		usage = *step.Usage
	}
	e.emit(object{"type": "response.completed", "response": object{
		"id": e.id,
		"usage": object{
			"input_tokens":          usage.Input,
			"input_tokens_details":  object{"cached_tokens": usage.Cached},
			"output_tokens":         usage.Output,
			"output_tokens_details": object{"reasoning_tokens": usage.Reasoning},
			"total_tokens":          usage.Input + usage.Output,
		},
	}})
}

func (e *events) flood(size int64) {
	if size == 0 {
		size = 8 << 20
	}
	piece := strings.Repeat("flood ", 10_000)
	for sent := int64(0); sent < size && e.err == nil; sent += int64(len(piece)) {
		e.emit(object{"type": "response.output_text.delta", "item_id": "msg-flood", "delta": piece})
	}
}

// literal is v as a JavaScript expression: JSON is one.
func literal(v any) string {
	encoded, _ := json.Marshal(v) // strings only
	return string(encoded)
}

// compact puts a JSON value on one line: an event's data must not hold a newline.
func compact(raw json.RawMessage) []byte {
	encoded, err := json.Marshal(raw)
	if err != nil {
		return raw
	}
	return encoded
}

// pieces cuts text after every third word, as a model's deltas come.
func pieces(text string) []string {
	words := strings.SplitAfter(text, " ")
	var all []string
	for len(words) > 0 {
		n := min(3, len(words))
		all = append(all, strings.Join(words[:n], ""))
		words = words[n:]
	}
	return all
}

// sleep says whether d has passed; false means that ctx was done first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

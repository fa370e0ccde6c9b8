package replay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// parser decodes a script piece by piece, since encoding/json would stop at
// the first problem.
type parser struct {
	problems []string
}

func (p *parser) problem(path, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if path != "" {
		text = path + ": " + text
	}
	p.problems = append(p.problems, text)
}

// object spreads a JSON object over into, which maps each known key to a
// pointer. It says whether raw was an object.
func (p *parser) object(path string, raw json.RawMessage, into map[string]any) bool {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil || fields == nil {
		p.problem(path, "want an object, got %s", abbreviate(raw))
		return false
	}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		dst, ok := into[key]
		if !ok {
			p.problem(path, "unknown field %q", key)
			continue
		}
		if err := json.Unmarshal(fields[key], dst); err != nil {
			p.problem(join(path, key), "want %s, got %s", want(dst), abbreviate(fields[key]))
		}
	}
	return true
}

func (p *parser) script(data []byte) Script {
	var s Script
	if err := syntax(data); err != nil {
		p.problem("", "not JSON: %v", err)
		return s
	}
	var conversations []json.RawMessage
	if !p.object("", data, map[string]any{"conversations": &conversations}) {
		return s
	}
	if len(conversations) == 0 {
		p.problem("conversations", "there are none")
	}
	for i, raw := range conversations {
		s.Conversations = append(s.Conversations, p.conversation(index("conversations", i), raw))
	}
	for i, c := range s.Conversations {
		if c.Match == "" && i < len(s.Conversations)-1 {
			p.problem(index("conversations", i), "matches everything, so nothing after it is ever used")
		}
	}
	return s
}

func (p *parser) conversation(path string, raw json.RawMessage) Conversation {
	var c Conversation
	var steps []json.RawMessage
	if !p.object(path, raw, map[string]any{"match": &c.Match, "steps": &steps}) {
		return c
	}
	if len(steps) == 0 {
		p.problem(join(path, "steps"), "there are none")
	}
	for i, step := range steps {
		c.Steps = append(c.Steps, p.step(index(join(path, "steps"), i), step))
	}
	return c
}

func (p *parser) step(path string, raw json.RawMessage) Step {
	var s Step
	var items []json.RawMessage
	var usage, fault json.RawMessage
	ok := p.object(path, raw, map[string]any{
		"items": &items, "usage": &usage, "delay_ms": &s.DelayMS, "fault": &fault,
	})
	if !ok {
		return s
	}
	for i, item := range items {
		s.Items = append(s.Items, p.item(index(join(path, "items"), i), item))
	}
	if usage != nil {
		s.Usage = new(Usage)
		p.object(join(path, "usage"), usage, map[string]any{
			"input": &s.Usage.Input, "cached": &s.Usage.Cached,
			"output": &s.Usage.Output, "reasoning": &s.Usage.Reasoning,
		})
	}
	if s.DelayMS < 0 {
		p.problem(join(path, "delay_ms"), "is negative")
	}
	if fault != nil {
		s.Fault = p.fault(join(path, "fault"), fault)
	}
	if len(items) == 0 && s.Fault == nil {
		p.problem(path, "has neither items nor a fault")
	}
	if len(items) > 0 && s.Fault != nil && s.Fault.Kind == FaultStatus {
		p.problem(path, "has items, which a fault of kind status would never send")
	}
	return s
}

func (p *parser) item(path string, raw json.RawMessage) Item {
	var it Item
	var call json.RawMessage
	ok := p.object(path, raw, map[string]any{
		"say": &it.Say, "think": &it.Think, "run": &it.Run, "patch": &it.Patch,
		"code": &it.Code, "call": &call, "raw": &it.Raw, "event": &it.Event,
	})
	if !ok {
		return it
	}
	if call != nil {
		it.Call = p.call(join(path, "call"), call)
	}
	set := 0
	for _, is := range []bool{
		it.Say != nil, it.Think != nil, it.Run != nil, it.Patch != nil,
		it.Code != nil, it.Call != nil, it.Raw != nil, it.Event != nil,
	} {
		if is {
			set++
		}
	}
	if set != 1 {
		p.problem(path, "want exactly one of say, think, run, patch, code, call, raw and event, got %d", set)
	}
	if it.Raw != nil && typeOf(it.Raw) == "" {
		p.problem(join(path, "raw"), "want an object with a type")
	}
	if it.Event != nil && typeOf(it.Event) == "" {
		p.problem(join(path, "event"), "want an object with a type")
	}
	return it
}

func (p *parser) call(path string, raw json.RawMessage) *Call {
	c := new(Call)
	ok := p.object(path, raw, map[string]any{
		"name": &c.Name, "namespace": &c.Namespace, "arguments": &c.Arguments,
	})
	if ok && c.Name == "" {
		p.problem(join(path, "name"), "is missing")
	}
	if c.Arguments != nil && c.Arguments[0] != '{' {
		p.problem(join(path, "arguments"), "want an object, got %s", abbreviate(c.Arguments))
	}
	return c
}

func (p *parser) fault(path string, raw json.RawMessage) *Fault {
	f := new(Fault)
	if raw[0] == '"' {
		if err := json.Unmarshal(raw, &f.Kind); err != nil {
			p.problem(path, "want a kind, got %s", abbreviate(raw))
		}
	} else {
		p.object(path, raw, map[string]any{
			"kind": &f.Kind, "status": &f.Status, "body": &f.Body, "headers": &f.Headers,
			"bytes": &f.Bytes, "times": &f.Times,
		})
		if f.Kind == "" {
			f.Kind = FaultStatus
		}
	}
	isStatus, isFlood := false, false
	switch f.Kind {
	case FaultStatus:
		isStatus = true
		if f.Status < 400 || f.Status > 599 {
			p.problem(join(path, "status"), "want 400 to 599, got %d", f.Status)
		}
	case FaultFlood:
		isFlood = true
	case FaultHang, FaultCut, FaultNoCompleted:
	default:
		p.problem(path, "unknown kind %q: want status, hang, cut, no_completed or flood", f.Kind)
	}
	if !isStatus && (f.Status != 0 || f.Body != nil || f.Headers != nil) {
		p.problem(path, "status, body and headers are for kind status")
	}
	if f.Bytes < 0 || !isFlood && f.Bytes != 0 {
		p.problem(join(path, "bytes"), "is for kind flood, and positive")
	}
	if f.Times < 0 {
		p.problem(join(path, "times"), "is negative")
	}
	return f
}

// syntax says where data stops being JSON.
func syntax(data []byte) error {
	var v json.RawMessage
	err := json.Unmarshal(data, &v)
	if at := (*json.SyntaxError)(nil); errors.As(err, &at) {
		line := 1 + bytes.Count(data[:min(int(at.Offset), len(data))], []byte("\n"))
		return fmt.Errorf("line %d: %w", line, err)
	}
	return err
}

// typeOf is the "type" of a JSON object; empty if it has none.
func typeOf(raw json.RawMessage) string {
	var v struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return ""
	}
	return v.Type
}

func want(dst any) string {
	switch dst.(type) {
	case *string, **string, *FaultKind:
		return "a string"
	case *int, *int64:
		return "a whole number"
	case *[]json.RawMessage:
		return "a list"
	default:
		return "an object"
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func index(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

func abbreviate(raw json.RawMessage) string {
	const most = 40
	if len(raw) <= most {
		return string(raw)
	}
	return string(bytes.ToValidUTF8(raw[:most], nil)) + "..."
}

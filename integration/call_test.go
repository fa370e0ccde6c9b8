//go:build integration

package integration

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/replay"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// pending is a call that may be answered.
type pending struct {
	s  *server
	id int
	c  chan message
}

func (s *server) call(method string, params any) pending {
	s.t.Helper()
	s.mu.Lock()
	s.nextID++
	p := pending{s, s.nextID, make(chan message, 1)}
	s.waiting[p.id] = p.c
	s.mu.Unlock()
	s.send(map[string]any{"jsonrpc": "2.0", "id": p.id, "method": method, "params": params})
	return p
}

func (s *server) notify(method string, params any) {
	s.t.Helper()
	s.send(map[string]any{"jsonrpc": "2.0", "method": method, "params": params})
}

func (s *server) send(v any) {
	s.t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.in.Write(append(b, '\n')); err != nil {
		s.t.Fatalf("write to the server: %v\n%s", err, s.stderr)
	}
}

func (p pending) wait(d time.Duration) message {
	p.s.t.Helper()
	select {
	case m := <-p.c:
		return m
	case <-p.s.exited:
		p.s.t.Fatalf("the server ended: %v\n%s", p.s.err, p.s.stderr)
	case <-time.After(d):
		p.s.t.Fatalf("no answer within %v\n--- stderr ---\n%s", d, p.s.stderr)
	}
	return message{}
}

// start calls run_codex_tasks, with progress.
func (s *server) start(args map[string]any) pending {
	s.t.Helper()
	return s.tool("run_codex_tasks", args)
}

// tool calls a tool, with progress.
func (s *server) tool(name string, args map[string]any) pending {
	s.t.Helper()
	return s.call("tools/call", map[string]any{
		"name": name, "arguments": args, "_meta": map[string]any{"progressToken": "p"},
	})
}

// toolResult is what a client sees of a call.
type toolResult struct {
	IsError           bool            `json:"isError"`
	StructuredContent json.RawMessage `json:"structuredContent"`
	Content           []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	} `json:"content"`
}

func (r toolResult) text() string {
	var b strings.Builder
	for _, c := range r.Content {
		b.WriteString(c.Text)
	}
	return b.String()
}

// raw waits for the tool's answer.
func (p pending) raw() toolResult {
	p.s.t.Helper()
	m := p.wait(4 * time.Minute)
	if m.Error != nil {
		p.s.t.Fatalf("the call failed: %+v\n%s", m.Error, p.s.stderr)
	}
	var r toolResult
	if err := json.Unmarshal(m.Result, &r); err != nil {
		p.s.t.Fatal(err)
	}
	return r
}

// into waits for what a tool says.
func (p pending) into(v any) {
	p.s.t.Helper()
	r := p.raw()
	if r.IsError {
		p.s.t.Fatalf("the call was refused: %s\n%s", r.text(), p.s.stderr)
	}
	if err := json.Unmarshal(r.StructuredContent, v); err != nil {
		p.s.t.Fatalf("%v in %s", err, r.StructuredContent)
	}
}

// result waits for a run's result.
func (p pending) result() (run task.RunResult) {
	p.s.t.Helper()
	p.into(&run)
	return run
}

// refusal waits for the text of a call that cannot be done.
func (p pending) refusal() string {
	p.s.t.Helper()
	r := p.raw()
	if !r.IsError {
		p.s.t.Fatalf("it was not refused: %s", r.StructuredContent)
	}
	return r.text()
}

// tasks are the arguments of a run.
func tasks(id string, all ...map[string]any) map[string]any {
	return map[string]any{"run_id": id, "concurrency": 3, "tasks": all}
}

// job is one task of a run; its prompt picks the conversation.
func job(id string, more map[string]any) map[string]any {
	t := map[string]any{"task_id": id, "prompt": "prompt of " + id + "."}
	for k, v := range more {
		t[k] = v
	}
	return t
}

// works is the conversation of the job with that id: one command.
func works(id, command string) replay.Conversation {
	return conversation("prompt of "+id+".", patient(command), say("Done."))
}

// run does one task and returns what came of it.
func (s *server) run(prompt string, more ...map[string]any) task.Result {
	s.t.Helper()
	t := map[string]any{"task_id": "t", "prompt": prompt}
	for _, m := range more {
		for k, v := range m {
			t[k] = v
		}
	}
	return s.start(map[string]any{"tasks": []any{t}}).result().Results[0]
}

package replay

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// Request is one call as the server saw it.
type Request struct {
	Method string
	Path   string
	Header http.Header
	// HasCredential says that an Authorization header was sent, right or wrong.
	HasCredential bool
	// BodyBytes is the size of the body on the wire.
	BodyBytes int64
	Model     string
	// Tools are the names of the tools offered, "namespace.name" inside one.
	Tools []string
	// Input is what Codex said and was told so far.
	Input []Input
	// Body is the whole request; nil if it was not JSON.
	Body json.RawMessage
	// Conversation and Step say what was answered; -1 if nothing of the script was.
	Conversation, Step int
	// Status is the HTTP status of the answer.
	Status int
}

// Input is one item of a request's input.
type Input struct {
	Type string
	// Role is set for messages.
	Role string
	// Text is what a message says, and what a tool call gave.
	Text string
	// CallID joins a call and its output.
	CallID string
}

// toolset is how the model of a request runs things.
type toolset struct {
	// code: everything goes through the custom tool exec, as JavaScript.
	code bool
	// patch: there is a custom tool apply_patch.
	patch bool
	// none: a request without any tool asks for a summary.
	none bool
}

type wireRequest struct {
	Model string            `json:"model"`
	Input []json.RawMessage `json:"input"`
	Tools []wireTool        `json:"tools"`
}

type wireTool struct {
	Type  string     `json:"type"`
	Name  string     `json:"name"`
	Tools []wireTool `json:"tools"`
}

type wireInput struct {
	Type    string          `json:"type"`
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
	Output  json.RawMessage `json:"output"`
	CallID  string          `json:"call_id"`
	// Tools are in an item of type additional_tools: newer models get theirs so.
	Tools []wireTool `json:"tools"`
}

// understand fills r from a request's body.
func (r *Request) understand(body []byte) (toolset, error) {
	var wire wireRequest
	if err := json.Unmarshal(body, &wire); err != nil {
		return toolset{}, fmt.Errorf("decode request: %w", err)
	}
	r.Body, r.Model = body, wire.Model
	tools := wire.Tools
	for i, raw := range wire.Input {
		var in wireInput
		if err := json.Unmarshal(raw, &in); err != nil {
			return toolset{}, fmt.Errorf("decode input[%d]: %w", i, err)
		}
		tools = append(tools, in.Tools...)
		kind := in.Type
		if kind == "" && in.Role != "" {
			kind = "message"
		}
		r.Input = append(r.Input, Input{
			Type: kind, Role: in.Role, Text: textOf(in.Content) + textOf(in.Output),
			CallID: in.CallID,
		})
	}
	has := toolset{none: len(tools) == 0}
	var walk func(prefix string, tools []wireTool)
	walk = func(prefix string, tools []wireTool) {
		for _, t := range tools {
			name := t.Name
			if name == "" {
				name = t.Type
			}
			if t.Type == "namespace" {
				walk(prefix+name+".", t.Tools)
				continue
			}
			r.Tools = append(r.Tools, prefix+name)
			has.code = has.code || t.Type == "custom" && name == "exec"
			has.patch = has.patch || t.Type == "custom" && name == "apply_patch"
		}
	}
	walk("", tools)
	return has, nil
}

// textOf is the text of a message's content or a tool's output: a string, or a
// list of parts that may have one.
func textOf(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var parts []struct {
		Text string `json:"text"`
	}
	if json.Unmarshal(raw, &parts) != nil {
		return string(raw)
	}
	var b strings.Builder
	for _, part := range parts {
		b.WriteString(part.Text)
	}
	return b.String()
}

// asked is what the user said before the model first spoke: the prompt, and
// what Codex puts around it.
func asked(input []Input) string {
	var b strings.Builder
	for _, in := range input {
		if in.Type == "message" && in.Role == "user" {
			b.WriteString(in.Text + "\n")
		} else if in.CallID != "" || in.Role == "assistant" {
			break
		}
	}
	return b.String()
}

// Marks carry the number of a step through Codex's history, so that the server
// need not remember it: tool calls have it in their call_id, and a summary, which
// replaces the calls, in its text.
var mark = regexp.MustCompile(`replay-step-(\d+)`)

func markOf(step int) string { return "replay-step-" + strconv.Itoa(step) }

// nextStep is the number of the first step that input shows no trace of. A
// message has no mark of its own, so each one that ends a turn (a later turn
// follows it) counts as one step.
func nextStep(input []Input) int {
	next := 0
	said := false
	for _, in := range input {
		if m := mark.FindStringSubmatch(in.CallID + in.summary()); m != nil {
			n, err := strconv.Atoi(m[1])
			if err == nil && n >= next {
				next = n + 1
			}
			said = false
			continue
		}
		switch {
		case in.Role == "assistant":
			said = true
		case in.Role == "user" && said:
			next++
			said = false
		}
	}
	return next
}

// summary is the text of in if it may be a summary of ours: Codex hands one
// back as the user's words.
func (in Input) summary() string {
	if in.Type == "message" && in.Role == "user" {
		return in.Text
	}
	return ""
}

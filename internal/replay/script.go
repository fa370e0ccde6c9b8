package replay

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// Script is what the server says. Load and Parse make valid ones.
type Script struct {
	// Conversations are tried in order; the first that matches answers.
	Conversations []Conversation `json:"conversations"`
}

// Conversation is the model's side of one task.
type Conversation struct {
	// Match is looked for in what the user said before the model first spoke.
	// The empty string matches everything, so such a conversation goes last.
	Match string `json:"match"`
	// Steps are one response each. Asking for more than there are is a 400.
	Steps []Step `json:"steps"`
}

// Step is one response of the model.
type Step struct {
	Items []Item `json:"items,omitempty"`
	// Usage is what the response claims to have cost; nil stands for DefaultUsage.
	Usage *Usage `json:"usage,omitempty"`
	// DelayMS is waited before each item, and a tenth of it, at most 100 ms,
	// between the pieces of its text.
	DelayMS int `json:"delay_ms,omitempty"`
	// Fault spoils the response, after its items where it has any.
	Fault *Fault `json:"fault,omitempty"`
}

// Item is one thing that the model does. Exactly one field is set.
type Item struct {
	// Say is a message to the user. A step with nothing but messages and
	// thoughts ends Codex's turn.
	Say *string `json:"say,omitempty"`
	// Think is a summary of the model's reasoning.
	Think *string `json:"think,omitempty"`
	// Run is a shell command, called the way that the request's model calls it.
	Run *string `json:"run,omitempty"`
	// Patch is in Codex's apply_patch format, called likewise.
	Patch *string `json:"patch,omitempty"`
	// Code is JavaScript for models that call everything from code.
	Code *string `json:"code,omitempty"`
	// Call is a call of any tool.
	Call *Call `json:"call,omitempty"`
	// Raw is an output item as it is on the wire.
	Raw json.RawMessage `json:"raw,omitempty"`
	// Event is a whole event as it is on the wire. After response.failed,
	// response.incomplete or response.completed the server adds no end of its own.
	Event json.RawMessage `json:"event,omitempty"`
}

// Call names a tool and its arguments.
type Call struct {
	Name string `json:"name"`
	// Namespace is "mcp__server" for the tools of an MCP server.
	Namespace string `json:"namespace,omitempty"`
	// Arguments is a JSON object; absent means {}.
	Arguments json.RawMessage `json:"arguments,omitempty"`
}

// Usage counts the tokens of one response.
type Usage struct {
	Input     int64 `json:"input"`
	Cached    int64 `json:"cached"`
	Output    int64 `json:"output"`
	Reasoning int64 `json:"reasoning"`
}

// DefaultUsage is claimed by a step that says nothing about its cost.
var DefaultUsage = Usage{Input: 1200, Cached: 800, Output: 60, Reasoning: 20}

// FaultKind is a way for a response to go wrong.
type FaultKind string

// The kinds of fault.
const (
	// FaultStatus answers with an HTTP status instead of a stream.
	FaultStatus FaultKind = "status"
	// FaultHang sends headers and then nothing, until the client goes away.
	FaultHang FaultKind = "hang"
	// FaultCut closes the connection in the middle of an event.
	FaultCut FaultKind = "cut"
	// FaultNoCompleted ends the stream properly, but without response.completed.
	FaultNoCompleted FaultKind = "no_completed"
	// FaultFlood sends Bytes of text, then ends as if nothing had happened.
	FaultFlood FaultKind = "flood"
)

// Fault is written as its kind alone ("hang") or as an object; an object
// without a kind is a status.
type Fault struct {
	Kind FaultKind `json:"kind,omitempty"`
	// Status, Body and Headers are the answer of FaultStatus. A Body that is a
	// JSON string is sent as the text in it; none means an error in OpenAI's form.
	Status  int               `json:"status,omitempty"`
	Body    json.RawMessage   `json:"body,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	// Bytes is the size of a flood; 0 means 8 MiB.
	Bytes int64 `json:"bytes,omitempty"`
	// Times is how often a thread meets the fault before the step works; 0 means
	// always. It is the one thing that the server keeps between requests.
	Times int `json:"times,omitempty"`
}

// Load reads a script from a file.
func Load(path string) (Script, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Script{}, fmt.Errorf("read script: %w", err)
	}
	s, err := Parse(data)
	if err != nil {
		return Script{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// Parse decodes and checks a script. The error, an Invalid, has every problem.
func Parse(data []byte) (Script, error) {
	var p parser
	s := p.script(data)
	if len(p.problems) > 0 {
		return Script{}, Invalid(p.problems)
	}
	return s, nil
}

// Invalid is all that is wrong with a script, each with its path, as in
// "conversations[0].steps[2].items[1]: ...".
type Invalid []string

func (e Invalid) Error() string {
	return "invalid script: " + strings.Join(e, "; ")
}

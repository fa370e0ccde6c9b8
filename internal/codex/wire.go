package codex

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// wireEvent is any line of the JSONL. Which of its fields count depends on Type.
type wireEvent struct {
	Type    string    `json:"type"`
	Message string    `json:"message"`
	Error   wireError `json:"error"`
	Usage   struct {
		Input     int64 `json:"input_tokens"`
		Cached    int64 `json:"cached_input_tokens"`
		Output    int64 `json:"output_tokens"`
		Reasoning int64 `json:"reasoning_output_tokens"`
	} `json:"usage"`
	Item wireItem `json:"item"`
}

type wireError struct {
	Message string `json:"message"`
}

// wireItem is any item. Codex writes the id of a web_search twice; the last counts.
type wireItem struct {
	ID       string      `json:"id"`
	Type     string      `json:"type"`
	Text     string      `json:"text"`
	Message  string      `json:"message"`
	Query    string      `json:"query"`
	Command  string      `json:"command"`
	ExitCode optionalInt `json:"exit_code"`
	Changes  fileUpdates `json:"changes"`
	Server   string      `json:"server"`
	Tool     string      `json:"tool"`
}

// decodeLine reads one line. A field of the wrong type counts as absent: better
// to know half of what Codex said than nothing.
func decodeLine(line []byte) Event {
	var w wireEvent
	err := json.Unmarshal(line, &w)
	if misfit := (*json.UnmarshalTypeError)(nil); err != nil && !errors.As(err, &misfit) {
		return Noise{Reason: "not JSON", Sample: sample(line)}
	}
	switch w.Type {
	case "":
		return Noise{Reason: "no event type", Sample: sample(line)}
	case "thread.started":
		return ThreadStarted{}
	case "turn.started":
		return TurnStarted{}
	case "turn.completed":
		return TurnCompleted{Usage: task.Usage{
			InputTokens: w.Usage.Input, CachedInputTokens: w.Usage.Cached,
			OutputTokens: w.Usage.Output, ReasoningTokens: w.Usage.Reasoning,
		}}
	case "turn.failed":
		return TurnFailed{Message: w.Error.Message}
	case "error":
		return Error{Message: w.Message}
	}
	phase, ok := strings.CutPrefix(w.Type, "item.")
	switch Phase(phase) {
	case Started, Updated, Completed:
		if ok {
			return w.Item.event(w.Type, Phase(phase))
		}
	}
	return Unknown{Type: oneLine(w.Type, 80)}
}

func (w wireItem) event(eventType string, phase Phase) Event {
	item := Item{Phase: phase, ID: w.ID, Type: ItemType(w.Type)}
	switch item.Type {
	case AgentMessage, Reasoning:
		item.Text = w.Text
	case ItemError:
		item.Text = w.Message
	case WebSearch:
		item.Text = w.Query
	case CommandExecution:
		item.Command = &Execution{Line: w.Command, ExitCode: w.ExitCode.value}
	case FileChange:
		item.Changes = w.Changes
	case MCPToolCall, CollabToolCall:
		item.Call = &Call{Server: w.Server, Tool: w.Tool}
	case TodoList:
	default:
		return Unknown{Type: eventType, ItemType: oneLine(w.Type, 80)}
	}
	return item
}

// fileUpdates keeps the first maxList elements: a line of 16 MiB could hold
// millions of empty ones, each many times larger in memory.
type fileUpdates []FileUpdate

const maxList = 10_000

func (c *fileUpdates) UnmarshalJSON(data []byte) error {
	*c = nil
	dec := json.NewDecoder(bytes.NewReader(data))
	if open, err := dec.Token(); err != nil || open != json.Delim('[') {
		return nil // not a list: absent
	}
	for dec.More() && len(*c) < maxList {
		var element FileUpdate
		if err := dec.Decode(&element); err != nil {
			if misfit := (*json.UnmarshalTypeError)(nil); !errors.As(err, &misfit) {
				return nil
			}
		}
		*c = append(*c, element)
	}
	return nil
}

// optionalInt stays nil unless it is given a whole number. A plain *int would
// turn an exit code of the wrong type into 0: success.
type optionalInt struct{ value *int }

func (o *optionalInt) UnmarshalJSON(data []byte) error {
	o.value = nil
	if n, err := strconv.Atoi(string(data)); err == nil {
		o.value = &n
	}
	return nil
}

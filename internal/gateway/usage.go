package gateway

import (
	"bytes"
	"encoding/json"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// maxEvent bounds one server-sent event. The last one repeats the whole answer.
const maxEvent = 8 << 20

// meter reads the usage out of a stream of server-sent events as it passes. It
// takes the bytes in any chunks, and what it cannot read it passes over.
type meter struct {
	data  []byte // of the event so far
	line  []byte // the line so far
	begun bool   // the line has bytes, kept or not
	long  bool   // the event is over maxEvent, and skipped
	cr    bool   // the last byte was a carriage return
	usage *task.Usage
	// end is completed, incomplete, failed, or empty while none has been seen.
	end string
}

// Write never fails.
func (m *meter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		i := bytes.IndexAny(p, "\r\n")
		if i < 0 {
			m.keep(p)
			m.cr = false
			break
		}
		m.keep(p[:i])
		if p[i] == '\n' && i == 0 && m.cr {
			m.cr = false // the second half of a CRLF
		} else {
			m.cr = p[i] == '\r'
			m.endLine()
		}
		p = p[i+1:]
	}
	return n, nil
}

func (m *meter) keep(p []byte) {
	if len(p) == 0 {
		return
	}
	m.begun = true
	if m.long = m.long || len(m.line)+len(m.data)+len(p) > maxEvent; m.long {
		m.line, m.data = nil, nil
		return
	}
	m.line = append(m.line, p...)
}

func (m *meter) endLine() {
	if !m.begun {
		m.endEvent()
		return
	}
	if data, ok := bytes.CutPrefix(m.line, []byte("data:")); ok {
		if len(m.data) > 0 {
			m.data = append(m.data, '\n')
		}
		m.data = append(m.data, bytes.TrimPrefix(data, []byte(" "))...)
	}
	m.line, m.begun = m.line[:0], false
}

func (m *meter) endEvent() {
	data := m.data
	m.data, m.long = m.data[:0], false
	// Most events are deltas; parsing them all would be most of our work.
	if !bytes.Contains(data, []byte(`"response.completed"`)) && !bytes.Contains(data, []byte(`"response.incomplete"`)) &&
		!bytes.Contains(data, []byte(`"response.failed"`)) {
		return
	}
	var event struct {
		Type     string `json:"type"`
		Response struct {
			Usage *struct {
				Input        int64 `json:"input_tokens"`
				InputDetails struct {
					Cached int64 `json:"cached_tokens"`
				} `json:"input_tokens_details"`
				Output        int64 `json:"output_tokens"`
				OutputDetails struct {
					Reasoning int64 `json:"reasoning_tokens"`
				} `json:"output_tokens_details"`
			} `json:"usage"`
		} `json:"response"`
	}
	if json.Unmarshal(data, &event) != nil {
		return
	}
	switch event.Type {
	case "response.completed":
		m.end = "completed"
	case "response.incomplete":
		m.end = "incomplete"
	case "response.failed":
		m.end = "failed"
	default:
		return
	}
	if u := event.Response.Usage; u != nil {
		m.usage = &task.Usage{
			InputTokens: max(0, u.Input), CachedInputTokens: max(0, u.InputDetails.Cached),
			OutputTokens: max(0, u.Output), ReasoningTokens: max(0, u.OutputDetails.Reasoning),
		}
	}
}

// close takes what came to be the whole: some servers leave out the last empty line.
func (m *meter) close() {
	if m.begun {
		m.endLine()
	}
	m.endEvent()
}

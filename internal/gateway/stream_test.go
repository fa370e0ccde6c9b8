package gateway

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func metered(stream string, chunk int) *meter {
	var m meter
	for s := stream; len(s) > 0; {
		n := min(chunk, len(s))
		_, _ = m.Write([]byte(s[:n]))
		s = s[n:]
	}
	m.close()
	return &m
}

func TestUsageIsReadFromAnyStream(t *testing.T) {
	usage := &task.Usage{InputTokens: 100, CachedInputTokens: 40, OutputTokens: 10, ReasoningTokens: 4}
	event := strings.TrimPrefix(strings.Split(sseDone, "\n")[1], "data: ")
	half := strings.Index(event, `,"response"`)
	long := "data: \"" + strings.Repeat("x", maxEvent) + "\"\n\n"
	for name, c := range map[string]struct {
		stream string
		usage  *task.Usage
		end    string
	}{
		"as OpenAI sends it":       {sseDone, usage, "completed"},
		"after others":             {"data: {\"type\":\"response.created\"}\n\n: comment\n\n" + sseDone, usage, "completed"},
		"CRLF":                     {strings.ReplaceAll(sseDone, "\n", "\r\n"), usage, "completed"},
		"CR":                       {strings.ReplaceAll(sseDone, "\n", "\r"), usage, "completed"},
		"without space":            {"data:" + event + "\n\n", usage, "completed"},
		"without end":              {"data: " + event, usage, "completed"},
		"over two lines":           {"data: " + event[:half] + "\ndata: " + event[half:] + "\n\n", usage, "completed"},
		"over two lines, CRLF":     {"data: " + event[:half] + "\r\ndata: " + event[half:] + "\r\n\r\n", usage, "completed"},
		"behind a long event":      {long + sseDone, usage, "completed"},
		"incomplete":               {strings.ReplaceAll(sseDone, "completed", "incomplete"), usage, "incomplete"},
		"failed without usage":     {"data: {\"type\":\"response.failed\",\"response\":{}}\n\n", nil, "failed"},
		"null usage":               {"data: {\"type\":\"response.completed\",\"response\":{\"usage\":null}}\n\n", nil, "completed"},
		"negative usage":           {"data: {\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":-5}}}\n\n", &task.Usage{}, "completed"},
		"spoken of in a delta":     {"data: {\"type\":\"response.output_text.delta\",\"delta\":\"\\\"response.completed\\\"\",\"response\":{\"usage\":{\"input_tokens\":1}},\"x\":\"response.completed\"}\n\n", nil, ""},
		"broken JSON":              {"data: {\"type\":\"response.completed\",\n\n", nil, ""},
		"not in data":              {"event: " + event + "\n\n", nil, ""},
		"two events without a gap": {"data: " + event + "\ndata: " + event + "\n\n", nil, ""},
		"empty":                    {"", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, chunk := range []int{1, 2, 7, 64, 1 << 20} {
				if len(c.stream) > maxEvent && chunk < 64 {
					continue // takes long and shows no more
				}
				m := metered(c.stream, chunk)
				if diff := cmp.Diff(c.usage, m.usage); diff != "" || m.end != c.end {
					t.Errorf("in chunks of %d: got end %q, want %q; usage (-want +got):\n%s", chunk, m.end, c.end, diff)
				}
			}
		})
	}
}

// How the stream is cut into chunks makes no difference.
func FuzzMeter(f *testing.F) {
	f.Add(sseDone, uint8(3))
	f.Add(strings.ReplaceAll(sseDone, "\n", "\r\n"), uint8(1))
	f.Add("data: {\"type\":\"response.failed\"}\r\r\n\n:", uint8(2))
	f.Fuzz(func(t *testing.T, stream string, chunk uint8) {
		whole, parts := metered(stream, len(stream)+1), metered(stream, int(chunk)+1)
		if diff := cmp.Diff(whole.usage, parts.usage); diff != "" || whole.end != parts.end {
			t.Errorf("chunks of %d change what is read: %s", int(chunk)+1, diff)
		}
	})
}

func scrubbed(s *scrubber, stream string, chunk int) string {
	var out bytes.Buffer
	for len(stream) > 0 {
		n := min(chunk, len(stream))
		out.Write(s.next([]byte(stream[:n])))
		stream = stream[n:]
	}
	out.Write(s.rest())
	return out.String()
}

// Whatever the chunks: no secret comes out, and nothing else changes.
func FuzzScrubber(f *testing.F) {
	f.Add("data: "+testKey+"\n", testKey, uint8(4))
	f.Add("aaaaaaaabaaaaaaaaab", "aaaaaaaab", uint8(0))
	f.Add("abababababcababababc", "abababababc", uint8(2))
	f.Fuzz(func(t *testing.T, stream, secret string, chunk uint8) {
		if len(secret) < minSecret || strings.Contains(hidden, secret) {
			return
		}
		var s scrubber
		s.hide(secret)
		got := scrubbed(&s, stream, int(chunk)+1)
		if !strings.Contains(stream, secret) && got != stream {
			t.Errorf("changed %q to %q", stream, got)
		}
		// A replacement can meet its surroundings to form the secret anew only
		// if the secret holds part of it; no real one does.
		if strings.Contains(got, secret) && !strings.ContainsAny(secret, "[]") {
			t.Errorf("%q shows %q", got, secret)
		}
	})
}

// Nothing is kept back that cannot be the beginning of a secret.
func TestScrubberDoesNotDelay(t *testing.T) {
	var s scrubber
	s.hide(testKey)
	for _, chunk := range []string{"data: hello\n\n", "data: sk", "-other\n\n"} {
		got := string(s.next([]byte(chunk)))
		switch chunk {
		case "data: hello\n\n":
			if got != chunk {
				t.Errorf("kept back part of %q", chunk)
			}
		case "data: sk":
			if got != "data: " {
				t.Errorf("got %q, want the beginning of the secret kept back", got)
			}
		default:
			if got != "sk-other\n\n" {
				t.Errorf("got %q", got)
			}
		}
	}
}

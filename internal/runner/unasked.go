package runner

import (
	"bytes"
	"crypto/sha256"
	"io"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/codex"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// unasked are the commands of a transcript that the guard has not allowed before,
// each as often as that. Codex asks before every command; what stands in the
// transcript all the same got past the guard, or never ran.
func (g *guard) unasked(ran []task.Command) []string {
	if g.spec.CommandPolicy != task.CommandEnforce { // then nobody asks
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	var found []string
	for _, c := range ran {
		script, ok := codex.Script(c.Cmd)
		if !ok {
			continue
		}
		key := sha256.Sum256([]byte(script))
		if g.allowed[key]--; g.allowed[key] < 0 {
			found = append(found, c.Cmd)
		}
	}
	return found
}

// asTranscribed is a command as it stands in the transcript, which is redacted.
func (g *guard) asTranscribed(command string) []byte {
	var b bytes.Buffer
	w := g.redact.Writer(&b)
	_, _ = io.WriteString(w, command) // a buffer takes all
	_ = w.Close()
	return b.Bytes()
}

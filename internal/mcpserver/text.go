package mcpserver

import (
	"fmt"
	"strings"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// fact writes what is known behind its name, or below it if it has lines of its
// own. Those are indented: what comes out of a sandbox must not be able to write
// a line that reads as ours, such as another task's success.
func fact(b *strings.Builder, name, text string) {
	switch text = strings.TrimRight(text, "\n"); {
	case text == "":
	case strings.ContainsAny(text, "\n\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029"):
		fmt.Fprintf(b, "%s:\n", name)
		for l := range strings.Lines(lineBreaks.Replace(text)) {
			b.WriteString(" " + l)
		}
		b.WriteByte('\n')
	default:
		fmt.Fprintf(b, "%s: %s\n", name, text)
	}
}

// lineBreaks makes one kind of line break of all that a reader may take for one.
var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\v", "\n", "\f", "\n",
	"\x1c", "\n", "\x1d", "\n", "\x1e", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")

// duration says milliseconds as they are and as people read them.
func duration(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	if d < time.Second {
		return fmt.Sprintf("%d ms", ms)
	}
	return fmt.Sprintf("%d ms = %s", ms, d.Truncate(time.Second))
}

// usage says what was used of the model.
func usage(u task.Usage) string {
	return fmt.Sprintf("%d tokens in (%d cached), %d out (%d reasoning), %d model requests",
		u.InputTokens, u.CachedInputTokens, u.OutputTokens, u.ReasoningTokens, u.ModelRequests)
}

// count says how many of something there are.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

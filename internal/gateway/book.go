package gateway

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// The rules that the gateway's findings name.
const (
	// RuleRoute: something other than a model call was asked for. A warning if
	// it could only read, an error if it could have sent data.
	RuleRoute = "gateway-route"
	// RuleRequest: a model call asked for what is not let through. An error.
	RuleRequest = "gateway-request"
	// RuleLimit: a model call was larger than may be. A warning.
	RuleLimit = "gateway-limit"
)

// A sandbox decides how many requests it makes; it does not decide how much of
// the host's disk and of the result they fill.
const (
	maxFindings = 50
	maxLines    = 10_000
)

// line is one request in gateway.jsonl.
type line struct {
	Time   time.Time `json:"time"`
	N      int64     `json:"n"`
	Method string    `json:"method"`
	// Path is as the sandbox wrote it, cut to be short.
	Path   string `json:"path"`
	Status int    `json:"status"`
	// Upstream is what the model API answered; absent if it was not asked or did not.
	Upstream   int   `json:"upstream,omitempty"`
	BytesIn    int64 `json:"bytes_in,omitempty"`
	BytesOut   int64 `json:"bytes_out,omitempty"`
	FirstMS    int64 `json:"first_byte_ms,omitempty"`
	DurationMS int64 `json:"duration_ms"`
	// End is how a streamed answer ended: completed, incomplete, failed, cut.
	End   string      `json:"end,omitempty"`
	Usage *task.Usage `json:"usage,omitempty"`
	// Rule, Field and Error say why a request was not served.
	Rule  string `json:"rule,omitempty"`
	Field string `json:"field,omitempty"`
	Error string `json:"error,omitempty"`
}

// book keeps gateway.jsonl and the findings.
type book struct {
	w io.Writer // may be nil

	mu    sync.Mutex
	lines int
	found []task.Finding
	more  int
	// rest stands for the findings that were not kept.
	rest task.Finding
}

// write appends a line. Its error is the caller's to log: a full disk must not
// stop a model call.
func (b *book) write(l line) error {
	if b.w == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lines++; b.lines > maxLines {
		if b.lines > maxLines+1 {
			return nil
		}
		l = line{Time: l.Time, N: l.N, Error: "further requests are not logged"}
	}
	data, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("encode request log: %w", err)
	}
	if _, err := b.w.Write(append(data, '\n')); err != nil {
		return fmt.Errorf("write request log: %w", err)
	}
	return nil
}

// note keeps a finding, once.
func (b *book) note(f task.Finding) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case slices.Contains(b.found, f):
	case len(b.found) < maxFindings-1:
		b.found = append(b.found, f)
	default:
		b.more++
		if b.more == 1 || f.Severity == task.SeverityError {
			b.rest = task.Finding{Rule: f.Rule, Severity: f.Severity}
		}
	}
}

func (b *book) findings() []task.Finding {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := slices.Clone(b.found)
	if b.more > 0 {
		rest := b.rest
		rest.Detail = fmt.Sprintf("The gateway refused %d more requests than are listed here.", b.more)
		all = append(all, rest)
	}
	return all
}

package runner

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/codex"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// guard answers Codex's PreToolUse hook for one task. It is no boundary: a
// program that may run can run anything, and any process in the sandbox can
// ask. Codex is told no before it acts, and adapts; the container is the boundary.
type guard struct {
	spec   task.Spec
	rules  Rules
	redact Redactor

	mu      sync.Mutex
	log     io.Writer
	logged  int
	allowed map[[sha256.Size]byte]int // how often each shell command was
	refused []task.Finding
}

func newGuard(a *attempt, log io.Writer) *guard {
	return &guard{spec: a.spec, rules: a.Rules, redact: a.Redact, log: log, allowed: map[[sha256.Size]byte]int{}}
}

// maxAllowed bounds how many different commands are remembered. Who asks for more
// has his later ones count as unasked.
const maxAllowed = 100_000

// maxGuardLog bounds what a process that floods the guard can make us keep.
const maxGuardLog = 10_000

type guardLine struct {
	Time    time.Time `json:"time"`
	Tool    string    `json:"tool"`
	Asked   string    `json:"asked"`
	Allowed bool      `json:"allowed"`
	Reason  string    `json:"reason,omitempty"`
}

// answer decides on one hook call. An error means that the call made no sense,
// and must be taken as a refusal.
func (g *guard) answer(_ context.Context, hook []byte) ([]byte, error) {
	call, err := codex.DecodeHook(hook)
	if err != nil {
		return nil, fmt.Errorf("read the hook call: %w", err)
	}
	asked, rule, reason := g.decide(call)
	g.note(guardLine{Time: time.Now().UTC(), Tool: call.Tool, Asked: asked, Allowed: reason == "", Reason: reason}, rule)
	if reason != "" {
		return codex.HookDeny(reason), nil
	}
	return codex.HookAllow(), nil
}

// decide gives the reason of a refusal, empty if the call is allowed.
func (g *guard) decide(call codex.HookCall) (asked, rule, reason string) {
	switch {
	case call.Tool == codex.ToolShell:
		if ok, why := g.rules.Command(g.spec, call.Command); !ok {
			return call.Command, "command-refused", why
		}
		// Models that have no patch tool feed patches to apply_patch in a shell.
		if reason := g.outside(codex.PatchPaths(call.Command)); reason != "" {
			return call.Command, "path-refused", reason
		}
		return call.Command, "", ""
	case call.Tool == codex.ToolPatch:
		paths := codex.PatchPaths(call.Patch)
		asked = strings.Join(paths, ", ")
		if len(paths) == 0 {
			return asked, "path-refused", "The patch names no file."
		}
		if reason := g.outside(paths); reason != "" {
			return asked, "path-refused", reason
		}
		return asked, "", ""
	case call.Tool == "view_image", call.Tool == "update_plan":
		return call.Tool, "", ""
	default:
		return call.Tool, "tool-refused", fmt.Sprintf("The tool %s is not available here; work with shell commands and apply_patch.", call.Tool)
	}
}

// outside gives the reason to refuse a patch of paths; empty if all are allowed.
func (g *guard) outside(paths []string) string {
	for _, p := range paths {
		if rel, inside := workspacePath(p); !inside || !g.rules.Path(g.spec.AllowedPaths, rel) {
			return fmt.Sprintf("The path %s is not among the allowed ones: %s.", p, orNone(g.spec.AllowedPaths))
		}
	}
	return ""
}

// workspacePath makes a path as Codex writes it relative to the workspace.
func workspacePath(p string) (rel string, inside bool) {
	if !path.IsAbs(p) {
		p = path.Join(task.WorkspaceDir, p)
	}
	rel, inside = strings.CutPrefix(path.Clean(p), task.WorkspaceDir+"/")
	return rel, inside
}

func (g *guard) note(line guardLine, rule string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if line.Allowed && line.Tool == codex.ToolShell && len(g.allowed) < maxAllowed {
		g.allowed[sha256.Sum256(g.asTranscribed(line.Asked))]++
	}
	if g.logged++; g.logged > maxGuardLog {
		return
	}
	if b, err := json.Marshal(line); err == nil {
		// A log that cannot be written must not open the guard.
		_, _ = g.log.Write(append(b, '\n'))
	}
	if !line.Allowed && len(g.refused) < 100 {
		g.refused = append(g.refused, task.Finding{
			Rule: rule, Severity: task.SeverityWarning,
			Detail:   "Refused before it ran: " + g.redact.Text(line.Reason),
			Evidence: g.redact.Text(line.Asked),
		})
	}
}

// findings are the refusals so far.
func (g *guard) findings() []task.Finding {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]task.Finding(nil), g.refused...)
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

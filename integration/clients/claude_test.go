//go:build integration

package clients

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

const claudeFile = "@anthropic-ai/claude-code-*/claude"

// claude is a command of Claude Code, which knows nothing of this machine's user.
func (h *host) claude(p peers, api string, args ...string) *exec.Cmd {
	h.t.Helper()
	c := exec.CommandContext(h.t.Context(), p.file(h.t, claudeFile), args...)
	c.Dir = h.repo
	c.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + h.home, "CLAUDE_CONFIG_DIR=" + h.home + "/.claude",
		"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1", "DISABLE_AUTOUPDATER=1",
		"ANTHROPIC_BASE_URL=" + api, "ANTHROPIC_API_KEY=dummy",
		"CODEX_MCP_RUNNER=" + *program, // the plugin's
	}
	return c
}

// asks is claude -p with our server, whose model is api's.
func (h *host) asks(p peers, api string) *exec.Cmd {
	h.t.Helper()
	config, err := json.Marshal(map[string]any{"mcpServers": map[string]any{"codex": map[string]any{
		"command": *program, "env": h.env,
	}}})
	if err != nil {
		h.t.Fatal(err)
	}
	return h.claude(p, api, "-p", "Have Codex fix the sum.", "--mcp-config", h.write("mcp.json", string(config)),
		"--strict-mcp-config", "--allowedTools", "mcp__codex", "--output-format", "stream-json", "--verbose")
}

// What a model sees of our answers decides what it does next, and what it sees
// is up to the client: of structured content only that, of errors only the text.
func TestWhatTheModelSeesInClaudeCode(t *testing.T) {
	t.Parallel()
	p := installed(t)
	h := newHost(t, fixes("slowly", sleeps(8)), fixes("fix it"))
	one := func(prompt string) []any { return []any{map[string]any{"task_id": "a", "prompt": prompt}} }
	const bad, whole, running, waited, setup, listed = 0, 1, 2, 4, 6, 8
	load := func(tool string) turn { return turn{"ToolSearch", map[string]any{"query": "select:" + tool}} }
	model, api := serveMessages(t,
		turn{"mcp__codex__run_codex_tasks", map[string]any{"tasks": one("fix it"), "concurency": 2}},
		turn{"mcp__codex__run_codex_tasks", map[string]any{"tasks": one("fix it"), "run_id": "whole"}},
		turn{"mcp__codex__run_codex_tasks", map[string]any{"tasks": one("slowly, please"), "run_id": "slow", "wait_seconds": 1}},
		load("mcp__codex__wait_codex_run"),
		turn{"mcp__codex__wait_codex_run", map[string]any{"run_id": "slow"}},
		load("mcp__codex__check_codex_setup"),
		turn{"mcp__codex__check_codex_setup", map[string]any{}},
		load("mcp__codex__list_codex_runs"),
		turn{"mcp__codex__list_codex_runs", map[string]any{}},
	)
	out, errs, code := p.run(t, h.asks(p, api))
	if code != 0 {
		t.Fatalf("claude ended with %d\n%s\n%s", code, errs, out)
	}

	// An error is text, and says how to mend it.
	if r := model.result(t, bad); !r.IsError || !strings.Contains(r.text(), "concurency") || !strings.Contains(r.text(), "concurrency") {
		t.Errorf("of bad arguments it sees %t, %s", r.IsError, r.text())
	}

	// A result is JSON, and each link a line.
	var run task.RunResult
	r := model.result(t, whole)
	links := seen(t, r, &run)
	if len(run.Results) != 1 || run.Results[0].Status != task.Success || !strings.Contains(run.Results[0].Patch, fixed) {
		t.Errorf("of a run it sees %s", r.text())
	}
	if run.Status != task.RunDone || run.Results[0].PatchPath == "" || len(run.Results[0].Evidence) == 0 {
		t.Errorf("of a run it sees %s", r.text())
	}
	if len(links) == 0 || !strings.Contains(links[0], "/whole/") {
		t.Errorf("of the links it sees %q", links)
	}

	// A run that is not done says so, and what to call.
	run = task.RunResult{}
	r = model.result(t, running)
	seen(t, r, &run)
	if run.Status != task.RunRunning || run.RunID != "slow" || !strings.Contains(run.Next, "wait_codex_run") || len(run.Progress) != 1 {
		t.Errorf("of a run that goes on it sees %s", r.text())
	}
	run = task.RunResult{}
	r = model.result(t, waited)
	seen(t, r, &run)
	if run.Status != task.RunDone || len(run.Results) != 1 || run.Results[0].Status != task.Success {
		t.Errorf("of a run that it waited for it sees %s", r.text())
	}

	var ready task.Setup
	r = model.result(t, setup)
	seen(t, r, &ready)
	if len(ready.Checks) < 5 {
		t.Errorf("of the set-up it sees %s", r.text())
	}
	if r := model.result(t, listed); r.IsError || !strings.Contains(r.text(), `"whole"`) || !strings.Contains(r.text(), `"slow"`) {
		t.Errorf("of the runs it sees %s", r.text())
	}

	// Only these two are before the model without a search.
	for _, name := range []string{"mcp__codex__run_codex_tasks", "mcp__codex__review_plan_with_codex"} {
		if !model.offered(name) {
			t.Errorf("%s is not among the tools that the model has at once", name)
		}
	}
}

// seen decodes what a model sees of a result: JSON, after a line for each link.
func seen(t *testing.T, r toolResult, v any) (links []string) {
	t.Helper()
	text := strings.TrimSpace(r.text())
	for strings.HasPrefix(text, "[Resource link: ") {
		link, rest, _ := strings.Cut(text, "\n")
		links, text = append(links, link), strings.TrimSpace(rest)
	}
	if err := json.Unmarshal([]byte(text), v); err != nil || r.IsError {
		t.Fatalf("%v: the model sees %s", err, r.text())
	}
	return links
}

func (m *messages) offered(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, tool := range m.tools {
		if tool.Name == name {
			return true
		}
	}
	return false
}

// Claude Code gives a server half a second from SIGINT to SIGKILL. What it does
// not manage in that time, the next server does.
func TestNothingIsLeftWhenClaudeCodeIsInterrupted(t *testing.T) {
	t.Parallel()
	p := installed(t)
	h := newHost(t, fixes("", sleeps(600)))
	_, api := serveMessages(t, turn{"mcp__codex__run_codex_tasks", map[string]any{
		"tasks": []any{map[string]any{"task_id": "a", "prompt": "x"}, map[string]any{"task_id": "b", "prompt": "y"}}, "concurrency": 2,
	}})
	c := h.asks(p, api)
	log, err := os.Create(h.dir + "/claude.log")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	c.Stdout, c.Stderr = log, log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	h.until(60*time.Second, "two containers", func() bool { return len(h.containers()) == 2 })
	time.Sleep(2 * time.Second) // into the work
	if err := c.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_ = c.Wait() // however it ends
	h.until(time.Minute, "the containers to go", func() bool { return len(h.containers()) == 0 })
	t.Logf("no container was left %v after the signal", time.Since(began).Round(10*time.Millisecond))
	next := exec.CommandContext(t.Context(), *program, "--repo", h.repo)
	next.Env = h.environ(nil)
	in, err := next.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := next.Start(); err != nil {
		t.Fatal(err)
	}
	h.until(time.Minute, "the worktrees to go", func() bool {
		left, _ := filepath.Glob(h.state + "/codex-mcp-runner/*/work/*") // which goes last
		return h.refs() == h.before && len(left) == 0
	})
	_ = in.Close()
	if err := next.Wait(); err != nil {
		t.Error(err)
	}
}

func TestRegistrationWithClaudeCode(t *testing.T) {
	t.Parallel()
	p := installed(t)
	h := newHost(t)
	claude := func(args ...string) string {
		t.Helper()
		out, errs, code := p.run(t, h.claude(p, "http://127.0.0.1:9", args...))
		if code != 0 {
			t.Fatalf("claude %q: %d\n%s\n%s", args, code, out, errs)
		}
		return out
	}
	claude("mcp", "add", "codex", "--", *program)
	if list := claude("mcp", "list"); !strings.Contains(list, "codex:") || !strings.Contains(list, "✔ Connected") {
		t.Errorf("claude mcp list:\n%s", list)
	}
	claude("mcp", "remove", "codex")

	// The plugin does the same, and finds the program by its name.
	source, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	claude("plugin", "validate", source)
	claude("plugin", "validate", source+"/.claude-plugin/plugin.json")
	h.write("plugin/README.md", "")
	for _, name := range []string{"plugin.json", "marketplace.json"} {
		b, err := os.ReadFile(filepath.Join(source, ".claude-plugin", name))
		if err != nil {
			t.Fatal(err)
		}
		h.write("plugin/.claude-plugin/"+name, string(b))
	}
	claude("plugin", "marketplace", "add", h.dir+"/plugin")
	claude("plugin", "install", "codex@codex-mcp-runner")
	if list := claude("mcp", "list"); !strings.Contains(list, "plugin:codex:codex:") || !strings.Contains(list, "✔ Connected") {
		t.Errorf("claude mcp list, with the plugin:\n%s", list)
	}
}

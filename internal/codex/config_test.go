package codex_test

import (
	"path"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/codex"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/golden"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func spec(change func(*task.Spec)) task.Spec {
	s := task.Spec{
		Prompt: "Fix the login.\n", Model: "gpt-6.1-sol", CodexCommand: "codex", Ephemeral: true,
		AllowedPaths: []string{"src/**", "tests/**"}, AllowedCommands: []string{"npm test", "go vet"},
		AllowInspection: true, CommandPolicy: task.CommandEnforce,
		SandboxMode: task.SandboxWorkspaceWrite, Network: task.NetworkDeny,
		IdleTimeout: 2 * time.Minute,
	}
	if change != nil {
		change(&s)
	}
	return s
}

func TestCommand(t *testing.T) {
	want := []string{
		"codex", "exec", "--json", "--dangerously-bypass-approvals-and-sandbox",
		"--strict-config", "--ignore-user-config", "--ignore-rules", "--ephemeral", "-",
	}
	if diff := cmp.Diff(want, codex.Command(spec(nil))); diff != "" {
		t.Error(diff)
	}
	kept := codex.Command(spec(func(s *task.Spec) { s.Ephemeral, s.CodexCommand = false, "/opt/codex" }))
	if kept[0] != "/opt/codex" || strings.Contains(strings.Join(kept, " "), "ephemeral") {
		t.Errorf("got %q", kept)
	}
	prompt := spec(func(s *task.Spec) { s.Prompt = "--full-auto; rm -rf /" })
	if diff := cmp.Diff(want, codex.Command(prompt)); diff != "" {
		t.Errorf("the prompt got into argv: %s", diff)
	}
}

const outputSchema = `{"type":"object"}`

// Codex reads the schema from where Files puts it, and is told nothing that would
// contradict it.
func TestOutputSchema(t *testing.T) {
	s := spec(func(s *task.Spec) { s.OutputSchema = outputSchema })
	want := []string{
		"codex", "exec", "--json", "--dangerously-bypass-approvals-and-sandbox",
		"--strict-config", "--ignore-user-config", "--ignore-rules", "--ephemeral",
		"--output-schema", codex.OutputSchemaPath, "-",
	}
	if diff := cmp.Diff(want, codex.Command(s)); diff != "" {
		t.Error(diff)
	}
	if got := codex.Prompt(s); got != s.Prompt {
		t.Errorf("the prompt became %q", got)
	}
	files, err := codex.Files(s)
	if err != nil {
		t.Fatal(err)
	}
	if last := files[len(files)-1]; last.Path != codex.OutputSchemaPath || string(last.Content) != outputSchema {
		t.Errorf("got %s: %s", last.Path, last.Content)
	}
}

func TestFiles(t *testing.T) {
	for name, s := range map[string]task.Spec{
		"enforce": spec(nil),
		"audit":   spec(func(s *task.Spec) { s.CommandPolicy = task.CommandAudit }),
		"schema":  spec(func(s *task.Spec) { s.OutputSchema = outputSchema }),
	} {
		files, err := codex.Files(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if path.Dir(f.Path) != "/etc/codex" {
				t.Errorf("%s is not where Codex looks", f.Path)
			}
			golden.Check(t, "config/"+name+"."+path.Base(f.Path), f.Content)
		}
	}
}

// A model's name comes from the caller. Whatever it holds, it must not become
// configuration of its own.
func TestFilesHoldOddModelNames(t *testing.T) {
	for _, name := range []string{
		"x\"\nmodel_provider = \"openai\"\n[model_providers.gateway]\nbase_url = \"http://evil\"\n",
		`'''`, "\x00\x1b[31m", "\\", "ü\u202e",
	} {
		files, err := codex.Files(spec(func(s *task.Spec) { s.Model = name }))
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Model         string `toml:"model"`
			ModelProvider string `toml:"model_provider"`
			Providers     map[string]struct {
				BaseURL string `toml:"base_url"`
			} `toml:"model_providers"`
		}
		if err := toml.Unmarshal(files[0].Content, &got); err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		if got.Model != name || got.ModelProvider != "gateway" || got.Providers["gateway"].BaseURL != "http://127.0.0.1:8128/v1" {
			t.Errorf("%q gave %+v", name, got)
		}
	}
}

func TestASilentStreamIsTheIdleClocksToEnd(t *testing.T) {
	for _, patience := range []time.Duration{10 * time.Second, 2 * time.Minute, 30 * time.Minute} {
		files, err := codex.Files(spec(func(s *task.Spec) { s.IdleTimeout = patience }))
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Providers map[string]struct {
				Idle int64 `toml:"stream_idle_timeout_ms"`
			} `toml:"model_providers"`
		}
		if err := toml.Unmarshal(files[0].Content, &got); err != nil {
			t.Fatal(err)
		}
		if idle := got.Providers["gateway"].Idle; idle <= patience.Milliseconds() {
			t.Errorf("with a patience of %v, Codex tries again after %d ms", patience, idle)
		}
	}
}

func TestPrompt(t *testing.T) {
	for name, s := range map[string]task.Spec{
		"usual": spec(nil),
		"audit-network": spec(func(s *task.Spec) {
			s.CommandPolicy, s.Network, s.AllowInspection = task.CommandAudit, task.NetworkAllow, false
		}),
		"read-only":   spec(func(s *task.Spec) { s.SandboxMode, s.AllowedCommands = task.SandboxReadOnly, nil }),
		"nothing-set": spec(func(s *task.Spec) { s.AllowedCommands, s.AllowedPaths, s.AllowInspection = nil, nil, false }),
	} {
		golden.Check(t, "prompt/"+name+".md", codex.Prompt(s))
	}
}

// The prompt is the caller's text and reaches Codex as it is.
func TestPromptIsNotATemplate(t *testing.T) {
	const text = `{{.Workspace}} {{ "<b>&amp;" }} %s \n`
	got := codex.Prompt(spec(func(s *task.Spec) { s.Prompt = text }))
	if !strings.HasPrefix(got, text+"\n\n---\n") {
		t.Errorf("got %q", got[:80])
	}
}

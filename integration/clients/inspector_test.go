//go:build integration

package clients

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The Inspector's exit codes.
const (
	inspectorOK       = 0
	inspectorProtocol = 1 // the server answered with a JSON-RPC error
	inspectorIsError  = 5 // the tool's answer is an error
)

func TestInspector(t *testing.T) {
	t.Parallel()
	for era, version := range map[string]string{"modern": "2026-07-28", "legacy": "2025-11-25"} {
		t.Run(era, func(t *testing.T) {
			t.Parallel()
			i := newInspector(t, era)

			var hello struct{ ProtocolVersion string }
			i.ask(inspectorOK, &hello, "initialize")
			if hello.ProtocolVersion != version {
				t.Errorf("they speak %q, want %s", hello.ProtocolVersion, version)
			}

			// --strict exits with 6 if a schema is not for every client.
			var list struct{ Tools []struct{ Name string } }
			i.ask(inspectorOK, &list, "tools/list", "--strict")
			names := []string{}
			for _, tool := range list.Tools {
				names = append(names, tool.Name)
			}
			if diff := cmp.Diff(tools, names); diff != "" {
				t.Errorf("tools (-want +got):\n%s", diff)
			}

			var a answer
			i.ask(inspectorIsError, &a, "tools/call", "--tool-name", "run_codex_tasks", "--tool-args-json", `{"tasks":[]}`)
			if !strings.Contains(a.text(), "tasks") {
				t.Errorf("a call without tasks: %+v", a)
			}
			a = answer{}
			i.ask(inspectorOK, &a, "tools/call", "--tool-name", "run_codex_tasks",
				"--tool-args-json", `{"run_id":"inspected","tasks":[{"task_id":"a","prompt":"fix it"}]}`)
			fixedIn(t, a)
			if said, heard := i.wire(); era == "modern" != (strings.Contains(said, `"resultType":"task"`) && strings.Contains(heard, `"tasks/get"`)) {
				t.Errorf("the modern Inspector, and it alone, knows tasks. It heard:\n%.4000s\nand said:\n%.4000s", heard, said)
			}

			var templates struct {
				ResourceTemplates []struct{ URITemplate string }
			}
			i.ask(inspectorOK, &templates, "resources/templates/list")
			if len(templates.ResourceTemplates) == 0 || !strings.HasPrefix(templates.ResourceTemplates[0].URITemplate, "codex://runs/") {
				t.Errorf("%+v", templates)
			}
			var read struct{ Contents []struct{ Text string } }
			i.ask(inspectorOK, &read, "resources/read", "--uri", "codex://runs/inspected/a/patch")
			if len(read.Contents) != 1 || !strings.Contains(read.Contents[0].Text, fixed) {
				t.Errorf("the patch as a resource: %+v", read)
			}
			i.ask(inspectorProtocol, nil, "resources/read", "--uri", "codex://runs/no-such-run/a/patch")

			i.prompts()
		})
	}
}

// prompts gets every prompt with all its arguments.
func (i *inspector) prompts() {
	i.t.Helper()
	var list struct {
		Prompts []struct {
			Name      string
			Arguments []struct{ Name string }
		}
	}
	i.ask(inspectorOK, &list, "prompts/list")
	if n := len(list.Prompts); n == 0 || n > 2 {
		i.t.Errorf("%d prompts", n)
	}
	for _, p := range list.Prompts {
		args := []string{"--prompt-name", p.Name}
		for _, a := range p.Arguments {
			args = append(args, "--prompt-args", a.Name+"=the greeting")
		}
		var prompt struct {
			Messages []struct{ Content struct{ Text string } }
		}
		i.ask(inspectorOK, &prompt, "prompts/get", args...)
		if len(prompt.Messages) == 0 || len(p.Arguments) > 0 && !strings.Contains(prompt.Messages[0].Content.Text, "the greeting") {
			i.t.Errorf("prompt %s: %+v", p.Name, prompt)
		}
	}
}

// inspector is MCP Inspector's command line. Each call starts a server anew.
type inspector struct {
	*host
	p           peers
	launcher    string
	config      string
	said, heard string // files: what the servers wrote and read
}

func newInspector(t *testing.T, era string) *inspector {
	t.Helper()
	p := installed(t)
	i := &inspector{host: newHost(t, fixes("fix it")), p: p, launcher: p.file(t, "@modelcontextprotocol/inspector/clients/launcher/build/index.js")}
	i.said, i.heard = i.write("said", ""), i.write("heard", "")
	config, err := json.Marshal(map[string]any{"mcpServers": map[string]any{"codex": map[string]any{
		"type": "stdio", "command": "/bin/sh", "protocolEra": era, "env": i.env,
		"args": []string{"-c", `tee -a "$1" | "$2" --repo "$3" | tee -a "$4"`, "sh", i.heard, *program, i.repo, i.said},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	i.config = i.write("inspector.json", string(config))
	return i
}

// ask calls a method, checks the exit code and decodes the result.
func (i *inspector) ask(code int, v any, method string, args ...string) {
	i.t.Helper()
	c := exec.Command(i.p.node, append([]string{i.launcher, "--cli", "--quiet", "--format", "json", "--config", i.config, "--server", "codex", "--method", method}, args...)...)
	c.Env = i.environ(map[string]string{"MCP_INSPECTOR_SECRET_STORE": "memory"})
	out, errs, got := i.p.run(i.t, c)
	if got != code {
		i.t.Fatalf("%s %q: exit code %d, want %d\n%s\n%s", method, args, got, code, out, errs)
	}
	if v == nil {
		return
	}
	var reply struct{ Result json.RawMessage }
	if err := json.Unmarshal([]byte(out), &reply); err != nil {
		i.t.Fatalf("%s: %v\n%s", method, err, out)
	}
	if err := json.Unmarshal(reply.Result, v); err != nil {
		i.t.Fatalf("%s: %v\n%s", method, err, out)
	}
}

// wire is all that the servers said and heard.
func (i *inspector) wire() (said, heard string) {
	i.t.Helper()
	for file, to := range map[string]*string{i.said: &said, i.heard: &heard} {
		b, err := os.ReadFile(file)
		if err != nil {
			i.t.Fatal(err)
		}
		*to = string(b)
	}
	return said, heard
}

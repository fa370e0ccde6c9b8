//go:build integration

package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/codex-mcp-runner/codex-mcp-runner/images"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func buildEngine(t *testing.T) *Engine {
	t.Helper()
	e, err := Open(Options{RunnerImage: RunnerTag(), StateDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// runIn runs a shell script in an image, as a user that it does not know and
// without a network, and returns what it printed. It must end well.
func runIn(t *testing.T, api client.APIClient, ref, script string) string {
	t.Helper()
	c, err := api.ContainerCreate(t.Context(), &container.Config{
		Image: ref, User: "1234:1234", Cmd: []string{"bash", "-lc", script},
		Env: []string{"HOME=/tmp", "CODEX_HOME=/tmp"}, WorkingDir: "/tmp",
	}, &container.HostConfig{NetworkMode: "none"}, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := api.ContainerRemove(context.WithoutCancel(t.Context()), c.ID, container.RemoveOptions{Force: true}); err != nil {
			t.Error(err)
		}
	}()
	done, failed := api.ContainerWait(t.Context(), c.ID, container.WaitConditionNextExit)
	if err := api.ContainerStart(t.Context(), c.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	var code int64
	select {
	case r := <-done:
		code = r.StatusCode
	case err := <-failed:
		t.Fatal(err)
	}
	logs, err := api.ContainerLogs(t.Context(), c.ID, container.LogsOptions{ShowStdout: true, ShowStderr: true})
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	var out, errOut bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &errOut, logs); err != nil {
		t.Fatal(err)
	}
	if code != 0 {
		t.Errorf("exit code %d\n%s\n%s", code, out.String(), errOut.String())
	}
	return out.String()
}

func TestTheRunnerImage(t *testing.T) {
	e := buildEngine(t)
	built, err := e.Build(t.Context(), BuildOptions{Progress: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d MB", built.Tag, built.Size/1e6)
	if built.Tag != RunnerTag() || built.Recipe != images.Recipe(images.CodexVersion()) {
		t.Errorf("got %+v", built)
	}
	again, err := e.Build(t.Context(), BuildOptions{Progress: t.Output()})
	if err != nil || again.Fresh || again.ID != built.ID {
		t.Errorf("a second build gave %+v, %v", again, err)
	}

	t.Run("tools", func(t *testing.T) {
		out := runIn(t, e.api, built.Tag, task.ToolsDir+`/bin/codex --version 2>/dev/null
			rg --version; git --version; node --version; npm --version; less --version; patch --version; ps --version`)
		for _, want := range []string{"codex-cli " + images.CodexVersion(), "ripgrep", "git version", "\nv2", "less ", "patch ", "ps from"} {
			if !strings.Contains(out, want) {
				t.Errorf("%q is not in:\n%s", want, out)
			}
		}
	})
	// What a program in the sandbox may not find: rights to gain, or tools to change.
	t.Run("rights", func(t *testing.T) {
		out := runIn(t, e.api, built.Tag, `find / -xdev -type f -perm /6000 2>/dev/null
			find `+task.ToolsDir+` /usr/local ! -type l \( -perm /022 -o ! -uid 0 \) 2>/dev/null
			find `+task.ToolsDir+` ! -readable 2>/dev/null | sort
			getcap -r / 2>/dev/null; true`)
		// Codex may be run and not read: fetch.js says why.
		if want := strings.Join(codexPrograms, "\n") + "\n"; out != want {
			t.Errorf("found:\n%swant:\n%s", out, want)
		}
	})
	t.Run("mount points", func(t *testing.T) {
		runIn(t, e.api, built.Tag, "test -d "+task.WorkspaceDir+" -a -d "+task.HomeDir+" -a -d "+task.GitDir+" -a -d "+task.ObjectsDir+" -a -x "+task.SandboxInit)
	})
	t.Run("code mode", func(t *testing.T) {
		out := runIn(t, e.api, built.Tag, codeMode)
		if !strings.Contains(out, `\"output\":\"42\\n\"`) && !strings.Contains(out, `"aggregated_output":"42\n"`) {
			t.Errorf("the model's JavaScript ran no command:\n%s", out)
		}
	})
}

// codeMode runs Codex on a model that answers with JavaScript, as the current ones
// do. That needs codex-code-mode-host where Codex looks for it.
const codeMode = `cat >model.js <<'EOF'
const items = [
  {type: 'custom_tool_call', call_id: 'c1', name: 'exec', input: "const r = await tools.exec_command({cmd: 'echo $((6*7))'}); text(JSON.stringify(r));\n"},
  {type: 'message', role: 'assistant', id: 'm', content: [{type: 'output_text', text: 'done'}]},
];
require('http').createServer((req, res) => {
  req.resume();
  req.on('end', () => {
    res.setHeader('content-type', 'text/event-stream');
    for (const e of [
      {type: 'response.output_item.done', item: items.length > 1 ? items.shift() : items[0]},
      {type: 'response.completed', response: {id: 'r', usage: {input_tokens: 1, output_tokens: 1, total_tokens: 2}}},
    ]) res.write('event: ' + e.type + '\ndata: ' + JSON.stringify(e) + '\n\n');
    res.end();
  });
}).listen(8128, '127.0.0.1', () => require('fs').writeFileSync('up', ''));
EOF
node model.js &
for i in $(seq 100); do test -e up && break; sleep 0.1; done
echo go | timeout 60 ` + task.ToolsDir + `/bin/codex exec --json --ephemeral --skip-git-repo-check --ignore-user-config \
  --dangerously-bypass-approvals-and-sandbox -m gpt-6.1-sol -c model_provider=relay \
  -c "model_providers.relay={name='relay',base_url='http://127.0.0.1:8128/v1',wire_api='responses',requires_openai_auth=false,supports_websockets=false}" \
  -c analytics.enabled=false --disable plugins --disable apps --disable unbounded_connection_retries
code=$?
kill %1
exit $code`

// unnamed lists the images without a name that builds of ours have left, by id.
func unnamed(t *testing.T, api client.APIClient) map[string]bool {
	t.Helper()
	list, err := api.ImageList(t.Context(), image.ListOptions{
		All: true, Filters: filters.NewArgs(filters.Arg("label", labelStage+"=fetch")),
	})
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, img := range list {
		if len(img.RepoTags) == 0 || img.RepoTags[0] == "<none>:<none>" {
			ids[img.ID] = true
		}
	}
	return ids
}

// stageContainers counts the containers of builds at work on the fetch stage.
func stageContainers(t *testing.T, api client.APIClient) int {
	t.Helper()
	list, err := api.ContainerList(t.Context(), container.ListOptions{
		All: true, Filters: filters.NewArgs(filters.Arg("label", labelStage+"=fetch")),
	})
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestABuildThatFailsLeavesNothing(t *testing.T) {
	e := buildEngine(t)
	before := unnamed(t, e.api)
	_, err := e.Build(t.Context(), BuildOptions{
		CodexVersion: "0.0.99999", Tag: "codex-mcp-runner/test:failing", Progress: t.Output(),
	})
	if err == nil || !strings.Contains(err.Error(), "@openai/codex@0.0.99999-linux-") {
		t.Errorf("the error does not tell what could not be fetched: %v", err)
	}
	t.Log(err)
	nothingNew(t, e.api, before)
}

func TestABuildThatIsCancelledLeavesNothing(t *testing.T) {
	e := buildEngine(t)
	before := unnamed(t, e.api)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("enough")
	// A version that no build has asked for, so that the step is not in the cache.
	version := fmt.Sprintf("0.0.%d", time.Now().UnixNano())
	lines := &onLines{match: []string{"node /fetch/fetch.js", "Running in"}, do: func() { cancel(stop) }}
	_, err := e.Build(ctx, BuildOptions{
		CodexVersion: version, Tag: "codex-mcp-runner/test:cancelled",
		Log: slog.New(slog.NewJSONHandler(lines, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if !errors.Is(err, stop) {
		t.Errorf("got %v, want the cause", err)
	}
	nothingNew(t, e.api, before)
}

// nothingNew waits until no build is at work, for the engine ends a step after the
// caller has gone, and then looks for images.
func nothingNew(t *testing.T, api client.APIClient, before map[string]bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for stageContainers(t, api) > 0 && time.Now().Before(deadline) {
		time.Sleep(200 * time.Millisecond)
	}
	if n := stageContainers(t, api); n > 0 {
		t.Errorf("%d containers are left", n)
	}
	for id := range unnamed(t, api) {
		if !before[id] {
			t.Errorf("image %s is left", id)
		}
	}
}

func TestABaseThatNobodyHasIsRefused(t *testing.T) {
	_, err := buildEngine(t).Build(t.Context(), BuildOptions{Base: "codex-mcp-runner/no-such-base:1", Tag: "codex-mcp-runner/test:nobase"})
	if r := task.Refusals(err); len(r) != 1 || !strings.Contains(r[0].What, "no-such-base") {
		t.Errorf("got %v, want a refusal", err)
	}
}

// onLines does something once, when it has seen all of match, one after the other.
type onLines struct {
	match []string
	do    func()
}

func (o *onLines) Write(p []byte) (int, error) {
	if len(o.match) > 0 && strings.Contains(string(p), o.match[0]) {
		if o.match = o.match[1:]; len(o.match) == 0 {
			o.do()
		}
	}
	return len(p), nil
}

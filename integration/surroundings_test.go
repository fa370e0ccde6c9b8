//go:build integration

package integration

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"
	"github.com/testcontainers/testcontainers-go/wait"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

const remoteScript = `{"conversations": [{"match": "", "steps": [
  {"items": [{"run": "sed -i 's/a - b/a + b/' src/sum.js"}]},
  {"items": [{"say": "It adds now."}]}
]}]}`

// The model as a service of its own: the program's replay verb in a container.
// What the gateway meets is then another machine, as far as TCP goes.
func TestAModelInAContainerServes(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	ctx := t.Context()
	dir := t.TempDir()
	static := filepath.Join(dir, "codex-mcp-runner")
	build := exec.Command("go", "build", "-o", static, "../cmd/codex-mcp-runner")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// A base of nothing: no registry answers, and a static binary needs none.
	for name, content := range map[string]string{
		"Dockerfile":  "FROM scratch\nCOPY codex-mcp-runner script.json /\nENV HOME=/\nENTRYPOINT [\"/codex-mcp-runner\"]\n",
		"script.json": remoteScript,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	port := network.MustParsePort("8080/tcp")
	model, err := testcontainers.Run(ctx, "",
		testcontainers.WithLogger(log.TestLogger(t)),
		testcontainers.WithDockerfile(testcontainers.FromDockerfile{Context: dir, Repo: "cmr-integration-model", Tag: fmt.Sprint(os.Getpid())}),
		testcontainers.WithCmd("replay", "--log-level", "info", "--listen", "0.0.0.0:8080", "--key", apiKey, "/script.json"),
		testcontainers.WithExposedPorts("8080/tcp"),
		testcontainers.WithHostConfigModifier(func(c *container.HostConfig) {
			// Plain http is for loopback, and the key for nobody else on the network.
			c.PortBindings = network.PortMap{port: {{HostIP: netip.MustParseAddr("127.0.0.1")}}}
		}),
		testcontainers.WithWaitStrategy(wait.ForLog(":8080/v1").WithStartupTimeout(30*time.Second)),
	)
	testcontainers.CleanupContainer(t, model)
	if err != nil {
		t.Fatal(err)
	}
	mapped, err := model.MappedPort(ctx, port.String())
	if err != nil {
		t.Fatal(err)
	}
	h.env["OPENAI_BASE_URL"] = "http://127.0.0.1:" + mapped.Port() + "/v1"

	r := h.serve().run("Fix it.")
	if r.Status != task.Success || !strings.Contains(r.Patch, "a + b") || r.Summary != "It adds now." {
		t.Errorf("%s %+v %q", r.Status, r.Failure, r.Summary)
	}
	logs, err := model.Logs(ctx)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(logs)
	_ = logs.Close()
	if err != nil || strings.Count(string(text), "path=/v1/responses") != 2 || strings.Contains(string(text), apiKey) {
		t.Errorf("the model's own log: %v\n%s", err, text)
	}
}

// The registry of a company that answers nothing: the image is named in the
// refusal, and no pull is tried behind the user's back.
func TestAnImageOfADeadRegistryIsRefused(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.configure(map[string]any{"image": "127.0.0.1:1/no/such:1"})
	h.refused(h.serve().start(three("r")).raw(), "127.0.0.1:1/no/such:1")
}

//go:build integration

package integration

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/moby/moby/client"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// TestAnyImageWithAShellAndGitServes: the tools come on a volume, so the image
// needs nothing of ours. This one is Debian's base with git, made from what the
// runner image was built on.
func TestAnyImageWithAShellAndGitServes(t *testing.T) {
	t.Parallel()
	ctx, api := t.Context(), docker(t)
	runner := runnerImage(t)
	name := fmt.Sprintf("cmr-integration-other:%d", os.Getpid())
	var dockerfile bytes.Buffer
	w := tar.NewWriter(&dockerfile)
	text := "FROM " + runner + "\nUSER root\nRUN mv /opt/codex-mcp-runner /opt/moved && rm -rf /opt/moved\nENV OTHER=image\n"
	if err := w.WriteHeader(&tar.Header{Name: "Dockerfile", Mode: 0o644, Size: int64(len(text))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	built, err := api.ImageBuild(ctx, &dockerfile, client.ImageBuildOptions{Tags: []string{name}, Remove: true, ForceRemove: true, NetworkMode: "none"})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	_, err = log.ReadFrom(built.Body)
	_ = built.Body.Close()
	if err != nil || !strings.Contains(log.String(), "Successfully tagged") {
		t.Fatalf("%v\n%s", err, log.String())
	}
	h := newHost(t, conversation("", run(`echo "$OTHER"; ls /opt; rg -c sum src`), patch(fixSum), say("Done.")))
	t.Cleanup(func() {
		out, err := exec.Command("docker", "image", "rm", name).CombinedOutput()
		if err != nil {
			t.Errorf("%v %s", err, out)
		}
	})
	h.configure(map[string]any{"image": name})
	r := h.serve().run("x")
	if heard := h.heard(); r.Status != task.Success || !strings.Contains(heard, "image\ncodex-mcp-runner\n") {
		t.Errorf("%s %+v\n%s", r.Status, r.Failure, heard)
	}
}

// runnerImage is the tag of the image that the program uses, as it says itself.
func runnerImage(t *testing.T) string {
	t.Helper()
	out, err := exec.Command(program, "image", "build").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))[0]
}

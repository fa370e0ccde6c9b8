//go:build integration

package integration

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/client"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// search looks for two texts wherever a process in the sandbox can look: the
// key, and one that is there to be found. Neither is in the script as it is
// written, or in the arguments of a process, so that it does not find itself.
func search(key, decoy string) string {
	return `key=$(echo ` + backwards(key) + ` | rev) decoy=$(echo ` + backwards(decoy) + ` | rev)
	echo "$decoy" >"$HOME/decoy"
	DECOY=$decoy sleep 30 &
	sleep 0.5
	find / -xdev -path /usr -prune -o -type f -readable -print >/tmp/files 2>/dev/null # /usr is as the image has it
	find "$HOME" /tmp /dev/shm /run /workspace /etc/codex -type f -readable >>/tmp/files 2>/dev/null
	ls /proc/[0-9]*/environ /proc/[0-9]*/cmdline /proc/[0-9]*/task/*/comm >>/tmp/files
	for p in key decoy; do
	  echo "${!p}" >/tmp/pattern # not among the files to search
	  xargs -d '\n' grep -alsF -f /tmp/pattern </tmp/files | sort -u | sed "s/^/found $p: /"
	  env | grep -qF "${!p}" && echo "found $p: env"
	done
	kill %1; echo searched`
}

func backwards(s string) string {
	b := []byte(s)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}

func TestTheKeyIsNowhere(t *testing.T) {
	t.Parallel()
	// The model knows the key: it may also be the one to say it.
	h := newHost(t, conversation("", patient(search(apiKey, "decoy-4711-abcdefgh")), run("echo "+apiKey), say("The key is "+apiKey+".")))
	s := h.serve("--log-level", "debug")
	call := s.start(map[string]any{"tasks": []any{map[string]any{"task_id": "t", "prompt": "Find the key."}}})
	var inspected string
	api := docker(t)
	s.until("the container", func() bool {
		for _, id := range containers(t.Context(), t, owner(s.cmd.Process.Pid)) {
			if r, err := api.ContainerInspect(t.Context(), id, client.ContainerInspectOptions{}); err == nil {
				inspected = string(r.Raw)
			}
		}
		return strings.Contains(inspected, `"Running":true`)
	})
	r := call.result().Results[0]

	heard := h.heard()
	if !strings.Contains(heard, "searched") || !strings.Contains(heard, "found decoy: /home/codex/decoy") || !strings.Contains(heard, "found decoy: /proc/") {
		t.Fatalf("the search does not work (%s, %+v):\n%s", r.Status, r.Failure, heard)
	}
	if strings.Contains(heard, "found key") {
		t.Errorf("the sandbox has the key:\n%s", heard)
	}
	if !strings.Contains(inspected, "CODEX_HOME") {
		t.Fatalf("that is no container of ours: %s", inspected)
	}
	s.stop()
	for where, text := range map[string]string{"docker inspect": inspected, "what MCP said": s.wire.String(), "stderr": s.stderr.String()} {
		if strings.Contains(text, apiKey) {
			t.Errorf("the key is in %s", where)
		}
	}
	h.noKeyInFiles(t, h.state)
	for _, req := range h.model.Requests() {
		if got := req.Header.Get("Authorization"); got != "Bearer "+apiKey {
			t.Errorf("the model was called with %q", got)
		}
	}
}

func (h *host) noKeyInFiles(t *testing.T, dir string) {
	t.Helper()
	read := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(string(b), apiKey) {
			t.Errorf("the key is in %s", path)
		}
		read++
		return err
	})
	if err != nil || read < 6 {
		t.Errorf("read %d files of the journal: %v", read, err)
	}
}

func TestALoginFileServesAsWellAndStaysOnTheHost(t *testing.T) {
	t.Parallel()
	h := newHost(t, conversation("", patient(search(apiKey, "decoy-4711-abcdefgh")), say("Found nothing.")))
	delete(h.env, "CODEX_API_KEY")
	dir := filepath.Join(h.env["HOME"], ".codex")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "auth.json"), []byte(`{"OPENAI_API_KEY":"`+apiKey+`"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	r := h.serve().run("Find the key.")
	if heard := h.heard(); r.Status != task.Success || strings.Contains(heard, "found key") || !strings.Contains(heard, "searched") {
		t.Errorf("%s %+v\n%s", r.Status, r.Failure, heard)
	}
	h.noKeyInFiles(t, h.state)
}

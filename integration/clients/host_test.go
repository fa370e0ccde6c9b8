//go:build integration

package clients

import (
	"context"
	"encoding/json"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/client"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/replay"
)

const apiKey = "sk-proj-Zq8vX2mN4bR7tY1wE5uI9oP3aS6dF0gH"

// host is a machine with a repository, a scripted model and a place for state.
// When its test ends, everything that the program could have left is looked for.
type host struct {
	t     testing.TB
	dir   string // everything is below it, also what containers mount
	repo  string
	home  string
	state string
	// env is the whole environment of the program.
	env    map[string]string
	before string // the repository's references and worktrees
}

func newHost(t testing.TB, conversations ...replay.Conversation) *host {
	t.Helper()
	dir := t.TempDir()
	h := &host{
		t: t, dir: dir, repo: filepath.Join(dir, "repo"),
		home: filepath.Join(dir, "home"), state: filepath.Join(dir, "state"),
	}
	model := httptest.NewServer(replay.NewServer(replay.Script{Conversations: conversations}, replay.Options{Key: apiKey}))
	t.Cleanup(model.Close)
	h.env = map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": h.home, "XDG_STATE_HOME": h.state,
		"OPENAI_BASE_URL": model.URL + "/v1", "CODEX_API_KEY": apiKey,
	}
	if engine := os.Getenv("DOCKER_HOST"); engine != "" {
		h.env["DOCKER_HOST"] = engine
	}
	config, err := json.Marshal(map[string]any{
		"codex_model": "gpt-5.5", "command_policy": "audit", "default_allowed_paths": []string{"**"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"home/.keep":            "",
		"repo/.mcp-codex.json":  string(config),
		"repo/src/sum.js":       "export const sum = (xs) => xs.reduce((a, b) => a - b, 0)\n",
		"elsewhere/no-git-here": "",
	} {
		h.write(name, content)
	}
	h.git("init", "-q", "-b", "main")
	h.git("add", "-A")
	h.git("commit", "-q", "-m", "sample")
	h.before = h.refs()
	t.Cleanup(h.nothingIsLeft)
	return h
}

// write makes a file below the host's directory.
func (h *host) write(name, content string) string {
	h.t.Helper()
	path := filepath.Join(h.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		h.t.Fatal(err)
	}
	return path
}

// elsewhere is a directory that is in no repository.
func (h *host) elsewhere() string { return filepath.Join(h.dir, "elsewhere") }

func (h *host) git(args ...string) string {
	h.t.Helper()
	c := exec.Command("git", append([]string{"-C", h.repo}, args...)...)
	if args[0] == "init" {
		c = exec.Command("git", append(args, h.repo)...)
	}
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@t", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@t")
	out, err := c.CombinedOutput()
	if err != nil {
		h.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// refs is what a run could leave in the repository.
func (h *host) refs() string {
	h.t.Helper()
	return h.git("for-each-ref") + h.git("worktree", "list") + h.git("status", "--porcelain")
}

// environ is env as exec wants it, with more on top.
func (h *host) environ(more map[string]string) (all []string) {
	env := maps.Clone(h.env)
	maps.Copy(env, more)
	for k, v := range env {
		all = append(all, k+"="+v)
	}
	return all
}

// containers are the ids of those that mount anything of this host's, whoever
// started the server that made them.
func (h *host) containers() (ids []string) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	docker, err := client.New(client.FromEnv)
	if err != nil {
		h.t.Fatal(err)
	}
	defer docker.Close()
	list, err := docker.ContainerList(ctx, client.ContainerListOptions{All: true})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, c := range list.Items {
		for _, m := range c.Mounts {
			if strings.HasPrefix(m.Source, h.dir+"/") {
				ids = append(ids, c.ID)
				break
			}
		}
	}
	return ids
}

// until waits for what a client or the program brings about.
func (h *host) until(patience time.Duration, what string, ok func() bool) {
	h.t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			h.t.Fatalf("waited %v in vain for %s", patience, what)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (h *host) nothingIsLeft() {
	if left := h.containers(); len(left) > 0 {
		h.t.Errorf("containers are left: %v", left)
	}
	if diff := cmp.Diff(h.before, h.refs()); diff != "" {
		h.t.Errorf("the repository changed (-before +after):\n%s", diff)
	}
	for _, pattern := range []string{"/codex-mcp-runner/*/work/*", "/codex-mcp-runner/*/tmp/*", "/codex-mcp-runner/sandboxes/sandboxes/*"} {
		if left, _ := filepath.Glob(h.state + pattern); len(left) > 0 {
			h.t.Errorf("directories are left: %v", left)
		}
	}
}

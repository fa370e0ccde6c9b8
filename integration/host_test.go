//go:build integration

// Package integration tests the built program with the real Docker engine, the
// real Codex and real git. Only the model is scripted.
package integration

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/replay"
)

// program is codex-mcp-runner, built with the race detector.
var program string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	// testcontainers' reaper is an image that cannot be pulled everywhere; each
	// test removes its own.
	if err := os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	dir, err := os.MkdirTemp("", "cmr-integration-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "codex-mcp-runner")
	for _, c := range []*exec.Cmd{
		exec.Command("make", "-s", "-C", "..", "init"),
		exec.Command("go", "build", "-race", "-o", program, "../cmd/codex-mcp-runner"),
		exec.Command(program, "image", "build"),
	} {
		c.Stdout, c.Stderr = os.Stderr, os.Stderr
		if err := c.Run(); err != nil {
			// No engine, no image: nothing was tested, and that is a failure.
			fmt.Fprintf(os.Stderr, "integration: %v: %v\n", c.Args, err)
			return 1
		}
	}
	// A task mostly waits for its container: twice as many tests as processors.
	// Who says -parallel knows better.
	flag.Parse()
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "test.parallel" })
	if !said {
		if err := flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

// apiKey is what the scripted model demands. It must be found nowhere.
const apiKey = "sk-proj-Zq8vX2mN4bR7tY1wE5uI9oP3aS6dF0gH"

// host is a machine with a repository, a scripted model and a place for state.
// When its test ends, everything that the program could have left is looked for.
type host struct {
	t     testing.TB
	repo  string
	state string
	model *replay.Server
	// env are the variables of the program beside PATH, HOME and the model's.
	env map[string]string

	pids   []int // of the servers that ran
	before map[string]string
}

func newHost(t testing.TB, conversations ...replay.Conversation) *host {
	t.Helper()
	dir := t.TempDir()
	h := &host{
		t: t, repo: filepath.Join(dir, "repo"), state: filepath.Join(dir, "state"),
		model: replay.NewServer(replay.Script{Conversations: conversations}, replay.Options{Key: apiKey}),
	}
	api := httptest.NewServer(h.model)
	t.Cleanup(api.Close)
	h.env = map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": filepath.Join(dir, "home"), "XDG_STATE_HOME": h.state,
		"OPENAI_BASE_URL": api.URL + "/v1", "CODEX_API_KEY": apiKey,
		"DOCKER_HOST": os.Getenv("DOCKER_HOST"),
	}
	if h.env["DOCKER_HOST"] == "" {
		delete(h.env, "DOCKER_HOST")
	}
	h.git(dir, "init", "-q", "-b", "main", h.repo)
	h.write("README.md", "# sample\n")
	h.write("src/sum.js", "export const sum = (xs) => xs.reduce((a, b) => a - b, 0)\n")
	h.write("old.txt", "one\ntwo\nthree\nfour\nfive\nsix\n")
	h.configure(nil)
	t.Cleanup(h.nothingIsLeft)
	return h
}

// configure commits a .mcp-codex.json that lets everything pass in an old model's
// plain tools, but for the fields given.
func (h *host) configure(fields map[string]any) {
	h.t.Helper()
	config := map[string]any{"codex_model": "gpt-5.5", "command_policy": "audit", "default_allowed_paths": []string{"**"}}
	maps.Copy(config, fields)
	b, err := json.Marshal(config)
	if err != nil {
		h.t.Fatal(err)
	}
	h.write(".mcp-codex.json", string(b))
	h.commit("configure")
}

func (h *host) write(name, content string) {
	h.t.Helper()
	path := filepath.Join(h.repo, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) commit(message string) {
	h.t.Helper()
	h.git(h.repo, "add", "-A")
	h.git(h.repo, "commit", "-q", "--allow-empty", "-m", message)
}

// git runs the machine's git with a configuration of its own.
func (h *host) git(dir string, args ...string) string {
	h.t.Helper()
	// Else a large commit starts git's own housekeeping behind our back.
	c := exec.Command("git", append([]string{"-c", "gc.auto=0", "-c", "maintenance.auto=false"}, args...)...)
	c.Dir = dir
	if _, err := os.Stat(dir); err != nil {
		h.t.Fatal(err)
	}
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@t", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@t")
	out, err := c.CombinedOutput()
	if err != nil {
		h.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// snapshot is every file of the repository, .git included, with mode and content.
func (h *host) snapshot() map[string]string {
	h.t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(h.repo, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		content := ""
		switch {
		case d.Type() == fs.ModeSymlink:
			content, err = os.Readlink(path)
		case d.Type().IsRegular():
			var b []byte
			b, err = os.ReadFile(path)
			sum := sha256.Sum256(b)
			content = hex.EncodeToString(sum[:])
		}
		files[strings.TrimPrefix(path, h.repo)] = info.Mode().String() + " " + content
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return files
}

// unchanged fails the test if the repository is not what it was when the first
// server started.
func (h *host) unchanged() {
	h.t.Helper()
	if diff := cmp.Diff(h.before, h.snapshot()); diff != "" {
		h.t.Errorf("the repository changed (-before +after):\n%.4000s", diff)
	}
}

// nothingIsLeft looks for containers, volumes, worktrees and directories.
func (h *host) nothingIsLeft() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if h.before != nil {
		h.unchanged()
	}
	for _, pid := range h.pids {
		if left := containers(ctx, h.t, owner(pid)); len(left) > 0 {
			h.t.Errorf("containers are left: %v", left)
		}
	}
	if left := volumes(ctx, h.t); len(left) > 0 {
		h.t.Errorf("volumes are left: %v", left)
	}
	for _, pattern := range []string{"/codex-mcp-runner/*/work/*", "/codex-mcp-runner/*/tmp/*", "/codex-mcp-runner/sandboxes/sandboxes/*"} {
		if left, _ := filepath.Glob(h.state + pattern); len(left) > 0 {
			h.t.Errorf("directories are left: %v", left)
		}
	}
}

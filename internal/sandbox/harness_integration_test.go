//go:build integration

package sandbox_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/sandbox"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

const sandboxUID = 4242

// lab is an engine with a state directory of its own, and a worktree.
type lab struct {
	*sandbox.Engine
	run   string // label of every container here
	tree  task.Tree
	state string
}

// newLab needs the runner image, which `make image` builds. When the test ends
// it fails if a container of the test is left.
func newLab(t testing.TB) *lab {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("these tests give the worktree to another uid: run them as root")
	}
	dir := t.TempDir()
	chance := make([]byte, 6)
	_, _ = rand.Read(chance)
	l := &lab{run: "test-" + hex.EncodeToString(chance), state: filepath.Join(dir, "state")}
	l.tree = task.Tree{
		Dir: filepath.Join(dir, "tree"), GitDir: filepath.Join(dir, "git"), GitFile: filepath.Join(dir, "gitfile"),
		Objects: []string{filepath.Join(dir, "objects")}, UID: sandboxUID, GID: sandboxUID,
	}
	for _, d := range []string{l.tree.Dir, l.tree.GitDir, l.tree.Objects[0]} {
		must(t, os.Mkdir(d, 0o755))
	}
	for _, d := range []string{l.tree.Dir, l.tree.GitDir} {
		must(t, os.Chown(d, sandboxUID, sandboxUID))
	}
	must(t, os.WriteFile(l.tree.GitFile, []byte("gitdir: "+task.GitDir+"\n"), 0o644))
	must(t, os.WriteFile(filepath.Join(l.tree.Dir, ".git"), []byte("gitdir: /host/secret/place\n"), 0o644))
	must(t, os.Chown(filepath.Join(l.tree.Dir, ".git"), sandboxUID, sandboxUID))
	must(t, os.WriteFile(filepath.Join(l.tree.Objects[0], "pack"), []byte("objects"), 0o644))

	var err error
	l.Engine, err = sandbox.Open(sandbox.Options{
		Log:         slog.New(slog.NewTextHandler(testWriter{t}, nil)),
		RunnerImage: sandbox.RunnerTag(), StateDir: l.state,
	})
	must(t, err)
	t.Cleanup(func() {
		if left := l.containers(t); len(left) > 0 {
			t.Errorf("%d containers are left: %v", len(left), left)
		}
		if left, _ := filepath.Glob(filepath.Join(l.state, "sandboxes", "*")); len(left) > 0 {
			t.Errorf("files are left: %v", left)
		}
		must(t, l.Close())
	})
	return l
}

// containers are the ids of all that this lab has made.
func (l *lab) containers(t testing.TB) []string {
	t.Helper()
	list, err := l.API().ContainerList(context.WithoutCancel(t.Context()), container.ListOptions{
		All: true, Filters: filters.NewArgs(filters.Arg("label", "io.codex-mcp-runner.run="+l.run)),
	})
	must(t, err)
	var ids []string
	for _, c := range list {
		ids = append(ids, c.ID)
	}
	return ids
}

// bash is a container that runs a script, under deny, with modest limits.
func (l *lab) bash(script string) task.Container {
	return task.Container{
		RunID: l.run, TaskID: "t1", Purpose: task.PurposeCodex,
		Command: []string{"bash", "-c", script},
		Tree:    l.tree,
		Mode:    task.SandboxWorkspaceWrite,
		Network: task.NetworkDeny,
		Limits: task.Limits{
			CPUs: 1, MemoryBytes: 256 << 20, Pids: 128, OpenFiles: 1024, FileBytes: 64 << 20,
			TmpBytes: 32 << 20, HomeBytes: 32 << 20, ShmBytes: 8 << 20,
		},
	}
}

// result is what came of one container.
type result struct {
	task.Exit
	out, errs string
	err       error
}

func (l *lab) do(t testing.TB, c task.Container, s task.Streams) result {
	t.Helper()
	var out, errs bytes.Buffer
	s.Stdout, s.Stderr = &out, &errs
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	exit, err := l.Run(ctx, c, s)
	return result{exit, out.String(), errs.String(), err}
}

// ok runs a script that must end with exit code 0, and gives its stdout.
func (l *lab) ok(t testing.TB, c task.Container, s task.Streams) string {
	t.Helper()
	r := l.do(t, c, s)
	if r.err != nil || r.Code != 0 {
		t.Fatalf("exit code %d, error %v\nstdout: %s\nstderr: %s", r.Code, r.err, r.out, r.errs)
	}
	return r.out
}

// attacks runs a script of lines "name: command"; each command must fail, and
// the script must live to say so.
func (l *lab) attacks(t *testing.T, c task.Container, s task.Streams, commands map[string]string) {
	t.Helper()
	var script strings.Builder
	for name, command := range commands {
		if strings.ContainsAny(name, "'\"$`") {
			t.Fatalf("the name %q does not survive a shell", name)
		}
		script.WriteString("if ( " + command + " ) >/tmp/out 2>&1; then echo \"BREACH " + name + ": $(head -c 500 /tmp/out)\"; else echo 'held " + name + "'; fi\n")
	}
	script.WriteString("echo end of attacks\n")
	c.Command = []string{"bash", "-c", script.String()}
	out := l.ok(t, c, s)
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "BREACH") {
			t.Error(strings.TrimSpace(line))
		}
	}
	if n := strings.Count(out, "held "); n != len(commands) || !strings.Contains(out, "end of attacks") {
		t.Errorf("%d of %d attacks were answered:\n%s", n, len(commands), out)
	}
}

// echoTunnel answers each line that comes through the tunnel with itself.
func echoTunnel(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			_, _ = io.Copy(c, c)
			_ = c.Close()
		}()
	}
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

//go:build integration

package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/sandbox"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func TestStreamsAndExitCodes(t *testing.T) {
	l := newLab(t)
	cases := map[string]struct {
		command   []string
		stdin     io.Reader
		code      int
		out, errs string
	}{
		"stdin to its end":    {command: []string{"cat"}, stdin: strings.NewReader("hello"), out: "hello"},
		"no stdin":            {command: []string{"cat"}},
		"stdin not read":      {command: []string{"true"}, stdin: io.LimitReader(zeros{}, 10<<20)},
		"both outputs, code":  {command: []string{"bash", "-c", "echo out; echo err >&2; exit 7"}, code: 7, out: "out\n", errs: "err\n"},
		"killed by a signal":  {command: []string{"bash", "-c", "kill -9 $$"}, code: 137},
		"not found":           {command: []string{"no-such-command"}, code: 127, errs: "no-such-command"},
		"not executable":      {command: []string{"/etc/passwd"}, code: 126, errs: "/etc/passwd"},
		"orphans are reaped":  {command: []string{"bash", "-c", "for i in 1 2 3 4 5; do (sleep 0.1 &) ; done; sleep 0.5; ps=$(grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l); echo $ps"}, out: "0\n"},
		"what is left dies":   {command: []string{"bash", "-c", "setsid sleep 1000 & disown; echo done"}, out: "done\n"},
		"SIGTERM is its own":  {command: []string{"bash", "-c", "kill -TERM 1; sleep 5; echo survived"}, code: 143},
		"arguments are whole": {command: []string{"printf", "%s|", "a b", "", "--", "$HOME"}, out: "a b||--|$HOME|"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			box := l.bash("")
			box.Command = c.command
			got := l.do(t, box, task.Streams{Stdin: c.stdin})
			if got.err != nil || got.Code != c.code || got.out != c.out || !strings.Contains(got.errs, c.errs) {
				t.Errorf("code %d, stdout %q, stderr %q, error %v; want code %d, stdout %q, stderr with %q",
					got.Code, got.out, got.errs, got.err, c.code, c.out, c.errs)
			}
			if got.ImageID == "" || !got.CreatedAt.Before(got.StartedAt) || !got.StartedAt.Before(got.FinishedAt) || got.OOMKilled {
				t.Errorf("exit is %+v", got.Exit)
			}
		})
	}
}

// Codex's own session files outlive the container, if they shall.
func TestSessions(t *testing.T) {
	l := newLab(t)
	l.tree.Sessions = filepath.Join(t.TempDir(), "sessions")
	must(t, os.Mkdir(l.tree.Sessions, 0o700))
	must(t, os.Chown(l.tree.Sessions, sandboxUID, sandboxUID))
	const write = "mkdir -p $CODEX_HOME/sessions/2026 && echo line > $CODEX_HOME/sessions/2026/rollout.jsonl && readlink $CODEX_HOME/sessions"
	c := l.bash(write)
	c.Mode = task.SandboxReadOnly
	if out := strings.TrimSpace(l.do(t, c, task.Streams{}).out); out == task.SessionsDir {
		t.Error("the sessions are kept without being asked for")
	}
	if list, _ := os.ReadDir(l.tree.Sessions); len(list) > 0 {
		t.Errorf("the host has %v", list)
	}
	c.KeepSessions = true
	if out := l.ok(t, c, task.Streams{}); out != task.SessionsDir+"\n" {
		t.Errorf("the link leads to %q", out)
	}
	if b, err := os.ReadFile(filepath.Join(l.tree.Sessions, "2026", "rollout.jsonl")); err != nil || string(b) != "line\n" {
		t.Errorf("the host has %q, %v", b, err)
	}
}

// A reader that never gives anything must not hold the container, nor Run for ever.
func TestStdinThatBlocks(t *testing.T) {
	l := newLab(t)
	r, w := io.Pipe()
	defer w.Close()
	if got := l.do(t, l.bash("exit 3"), task.Streams{Stdin: r}); got.err != nil || got.Code != 3 {
		t.Errorf("code %d, error %v", got.Code, got.err)
	}
}

func TestOutputIsWhole(t *testing.T) {
	l := newLab(t)
	got := l.do(t, l.bash("head -c 50000000 /dev/zero; echo; echo the end"), task.Streams{})
	if got.err != nil || len(got.out) != 50000009 || !strings.HasSuffix(got.out, "\nthe end\n") {
		t.Errorf("%d bytes of output, error %v", len(got.out), got.err)
	}
}

func TestTunnel(t *testing.T) {
	l := newLab(t)
	var calls atomic.Int64
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Length", fmt.Sprint(len(r.URL.Path)+len(body)))
		fmt.Fprintf(w, "%s%s", r.URL.Path, body)
	})}
	serve := func(l net.Listener) { _ = srv.Serve(l) }
	t.Run("guard", func(t *testing.T) {
		out := l.ok(t, l.bash(`echo '{"x":1}' | sandbox-init guard `+task.GatewayAddr), task.Streams{Tunnel: serve})
		if want := "/guard{\"x\":1}\n"; out != want {
			t.Errorf("guard printed %q, want %q", out, want)
		}
	})
	t.Run("many at once", func(t *testing.T) {
		before := calls.Load()
		l.ok(t, l.bash(`for i in $(seq 40); do echo $i | sandbox-init guard `+task.GatewayAddr+` > /tmp/$i & done; wait; for i in $(seq 40); do test "$(cat /tmp/$i)" = "/guard$i" || exit 1; done`), task.Streams{Tunnel: serve})
		if n := calls.Load() - before; n != 40 {
			t.Errorf("%d calls came through, want 40", n)
		}
	})
	t.Run("no tunnel, no guard", func(t *testing.T) {
		got := l.do(t, l.bash(`echo '{}' | sandbox-init guard `+task.GatewayAddr), task.Streams{})
		if got.err != nil || got.Code != 2 || got.out != "" || got.errs == "" {
			t.Errorf("code %d, stdout %q, stderr %q, error %v", got.Code, got.out, got.errs, got.err)
		}
	})
	t.Run("closed by us", func(t *testing.T) {
		got := l.do(t, l.bash("sleep 60"), task.Streams{Tunnel: func(l net.Listener) { _ = l.Close() }})
		if got.err == nil || !strings.Contains(got.err.Error(), "bridge") {
			t.Errorf("error is %v, want one that names the bridge", got.err)
		}
	})
}

// BenchmarkStop says how long it takes.
func TestCancelRemovesWhatIgnoresSignals(t *testing.T) {
	l := newLab(t)
	cause := errors.New("the caller has had enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	exit, err := l.Run(ctx, l.bash(stubborn(false)), task.Streams{
		Stdout: writerFunc(func(p []byte) (int, error) { cancel(cause); return len(p), nil }),
		Tunnel: echoTunnel,
	})
	if !errors.Is(err, cause) || exit.Code != 137 {
		t.Errorf("exit code %d, error %v; want 137 and the cause", exit.Code, err)
	}
	if left := l.containers(t); len(left) > 0 {
		t.Errorf("Run returned and %v is there", left)
	}
}

func TestCancelledBeforeStart(t *testing.T) {
	l := newLab(t)
	for _, after := range []time.Duration{0, time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond, 60 * time.Millisecond, 150 * time.Millisecond, 300 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		_, err := l.Run(ctx, l.bash("sleep 60"), task.Streams{Tunnel: echoTunnel})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cancelled after %s: error is %v", after, err)
		}
	}
}

func TestFloodEndsWithTheWritersError(t *testing.T) {
	l := newLab(t)
	full := errors.New("that is enough")
	var n int64
	_, err := l.Run(t.Context(), l.bash("head -c 1000000000 /dev/zero; sleep 60"), task.Streams{
		Stdout: writerFunc(func(p []byte) (int, error) {
			if n += int64(len(p)); n > 10<<20 {
				return 0, full
			}
			return len(p), nil
		}),
	})
	if !errors.Is(err, full) {
		t.Errorf("error is %v, want the writer's", err)
	}
	if n > 11<<20 {
		t.Errorf("%d bytes were taken", n)
	}
}

func TestManyAtOnce(t *testing.T) {
	l := newLab(t)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			c := l.bash(`exec 5<>/dev/tcp/127.0.0.1/8128; echo "hello $0" >&5; read -t 20 x <&5; echo "$x"; cat`)
			c.TaskID = fmt.Sprint("task-", i)
			c.Command = append(c.Command, c.TaskID)
			got := l.do(t, c, task.Streams{Stdin: strings.NewReader("prompt"), Tunnel: echoTunnel})
			if want := "hello " + c.TaskID + "\nprompt"; got.err != nil || got.Code != 0 || got.out != want {
				t.Errorf("%s: code %d, stdout %q, stderr %q, error %v", c.TaskID, got.Code, got.out, got.errs, got.err)
			}
		})
	}
	all.Wait()
}

func TestRefusals(t *testing.T) {
	l := newLab(t)
	var r *task.Refusal
	c := l.bash("true")
	c.Runtime = "no-such-runtime"
	if _, err := l.Run(t.Context(), c, task.Streams{}); !errors.As(err, &r) || !strings.Contains(r.What, "runc") {
		t.Errorf("unknown runtime: %v", err)
	}
	none, err := sandbox.Open(sandbox.Options{RunnerImage: "no-such-runner:here", StateDir: t.TempDir()})
	must(t, err)
	if err := none.Check(t.Context(), "", ""); !errors.As(err, &r) || !strings.Contains(r.Mend, "codex-mcp-runner image build") {
		t.Errorf("missing runner image: %v", err)
	}
	must(t, l.Check(t.Context(), "", ""))
}

func TestReap(t *testing.T) {
	l := newLab(t)
	self, err := sandbox.Self()
	must(t, err)
	dead, other := self, self
	dead.Start = "another-start"
	other.Host = "another-host"
	ids := map[string]string{}
	for name, o := range map[string]sandbox.Owner{"dead": dead, "live": self, "foreign": other} {
		made, err := l.API().ContainerCreate(t.Context(), &container.Config{
			Image: sandbox.RunnerTag(), Entrypoint: []string{"/bin/sleep"}, Cmd: []string{"1000"},
			Labels: map[string]string{
				"io.codex-mcp-runner.run": l.run, "io.codex-mcp-runner.owner.host": o.Host,
				"io.codex-mcp-runner.owner.pid": fmt.Sprint(o.PID), "io.codex-mcp-runner.owner.start": o.Start,
			},
		}, nil, nil, nil, "")
		must(t, err)
		must(t, l.API().ContainerStart(t.Context(), made.ID, container.StartOptions{}))
		ids[name] = made.ID
		defer func() {
			_ = l.API().ContainerRemove(context.WithoutCancel(t.Context()), made.ID, container.RemoveOptions{Force: true})
		}()
	}
	got, err := l.Reap(t.Context())
	must(t, err)
	if len(got.Containers) != 1 || got.Containers[0] != ids["dead"] {
		t.Errorf("reaped %v, want only %s", got.Containers, ids["dead"])
	}
	if left := l.containers(t); len(left) != 2 {
		t.Errorf("%d containers are left, want the live and the foreign one", len(left))
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

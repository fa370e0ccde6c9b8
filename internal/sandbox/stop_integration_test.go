//go:build integration

package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/sandbox"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// stubborn is a script that says up, ignores what it can, and never ends.
func stubborn(busy bool) string {
	script := "trap '' TERM INT HUP; echo up; "
	if busy {
		script += "(while :; do :; done) & (while :; do :; done) & "
	}
	return script + "while :; do sleep 1; done"
}

// A process that is ended the way Claude Code ends a server, SIGINT and SIGKILL
// half a second later, leaves nothing that runs; nor does one that gets no warning.
func TestNoContainerOutlivesItsProcess(t *testing.T) {
	for name, c := range map[string]struct {
		interrupt  bool
		containers int
	}{
		"SIGKILL":              {false, 3},
		"SIGINT, then SIGKILL": {true, 8},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			server := l.serve(t, c.containers, stubborn(true))
			pids := l.pids(t)
			if len(pids) != c.containers {
				t.Fatalf("%d containers are up, want %d", len(pids), c.containers)
			}
			if c.interrupt {
				must(t, server.Process.Signal(os.Interrupt))
				time.Sleep(500 * time.Millisecond)
			}
			must(t, server.Process.Kill())
			_ = server.Wait() // killed
			allDie(t, pids)
			// What is left of them is for the next process to remove.
			_, err := l.Reap(t.Context())
			must(t, err)
		})
	}
}

// Killed at any moment of a container's start: what the engine is about to start
// then has no lifeline, and ends as soon as it begins.
func TestNoContainerOutlivesAProcessThatIsKilledWhileItStarts(t *testing.T) {
	l := newLab(t)
	for i := range 6 {
		before := len(l.containers(t))
		server, _ := l.process(t, 4, stubborn(true))
		for len(l.containers(t)) == before {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(i) * 100 * time.Millisecond)
		must(t, server.Process.Kill())
		_ = server.Wait() // killed
	}
	time.Sleep(2 * time.Second) // the engine starts what it was asked to start
	var pids []int
	for began := time.Now(); time.Since(began) < 30*time.Second; time.Sleep(100 * time.Millisecond) {
		if pids = l.pids(t); len(pids) == 0 {
			break
		}
	}
	if len(pids) > 0 {
		t.Errorf("%d containers run on", len(pids))
	}
	_, err := l.Reap(t.Context())
	must(t, err)
}

// serve starts a process that runs a script that says up in n containers, half of
// them without a tunnel as verify commands are, and returns when all are up.
func (l *lab) serve(t *testing.T, n int, script string) *exec.Cmd {
	t.Helper()
	cmd, out := l.process(t, n, script)
	if up, err := io.ReadAll(io.LimitReader(out, int64(3*n))); len(up) != 3*n {
		t.Fatalf("%d of %d containers came up: %v", len(up)/3, n, err)
	}
	return cmd
}

// process starts the process of serve, and gives what its containers print.
func (l *lab) process(t *testing.T, n int, script string) (*exec.Cmd, io.Reader) {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), serveEnv+"="+strconv.Itoa(n))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	must(t, json.NewEncoder(in).Encode(served{State: l.state, Container: l.bash(script)}))
	return cmd, out
}

// served is what the process of serve is told.
type served struct {
	State     string
	Container task.Container
}

const serveEnv = "CMR_TEST_SERVE"

// TestMain lets the test binary be the process of serve.
func TestMain(m *testing.M) {
	n, err := strconv.Atoi(os.Getenv(serveEnv))
	if err != nil {
		if os.Getenv(ownHostEnv) == "" {
			os.Exit(onAHostOfItsOwn())
		}
		if err := becomeAnotherHost(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		code := m.Run()
		removeParts()
		os.Exit(code)
	}
	if err := serve(n); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(1)
}

// removeParts removes the stages that images of the tests were built from. Until
// then they are the cache of the next test.
func removeParts() {
	api, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err == nil {
		_, err = api.ImagesPrune(context.Background(), filters.NewArgs(filters.Arg("label", "io.codex-mcp-runner.test=parts"), filters.Arg("dangling", "true")))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func serve(n int) error {
	var s served
	if err := json.NewDecoder(os.Stdin).Decode(&s); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	e, err := sandbox.Open(sandbox.Options{RunnerImage: sandbox.RunnerTag(), StateDir: s.State})
	if err != nil {
		return err
	}
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			streams := task.Streams{Stdout: os.Stdout}
			if i%2 == 0 {
				streams.Stdin, streams.Tunnel = strings.NewReader("prompt"), echoTunnel
			}
			_, errs[i] = e.Run(ctx, s.Container, streams)
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// BenchmarkStop is what a cancel of n containers at once takes: until no process
// is left in any of them, and until all are removed. "loaded" is with two busy
// loops in each container.
func BenchmarkStop(b *testing.B) {
	for _, load := range []bool{false, true} {
		for _, n := range []int{1, 3, 8} {
			b.Run(fmt.Sprintf("%d/%s", n, map[bool]string{false: "idle", true: "loaded"}[load]), func(b *testing.B) {
				l := newLab(b)
				var dead, removed time.Duration
				for b.Loop() {
					d, r := l.stop(b, n, load)
					dead, removed = dead+d, removed+r
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(float64(dead.Milliseconds())/float64(b.N), "ms/dead")
				b.ReportMetric(float64(removed.Milliseconds())/float64(b.N), "ms/removed")
			})
		}
	}
}

// stop runs n containers that do not want to end, cancels them at once, and says
// how long it was until their processes were dead and until Run had returned.
func (l *lab) stop(t testing.TB, n int, load bool) (dead, removed time.Duration) {
	t.Helper()
	cause := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var up, down sync.WaitGroup
	up.Add(n)
	for range n {
		down.Go(func() {
			first := sync.OnceFunc(up.Done)
			_, err := l.Run(ctx, l.bash(stubborn(load)), task.Streams{
				Stdin:  bytes.NewReader([]byte("prompt")),
				Stdout: writerFunc(func(p []byte) (int, error) { first(); return len(p), nil }),
				Tunnel: echoTunnel,
			})
			if !errors.Is(err, cause) {
				t.Errorf("error %v, want the cause", err)
			}
		})
	}
	up.Wait()
	pids := l.pids(t)
	if len(pids) != n {
		t.Fatalf("%d containers are up, want %d", len(pids), n)
	}
	began := time.Now()
	cancel(cause)
	for _, pid := range pids {
		for alive(pid) {
			time.Sleep(time.Millisecond)
		}
	}
	dead = time.Since(began)
	down.Wait()
	return dead, time.Since(began)
}

// pids are those that this host has for PID 1 of each container that runs. When
// one is dead or a zombie, the kernel has ended all that was in its namespace.
func (l *lab) pids(t testing.TB) []int {
	t.Helper()
	var pids []int
	for _, id := range l.containers(t) {
		c, err := l.API().ContainerInspect(t.Context(), id)
		must(t, err)
		if c.State.Running {
			pids = append(pids, c.State.Pid)
		}
	}
	return pids
}

// allDie waits for the end of containers that nobody is left to end: that they end
// is the claim, not when.
func allDie(t *testing.T, pids []int) {
	t.Helper()
	began := time.Now()
	for len(pids) > 0 && time.Since(began) < 30*time.Second {
		pids = slices.DeleteFunc(pids, func(pid int) bool { return !alive(pid) })
		time.Sleep(time.Millisecond)
	}
	if len(pids) > 0 {
		t.Errorf("%d containers run on", len(pids))
	}
	t.Logf("all dead %s after the kill", time.Since(began).Round(time.Millisecond))
}

func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	state := stat[bytes.LastIndexByte(stat, ')')+2]
	return state != 'Z' && state != 'X'
}

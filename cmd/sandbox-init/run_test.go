//go:build linux

package main

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary be sandbox-init: run and bridge change the
// process that they run in, and end it.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_AS_SANDBOX_INIT") != "" {
		main()
	}
	os.Exit(m.Run())
}

func sandboxInit(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), "TEST_AS_SANDBOX_INIT=1")
	return cmd
}

func TestRunEndsAsItsCommandDoes(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "plain"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		args []string
		code int
		out  string
		errs string
	}{
		"success":              {[]string{"run", "--", "sh", "-c", "echo hi; cat"}, 0, "hi\nin", ""},
		"failure":              {[]string{"run", "--", "sh", "-c", "exit 9"}, 9, "", ""},
		"a signal":             {[]string{"run", "--", "sh", "-c", "kill -KILL $$"}, 137, "", ""},
		"an option of its own": {[]string{"run", "--", "printf", "%s", "--wait-for"}, 0, "--wait-for", ""},
		"not found":            {[]string{"run", "--", "no-such-command"}, 127, "", `"no-such-command" not found in PATH "` + dir},
		"a path not found":     {[]string{"run", "--", "/no/such"}, 127, "", "/no/such"},
		"not executable":       {[]string{"run", "--", "plain"}, 126, "", "plain"},
		"a directory":          {[]string{"run", "--", dir}, 126, "", dir},
		"no command":           {[]string{"run", "--"}, 64, "", "usage"},
		"no dashes":            {[]string{"run", "true"}, 64, "", "usage"},
		"an option cut short":  {[]string{"run", "--wait-for", "--", "true"}, 64, "", "usage"},
		"another option":       {[]string{"run", "--dance", "x", "--", "true"}, 64, "", "usage"},
		"no verb":              {nil, 64, "", "usage"},
		"another verb":         {[]string{"dance"}, 64, "", "usage"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			cmd := sandboxInit(t, c.args...)
			home := filepath.Join(t.TempDir(), "a", "b")
			cmd.Env = append(cmd.Env, "CODEX_HOME="+home, "PATH="+dir+":"+os.Getenv("PATH"))
			var out, errs bytes.Buffer
			line := hold(t, cmd)
			cmd.Stdout, cmd.Stderr = &out, &errs
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			_, _ = line.Write(frames("in", "")) // it may have ended
			_ = cmd.Wait()
			if got := cmd.ProcessState.ExitCode(); got != c.code || out.String() != c.out || !strings.Contains(errs.String(), c.errs) {
				t.Errorf("code %d, stdout %q, stderr %q; want %d, %q, %q", got, &out, &errs, c.code, c.out, c.errs)
			}
			if _, err := os.Stat(home); c.code != 64 && err != nil {
				t.Errorf("no $CODEX_HOME: %v", err)
			}
		})
	}
}

func TestRunPassesSignalsOn(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		cmd := sandboxInit(t, "run", "--", "sh", "-c", `trap "echo caught; exit 3" `+strings.TrimPrefix(map[syscall.Signal]string{syscall.SIGTERM: "TERM", syscall.SIGINT: "INT"}[sig], "SIG")+`; echo up; while :; do sleep 0.01; done`)
		hold(t, cmd)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, make([]byte, 3)); err != nil {
			t.Fatal(err)
		}
		// What would end a Go program that does not look: it must not end this one.
		for _, harmless := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGSEGV, syscall.SIGABRT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGPIPE} {
			if err := cmd.Process.Signal(harmless); err != nil {
				t.Errorf("%s ended it: %v", harmless, err)
			}
		}
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		rest, _ := io.ReadAll(out)
		_ = cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != 3 || string(rest) != "caught\n" {
			t.Errorf("%s: code %d, output %q", sig, code, rest)
		}
	}
}

func TestRunWaitsForTheBridge(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	cmd := sandboxInit(t, "run", "--wait-for", addr, "--", "echo", "up")
	hold(t, cmd)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var bridge atomic.Bool // up, or about to be
	said := make(chan string, 1)
	go func() {
		first := make([]byte, 1)
		n, _ := out.Read(first)
		if n > 0 && !bridge.Load() {
			t.Error("the command ran before the bridge was up")
		}
		rest, _ := io.ReadAll(out)
		said <- string(first[:n]) + string(rest)
	}()
	time.Sleep(200 * time.Millisecond)
	bridge.Store(true)
	if l, err = net.Listen("tcp", addr); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	output := <-said
	if err := cmd.Wait(); err != nil || output != "up\n" {
		t.Errorf("output %q, error %v", output, err)
	}
}

func TestReachableGivesUp(t *testing.T) {
	began := time.Now()
	if reachable(nobody(t), 50*time.Millisecond) {
		t.Error("nobody listens, and yet somebody answers")
	}
	if took := time.Since(began); took < 50*time.Millisecond {
		t.Errorf("gave up after %s", took)
	}
}

// Both may be read by their own uid no more than by any other.
func TestHardened(t *testing.T) {
	cmd := sandboxInit(t, "run", "--", "sh", "-c", "stat -c %u /proc/$PPID/environ; stat -c %u /proc/$$/environ")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 12345, Gid: 12345}}
	if os.Getuid() != 0 {
		cmd.SysProcAttr = nil
	}
	self := filepath.Join(t.TempDir(), "sandbox-init")
	b, err := os.ReadFile(cmd.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(self, b, 0o755); err != nil {
		t.Fatal(err)
	}
	for dir := filepath.Dir(self); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd.Path, cmd.Dir = self, "/"
	cmd.Env = []string{"TEST_AS_SANDBOX_INIT=1", "PATH=" + os.Getenv("PATH")}
	hold(t, cmd)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	lines := strings.Fields(string(out))
	if len(lines) != 2 || lines[0] != "0" {
		t.Errorf("the owners of PID 1's and the command's environ are %q, want root and not root", lines)
	}
	if os.Getuid() == 0 && lines[1] != "12345" {
		t.Errorf("the command's own environ belongs to %s", lines[1])
	}
}

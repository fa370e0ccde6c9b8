//go:build linux

package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/lifeline"
)

// frames are the stdin of a command as the host sends it; "" is its end.
func frames(data ...string) []byte {
	var all bytes.Buffer
	w := lifeline.Writer{Conn: &all}
	for _, d := range data {
		if d == "" {
			_ = w.End() // a buffer takes all
		}
		_, _ = io.WriteString(w, d)
	}
	return all.Bytes()
}

// hold gives cmd a lifeline that lasts until the test is over.
func hold(t *testing.T, cmd *exec.Cmd) io.WriteCloser {
	t.Helper()
	line, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	// StdinPipe would close it in Wait only.
	t.Cleanup(func() { _ = line.Close() })
	return line
}

// What the host has sent has no say in when we end: nobody holds the lifeline
// any more, so the command is over, whatever it makes of its stdin.
func TestTheEndOfTheLifelineEndsAll(t *testing.T) {
	cases := map[string]struct {
		command string
		sent    []byte
	}{
		"while the command waits":        {"exec sleep 1000", nil},
		"stdin had ended before":         {"exec sleep 1000", frames("prompt", "")},
		"stdin is not read":              {"exec sleep 1000", frames(strings.Repeat("x", 3*lifeline.MaxFrame))},
		"stdin was closed":               {"exec <&-; exec sleep 1000", frames("prompt", "more")},
		"in a frame":                     {"exec sleep 1000", frames("prompt")[:7]},
		"in a frame's head":              {"exec sleep 1000", frames("prompt")[:2]},
		"signals are ignored":            {"trap '' TERM INT HUP; while :; do sleep 1; done", nil},
		"a frame that is too long":       {"exec sleep 1000", []byte{0, 1, 0, 1, 0}},
		"a frame after the end of stdin": {"exec sleep 1000", frames("", "x")},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := sandboxInit(t, "run", "--", "sh", "-c", "echo $$; "+c.command)
			line := hold(t, cmd)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			// In a container the kernel would end the command with PID 1.
			said := make([]byte, 20)
			n, _ := out.Read(said)
			pid, err := strconv.Atoi(strings.TrimSpace(string(said[:n])))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = syscall.Kill(pid, syscall.SIGKILL) }()
			if _, err := line.Write(c.sent); err != nil {
				t.Fatal(err)
			}
			_ = line.Close()
			_ = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != 137 {
				t.Errorf("code %d, want 137", code)
			}
		})
	}
}

// A host that dies before the bridge is up must not leave us waiting for it.
func TestTheEndOfTheLifelineEndsTheWaitForTheBridge(t *testing.T) {
	cmd := sandboxInit(t, "run", "--wait-for", nobody(t), "--", "true")
	line := hold(t, cmd)
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = line.Close()
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 137 || time.Since(began) > readyTimeout/2 {
		t.Errorf("code %d after %s, want 137 at once", code, time.Since(began))
	}
}

func TestStdinIsWhole(t *testing.T) {
	cmd := sandboxInit(t, "run", "--", "sh", "-c", "sleep 0.2; cat")
	line := hold(t, cmd)
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for i := range 40 { // 1.3 MB: more than a pipe holds
		piece := strings.Repeat(string(rune('a'+i%26)), 800*i+1)
		want.WriteString(piece)
		if _, err := line.Write(frames(piece)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := line.Write(frames("")); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || out.String() != want.String() {
		t.Errorf("%d bytes of %d, error %v", out.Len(), want.Len(), err)
	}
}

// A command that has closed its stdin must not keep us from seeing the end of the
// lifeline, which stands behind whatever the host has sent before.
func TestWhatNobodyReadsIsTakenAllTheSame(t *testing.T) {
	cmd := sandboxInit(t, "run", "--", "sh", "-c", "exec 0<&-; exec sleep 20")
	line := hold(t, cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() {
		_, err := lifeline.Writer{Conn: line}.Write(make([]byte, (maxWaiting+8)*lifeline.MaxFrame))
		written <- err
	}()
	select {
	case err := <-written:
		if err != nil {
			t.Errorf("write what nobody reads: %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("the lifeline is stuck behind what nobody reads")
	}
	_ = line.Close()
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 137 {
		t.Errorf("code %d, want 137", code)
	}
}

// The command's stdin must be one that every program can take: a pipe that blocks.
func TestStdinBlocks(t *testing.T) {
	cmd := sandboxInit(t, "run", "--", "sh", "-c", "grep ^flags /proc/$$/fdinfo/0")
	hold(t, cmd)
	out, err := cmd.CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "flags:\t00" && !strings.HasSuffix(strings.TrimSpace(string(out)), "0100000") {
		t.Errorf("%q, %v", out, err)
	}
}

func TestSessionsLeadToTheHost(t *testing.T) {
	dir := t.TempDir()
	home, sessions := filepath.Join(dir, "home"), filepath.Join(dir, "sessions")
	if err := os.Mkdir(sessions, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := sandboxInit(t, "run", "--sessions", sessions, "--", "sh", "-c", "mkdir -p $CODEX_HOME/sessions/2026/01 && echo x >$CODEX_HOME/sessions/2026/01/rollout.jsonl")
	cmd.Env = append(cmd.Env, "CODEX_HOME="+home)
	hold(t, cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if b, err := os.ReadFile(filepath.Join(sessions, "2026", "01", "rollout.jsonl")); err != nil || string(b) != "x\n" {
		t.Errorf("the host has %q, %v", b, err)
	}
}

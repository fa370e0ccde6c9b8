//go:build integration

package sandbox_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/codex"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/replay"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// host is a model and a guard as a sandbox meets them.
type host struct {
	model *replay.Server
	// allow says whether a command may run; nil: every one.
	allow func(command string) bool

	mu    sync.Mutex
	asked []string
}

func (h *host) serve(l net.Listener) {
	mux := http.NewServeMux()
	mux.Handle("/v1/", h.model)
	mux.HandleFunc("POST /guard", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		call, err := codex.DecodeHook(body)
		answer := codex.HookDeny("not allowed")
		if err == nil && (h.allow == nil || h.allow(call.Command)) {
			answer = codex.HookAllow()
		}
		h.mu.Lock()
		h.asked = append(h.asked, call.Command)
		h.mu.Unlock()
		_, _ = w.Write(answer)
	})
	srv := http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	_ = srv.Serve(l)
}

// codex is a container with Codex, which does what the script of h says.
func (l *lab) codex(t *testing.T, spec task.Spec) task.Container {
	t.Helper()
	spec.Model, spec.CommandPolicy, spec.IdleTimeout = "gpt-5.5", task.CommandEnforce, time.Minute
	files, err := codex.Files(spec)
	must(t, err)
	c := l.bash("")
	c.Command, c.Files = codex.Command(spec), files
	c.Limits.MemoryBytes = 1 << 30
	return c
}

func runs(command string) replay.Step { return replay.Step{Items: []replay.Item{{Run: &command}}} }

func says(text string) replay.Step { return replay.Step{Items: []replay.Item{{Say: &text}}} }

func newHost(steps ...replay.Step) *host {
	return &host{model: replay.NewServer(replay.Script{Conversations: []replay.Conversation{{Steps: steps}}}, replay.Options{})}
}

// heard is what the model was told of its last calls.
func (h *host) heard() string {
	var b strings.Builder
	if all := h.model.Requests(); len(all) > 0 {
		for _, in := range all[len(all)-1].Input {
			if strings.HasSuffix(in.Type, "_output") {
				b.WriteString(in.Text + "\n")
			}
		}
	}
	return b.String()
}

// Codex needs no bash, no libc and no account of the image's.
func TestCodexWithoutBash(t *testing.T) {
	l := newLab(t)
	l.repository(t)
	h := newHost(runs("echo $0 $((6*7)); git log --format=%s; rg -c two file"), runs("touch forbidden"), says("done"))
	h.allow = func(command string) bool { return strings.HasPrefix(command, "echo") }
	c := l.codex(t, task.Spec{Ephemeral: true})
	c.Image = l.imageFrom(t, "codex-busybox", busybox)
	got := l.do(t, c, task.Streams{Stdin: strings.NewReader("go"), Tunnel: h.serve})
	if heard := h.heard(); got.err != nil || got.Code != 0 || !strings.Contains(heard, "/bin/sh 42\nfirst\n1\n") || !strings.Contains(heard, "blocked by") {
		t.Errorf("code %d, error %v\n%s\n%s\n%s", got.Code, got.err, heard, got.out, got.errs)
	}
	if _, err := os.Stat(filepath.Join(l.tree.Dir, "forbidden")); err == nil {
		t.Error("what the guard refused has run")
	}
}

// What Codex writes of a session that is not ephemeral is the host's.
func TestCodexKeepsItsSession(t *testing.T) {
	l := newLab(t)
	l.repository(t)
	l.tree.Sessions = filepath.Join(t.TempDir(), "sessions")
	must(t, os.Mkdir(l.tree.Sessions, 0o700))
	must(t, os.Chown(l.tree.Sessions, sandboxUID, sandboxUID))
	h := newHost(runs("echo $((6*7))"), says("the last word"))
	c := l.codex(t, task.Spec{})
	c.Mode, c.KeepSessions = task.SandboxReadOnly, true
	got := l.do(t, c, task.Streams{Stdin: strings.NewReader("the prompt"), Tunnel: h.serve})
	rollouts, err := filepath.Glob(filepath.Join(l.tree.Sessions, "*", "*", "*", "rollout-*.jsonl"))
	must(t, err)
	if got.err != nil || got.Code != 0 || len(rollouts) != 1 {
		t.Fatalf("code %d, error %v, rollouts %q\n%s", got.Code, got.err, rollouts, got.errs)
	}
	text, err := os.ReadFile(rollouts[0])
	must(t, err)
	for _, want := range []string{"the prompt", "42", "the last word"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is not in the rollout", want)
		}
	}
}

// hog takes every pid, lets go of all for a moment, and again. It leaves the
// process group, which Codex ends with its command.
const hog = `use POSIX (); use Time::HiRes qw(time sleep);
exit if fork; POSIX::setsid();
while (1) {
  my @kids; my $end = time + 0.15;
  while (time < $end) { my $p = fork; if (!defined $p) { sleep 0.002 } elsif (!$p) { sleep 600; exit } else { push @kids, $p } }
  kill 9, @kids; waitpid($_, 0) for @kids;
  sleep 0.02;
}`

// Where no pid is left the hook cannot start, and Codex goes on without it: mostly
// the command cannot start either, but a pid may come free between the two. What
// ran so is in the transcript, where the host matches it against the rules.
func TestWhatRunsWithoutTheGuardIsInTheTranscript(t *testing.T) {
	l := newLab(t)
	l.repository(t)
	must(t, os.WriteFile(filepath.Join(l.tree.Dir, "hog.pl"), []byte(hog), 0o644))
	steps := []replay.Step{runs("perl hog.pl </dev/null >/dev/null 2>&1; sleep 1")}
	for i := range 25 {
		steps = append(steps, runs(fmt.Sprintf("touch forbidden-%d-", i)))
	}
	h := newHost(append(steps, says("done"))...)
	h.allow = func(command string) bool { return strings.HasPrefix(command, "perl") }
	got := l.do(t, l.codex(t, task.Spec{Ephemeral: true}), task.Streams{Stdin: strings.NewReader("go"), Tunnel: h.serve})
	if got.err != nil || got.Code != 0 || len(h.asked) == len(steps) {
		t.Fatalf("code %d, error %v; the guard was asked %d times for %d commands\n%s", got.Code, got.err, len(h.asked), len(steps), got.errs)
	}
	ran, _ := filepath.Glob(filepath.Join(l.tree.Dir, "forbidden*"))
	t.Logf("of %d commands the guard saw %d, and %d ran that it had not seen", len(steps), len(h.asked), len(ran))
	for _, file := range ran {
		if !strings.Contains(got.out, "touch "+filepath.Base(file)) {
			t.Errorf("%s is there, and not in the transcript", filepath.Base(file))
		}
	}
}

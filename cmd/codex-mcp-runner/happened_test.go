package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/config"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/policy"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/redact"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/runner"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// hands stand in for the container and for what Codex does in it. All else is real:
// git, the runner, the journal, the key.
type hands struct {
	mu   sync.Mutex
	work map[string]func(dir string, attempt int) error // by task
	done map[string]int
}

const turn = `{"type":"thread.started","thread_id":"t"}
{"type":"turn.started"}
{"type":"item.completed","item":{"id":"item_0","type":"agent_message","text":"done"}}
{"type":"turn.completed","usage":{"input_tokens":10,"cached_input_tokens":0,"output_tokens":2,"reasoning_output_tokens":0}}
`

func (h *hands) Check(context.Context, string, string) error { return nil }

func (h *hands) Run(_ context.Context, c task.Container, s task.Streams) (task.Exit, error) {
	h.mu.Lock()
	h.done[c.TaskID]++
	n := h.done[c.TaskID]
	h.mu.Unlock()
	_, err := io.WriteString(s.Stdout, turn)
	return task.Exit{ImageID: "sha256:ab"}, errors.Join(err, h.work[c.TaskID](c.Tree.Dir, n))
}

type silence struct{}

func (silence) Serve(net.Listener)         {}
func (silence) Report() task.GatewayReport { return task.GatewayReport{Requests: 1} }

// does adds a line to a file.
func does(name, line string) func(string, int) error {
	return func(dir string, _ int) error {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(f, line)
		return errors.Join(err, f.Close())
	}
}

func (p past) git(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", p.repo, "-c", "user.name=A", "-c", "user.email=a@b"}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// newPastWithCommit is newPast with a file in a first commit.
func newPastWithCommit(t *testing.T) past {
	t.Helper()
	p := newPast(t)
	if err := os.WriteFile(filepath.Join(p.repo, "shared"), []byte("one\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	p.git(t, "add", ".")
	p.git(t, "commit", "-q", "-m", "base")
	return p
}

func (p past) service(t *testing.T) *service {
	t.Helper()
	svc, err := newService(serviceOptions{Getenv: os.Getenv, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := svc.Close(); err != nil {
			t.Error(err)
		}
	})
	return svc
}

// happened does a run, of which all tasks are a success, and gives its journal.
func (p past) happened(t *testing.T, runID string, work map[string]func(string, int) error, tasks ...task.RequestTask) journal.Dir {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	cfg := config.Default()
	cfg.DefaultAllowedPaths = []string{"**"}
	plan, err := policy.Compile(task.Request{RunID: runID, Tasks: tasks}, cfg, newRunID)
	check(err)
	at, err := p.service(t).find(t.Context(), p.repo)
	check(err)
	runs, err := journal.Open(at.home, at.repo.CommonDir(), at.repo.Root())
	check(err)
	signer, err := newAttester(os.Getenv)
	check(err)
	secrets, err := redact.NewSecrets()
	check(err)
	base, dir := "", journal.Dir{}
	result, err := runner.New(runner.Options{
		Sandbox: &hands{work: work, done: map[string]int{}},
		Ready:   func(context.Context, task.Plan) error { return nil },
		Model:   func(runner.ModelOptions) runner.ModelSession { return silence{} },
		Judge:   redactor{secrets}.judge,
		Attest: func(ev task.Evidence, v task.Verdict, start string, patch []byte, started time.Time) ([]byte, error) {
			return signer.attest(base, ev, v, start, patch, started)
		},
		Rules: runner.Rules{Path: policy.AllowPath, Command: allowCommand}, Redact: redactor{secrets}, Log: slog.New(slog.DiscardHandler),
	}).Run(t.Context(), runner.Job{
		Plan: plan, Repo: repository{at.repo}, WorkDir: filepath.Join(t.TempDir(), "work"), Progress: func(task.Progress) {},
		Begin: func(commit string) (runner.RunRecord, error) {
			base = commit
			run, err := runs.Begin(plan, commit, time.Now())
			if err != nil {
				return nil, err
			}
			dir = run.Dir
			return runRecord{run}, nil
		},
	})
	check(err)
	for _, r := range result.Results {
		if r.Status != task.Success {
			t.Fatalf("%s: %s %+v %+v", r.TaskID, r.Status, r.Failure, r.Findings)
		}
	}
	return dir
}

// diamond is a run whose last task starts from what two others made of a first.
func (p past) diamond(t *testing.T) journal.Dir {
	t.Helper()
	two := 2
	return p.happened(t, "d", map[string]func(string, int) error{
		"top": does("top", "top"), "left": does("left", "left"), "bottom": does("bottom", "bottom"), "nothing": func(string, int) error { return nil },
		"right": func(dir string, n int) error { return does("top", strings.Repeat("right", n))(dir, n) },
	},
		task.RequestTask{ID: "bottom", Prompt: "bottom", DependsOn: []string{"left", "right", "nothing"}},
		task.RequestTask{ID: "left", Prompt: "left", DependsOn: []string{"top"}},
		task.RequestTask{ID: "right", Prompt: "right", DependsOn: []string{"top"}, Attempts: &two},
		task.RequestTask{ID: "top", Prompt: "top"},
		task.RequestTask{ID: "nothing", Prompt: "nothing"},
	)
}

//go:build integration

package integration

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// said is what a command of the program did.
type said struct {
	out, err string
	code     int
}

// cli runs the program to its end, as in a pipe.
func (h *host) cli(stdin string, args ...string) said {
	h.t.Helper()
	if h.before == nil {
		h.before = h.snapshot()
	}
	c := exec.Command(program, args...)
	c.Dir, c.Stdin = h.repo, strings.NewReader(stdin)
	for k, v := range h.env {
		c.Env = append(c.Env, k+"="+v)
	}
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	h.pids = append(h.pids, c.ProcessState.Pid())
	if c.ProcessState.ExitCode() < 0 {
		h.t.Fatalf("%v: %v\n%s", args, err, errs.String())
	}
	return said{out.String(), errs.String(), c.ProcessState.ExitCode()}
}

func (s said) into(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(s.out), v); err != nil {
		t.Fatalf("%v in %q\n%s", err, s.out, s.err)
	}
}

// A day in a terminal: run, look, apply.
func TestARunFromTheTerminal(t *testing.T) {
	t.Parallel()
	h := newHost(t, works("a", "echo a >a"), works("b", "echo b >b; exit 1"))
	file := `
run_id: shell
tasks:
  - task_id: a
    prompt: prompt of a.
  - task_id: b
    prompt: prompt of b.
    allowed_paths: [src/**]
`
	ran := h.cli(file, "run", "--file", "-", "--json")
	var run task.RunResult
	ran.into(t, &run)
	if ran.code != 3 || run.Results[0].Status != task.Success || run.Results[1].Status != task.Failed {
		t.Fatalf("exit code %d: %+v", ran.code, run)
	}
	if !strings.Contains(ran.err, "a") || strings.ContainsRune(ran.out+ran.err, '\x1b') {
		t.Errorf("progress: %q", ran.err)
	}
	if b, err := os.ReadFile(run.ReportPath); err != nil || run.ReportPath != filepath.Join(run.JournalPath, "report.html") || !bytes.Contains(b, []byte("shell")) {
		t.Errorf("the report: %v", err)
	}
	if got := h.cli("", "runs", "open", "--print", "shell"); strings.TrimSpace(got.out) != run.ReportPath {
		t.Errorf("open: %+v", got)
	}
	var list struct{ Runs []task.RunSummary }
	h.cli("", "runs", "list", "--json").into(t, &list)
	if len(list.Runs) != 1 || list.Runs[0].RunID != "shell" {
		t.Errorf("list: %+v", list)
	}
	if got := h.cli("", "runs", "diff", "shell", "a"); got.code != 0 || !strings.Contains(got.out, "+a") || strings.Contains(got.out, "+b") {
		t.Errorf("diff: %+v", got)
	}
	if got := h.cli("", "watch", "shell"); got.code != 3 || !strings.Contains(got.out, "success") {
		t.Errorf("watch: %+v", got)
	}
	if got := h.cli("", "runs", "verify", "shell"); got.code != 0 {
		t.Errorf("verify: %+v", got)
	}
	var applied task.ApplyResult
	h.cli("", "runs", "apply", "shell", "--dry-run", "--json").into(t, &applied)
	if !applied.Applied || len(applied.Tasks) != 1 {
		t.Errorf("apply: %+v", applied)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"run"}, 2, ""},
		{[]string{"run", "--file", "/nonexistent.yaml"}, 2, "nonexistent"},
		{[]string{"runs", "show", "no-such-run"}, 2, "shell"},
		{[]string{"runs", "apply", "shell", "b"}, 2, "accept"},
		{[]string{"no-such-command"}, 2, "no-such-command"},
		{[]string{"gc", "--dry-run"}, 0, ""},
		{[]string{"version", "--json"}, 0, ""},
	} {
		if got := h.cli("", c.args...); got.code != c.code || !strings.Contains(got.err+got.out, c.says) {
			t.Errorf("%q: %+v", c.args, got)
		}
	}
}

// Another process's run is watched to its end.
func TestWatchFollowsARunOfAServer(t *testing.T) {
	t.Parallel()
	h := newHost(t, works("a", "echo x >started; sleep 3; echo a >a"))
	s := h.serve()
	call := s.start(tasks("watched", job("a", nil)))
	h.begun(s, 1)
	got := h.cli("", "watch")
	if got.code != 0 || !strings.Contains(got.out, "success") {
		t.Errorf("got %+v", got)
	}
	call.result()
}

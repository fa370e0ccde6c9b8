//go:build integration

package clients

import (
	"bufio"
	"embed"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

//go:embed testdata/*.mjs
var scripts embed.FS

// tools are all that the server offers, in its order.
var tools = []string{
	"apply_codex_patches", "cancel_codex_run", "check_codex_setup", "get_codex_run",
	"list_codex_runs", "review_plan_with_codex", "run_codex_tasks", "wait_codex_run",
}

func TestTypeScriptSDKs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, script, mode, era string
	}{
		{"v1", "sdk1.mjs", "", ""},
		{"v2 of its own accord", "sdk2.mjs", "auto", "2026-07-28"},
		{"v2 with an initialize", "sdk2.mjs", "legacy", "2025-11-25"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := installed(t)
			// Longer than the client waits for an answer: progress is what keeps it.
			const timeout, work = 20 * time.Second, 22
			h := newHost(t, fixes("fix it slowly", sleeps(work)), fixes("sleep for long", sleeps(600)))
			s := h.script(p, c.script, map[string]any{
				"mode": c.mode, "timeout": timeout.Milliseconds(),
				// Only the client's root leads to the repository.
				"root":   h.repo,
				"server": map[string]any{"command": *program, "cwd": h.elsewhere(), "env": h.env, "stderr": "inherit"},
				"reads": [][2]any{
					{"wait_codex_run", map[string]any{"run_id": ""}},
					{"get_codex_run", map[string]any{"run_id": ""}},
					{"list_codex_runs", map[string]any{}},
					{"apply_codex_patches", map[string]any{"run_id": "", "dry_run": true}},
					{"check_codex_setup", map[string]any{}},
				},
			})

			var listed struct {
				Tools []string
				Era   string
			}
			s.next("listed", &listed)
			if diff := cmp.Diff(tools, listed.Tools); diff != "" {
				t.Errorf("tools (-want +got):\n%s", diff)
			}
			if listed.Era != c.era {
				t.Errorf("they speak %q, want %q", listed.Era, c.era)
			}

			var called struct {
				Answer   answer
				Progress []progress
				MS       int64
			}
			s.next("called", &called)
			fixedIn(t, called.Answer)
			if called.MS < timeout.Milliseconds() {
				t.Errorf("it took %d ms: the client's patience of %v was not tried", called.MS, timeout)
			}
			// The v2 SDK tells of its own work, too: that it answered for its roots.
			rises(t, slices.DeleteFunc(called.Progress, func(p progress) bool { return strings.HasPrefix(p.Message, "Fulfilling input") }))

			for i := range 5 {
				var read struct {
					Name   string
					Answer answer
				}
				s.next("read", &read)
				if read.Answer.IsError || len(read.Answer.StructuredContent) == 0 || read.Answer.text() == "" {
					t.Errorf("answer %d, of %s: %+v", i, read.Name, read.Answer)
				}
			}
			var refused struct{ Answer answer }
			s.next("refused", &refused)
			if !refused.Answer.IsError || !strings.Contains(refused.Answer.text(), "tasks") {
				t.Errorf("a call without tasks: %+v", refused.Answer)
			}

			var aborted struct {
				Error  string
				Answer *answer
			}
			s.next("aborted", &aborted)
			if aborted.Answer != nil || !strings.Contains(aborted.Error, "enough of it") {
				t.Errorf("an aborted call ended with %q, %+v", aborted.Error, aborted.Answer)
			}
			h.until(time.Minute, "the aborted task's containers to go", func() bool { return len(h.containers()) == 0 })
			s.goOn()
			var alive struct{ Tools int }
			s.next("alive", &alive)
			if alive.Tools != len(listed.Tools) {
				t.Errorf("after the abort it lists %d tools", alive.Tools)
			}
			var closed struct{ Errors []string }
			s.next("closed", &closed)
			if len(closed.Errors) > 0 {
				t.Errorf("the client complains: %q", closed.Errors)
			}
		})
	}
}

// answer is what a client is given of a call.
type answer struct {
	IsError           bool            `json:"isError"`
	StructuredContent json.RawMessage `json:"structuredContent"`
	Content           []struct {
		Type, Text, URI string
	} `json:"content"`
}

func (a answer) text() string {
	var b strings.Builder
	for _, c := range a.Content {
		b.WriteString(c.Text)
	}
	return b.String()
}

type progress struct {
	Progress, Total float64
	Message         string
}

// fixedIn checks that the run of one task gave the patch that the script makes.
func fixedIn(t *testing.T, a answer) task.RunResult {
	t.Helper()
	var run task.RunResult
	if err := json.Unmarshal(a.StructuredContent, &run); err != nil || a.IsError {
		t.Fatalf("%v: %s", err, a.text())
	}
	if run.Status != task.RunDone || len(run.Results) != 1 || run.Results[0].Status != task.Success || !strings.Contains(run.Results[0].Patch, fixed) {
		t.Errorf("the run is %s: %+v", run.Status, run.Results)
	}
	if !strings.Contains(a.text(), fixed) {
		t.Errorf("the text lacks the patch: %s", a.text())
	}
	linked := slices.ContainsFunc(a.Content, func(c struct{ Type, Text, URI string }) bool {
		return c.Type == "resource_link" && strings.Contains(c.URI, run.RunID)
	})
	if !linked {
		t.Errorf("no link leads to the patch: %+v", a.Content)
	}
	return run
}

func rises(t *testing.T, all []progress) {
	t.Helper()
	if len(all) < 3 {
		t.Errorf("only %d progress notifications: %+v", len(all), all)
	}
	for i := 1; i < len(all); i++ {
		if all[i].Progress <= all[i-1].Progress || all[i].Message == "" {
			t.Errorf("progress %+v after %+v", all[i], all[i-1])
		}
	}
}

// session is a script at work.
type session struct {
	t   *testing.T
	in  io.WriteCloser
	out *bufio.Scanner
	err *os.File
}

// script starts one of testdata's with its configuration.
func (h *host) script(p peers, name string, config map[string]any) *session {
	t := h.t.(*testing.T)
	t.Helper()
	dir := filepath.Join(h.dir, "script")
	files, err := scripts.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := scripts.ReadFile("testdata/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		h.write("script/"+f.Name(), string(b))
	}
	if err := os.Symlink(p.modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	argument, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	// Not under the test's context, which ends before the script has.
	c := exec.Command(p.node, filepath.Join(dir, name), string(argument))
	c.Env = h.environ(nil)
	log, err := os.Create(filepath.Join(dir, "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	c.Stderr = log
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	s := &session{t: t, in: in, out: bufio.NewScanner(out), err: log}
	s.out.Buffer(nil, 64<<20)
	t.Cleanup(func() {
		_ = in.Close()
		patience := 30 * time.Second
		if t.Failed() {
			patience = 0
		}
		impatience := time.AfterFunc(patience, func() { _ = c.Process.Kill() })
		defer impatience.Stop()
		if err := c.Wait(); err != nil && !t.Failed() {
			t.Errorf("the client ended with %v\n%s", err, s.log())
		}
	})
	return s
}

func (s *session) log() string {
	b, _ := os.ReadFile(s.err.Name())
	return string(b)
}

// next reads what the script tells of its next step.
func (s *session) next(step string, v any) {
	s.t.Helper()
	if !s.out.Scan() {
		s.t.Fatalf("the client ended before %q: %v\n%s", step, s.out.Err(), s.log())
	}
	var head struct{ Step string }
	if err := json.Unmarshal(s.out.Bytes(), &head); err != nil || head.Step != step {
		s.t.Fatalf("want the step %q: %.2000s", step, s.out.Text())
	}
	if err := json.Unmarshal(s.out.Bytes(), v); err != nil {
		s.t.Fatal(err)
	}
}

func (s *session) goOn() {
	s.t.Helper()
	if _, err := io.WriteString(s.in, "\n"); err != nil {
		s.t.Fatal(err)
	}
}

package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// asked is what "run" with these words and that stdin asks for.
func asked(t *testing.T, stdin string, args ...string) (written, error) {
	t.Helper()
	var (
		in  taskFlags
		got written
	)
	cmd := &cobra.Command{
		Args: onePromptAtMost, SilenceErrors: true, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			got, err = in.request(cmd, args)
			return err
		},
	}
	in.add(cmd)
	cmd.SetArgs(append([]string{}, args...)) // nil would mean the test's own
	cmd.SetIn(strings.NewReader(stdin))
	err := cmd.ExecuteContext(t.Context())
	return got, err
}

func one(prompt string) []task.RequestTask { return []task.RequestTask{{ID: "task", Prompt: prompt}} }

func TestWhatARunIsAskedToDo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tasks.yaml")
	const text = "base_ref: v1\nconcurrency: 2\ntasks:\n  - {task_id: a, prompt: x, timeout_sec: 60, allowed_paths: []}\n  - {task_id: b, prompt: y}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		stdin string
		args  []string
		want  task.Request
	}{
		"a prompt":               {"ignored", []string{"fix it"}, task.Request{Tasks: one("fix it")}},
		"a prompt with equals":   {"", []string{"a=b"}, task.Request{Tasks: one("a=b")}},
		"a prompt after --":      {"", []string{"--", "-v is broken"}, task.Request{Tasks: one("-v is broken")}},
		"tasks":                  {"", []string{"-t", "a=x=1", "--task", "b="}, task.Request{Tasks: []task.RequestTask{{ID: "a", Prompt: "x=1"}, {ID: "b"}}}},
		"a prompt on stdin":      {"fix\nit: now\n", nil, task.Request{Tasks: one("fix\nit: now\n")}},
		"a prompt on stdin by -": {"fix it", []string{"-"}, task.Request{Tasks: one("fix it")}},
		"YAML on stdin": {text, []string{"--file", "-"}, task.Request{BaseRef: "v1", Concurrency: ptr(2), Tasks: []task.RequestTask{
			{ID: "a", Prompt: "x", TimeoutSec: ptr(60), AllowedPaths: []string{}}, {ID: "b", Prompt: "y"},
		}}},
		"JSON on stdin": {` {"tasks":[{"task_id":"a","prompt":"x"}]}`, nil, task.Request{Tasks: []task.RequestTask{{ID: "a", Prompt: "x"}}}},
		"flags fill in what a file leaves out of its tasks, and override the rest": {
			"",
			[]string{
				"--file", file, "--base-ref", "v2", "--concurrency", "3", "--run-id", "r", "--resource-policy", "normal", "--dry-run",
				"--timeout", "2m", "--allow-path", "src/**", "--allow-path", "t", "--allow-command", "", "--verify", "npm test", "--attempts", "2", "--model", "m", "--image", "i",
			},
			task.Request{RunID: "r", BaseRef: "v2", Concurrency: ptr(3), ResourcePolicy: "normal", DryRun: true, Tasks: []task.RequestTask{
				{ID: "a", Prompt: "x", TimeoutSec: ptr(60), AllowedPaths: []string{}, AllowedCommands: []string{}, VerifyCommands: []string{"npm test"}, Attempts: ptr(2), Model: "m", Image: "i"},
				{ID: "b", Prompt: "y", TimeoutSec: ptr(120), AllowedPaths: []string{"src/**", "t"}, AllowedCommands: []string{}, VerifyCommands: []string{"npm test"}, Attempts: ptr(2), Model: "m", Image: "i"},
			}},
		},
	} {
		got, err := asked(t, c.stdin, c.args...)
		if diff := cmp.Diff(c.want, got.Request); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestWhatARunCannotBeAskedToDo(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		stdin string
		args  []string
		want  string
	}{
		"no quotes":          {"", []string{"fix", "it"}, "put the prompt in quotes"},
		"two ways":           {"", []string{"fix", "-t", "a=b"}, "in one way"},
		"nothing on stdin":   {" \n", nil, "stdin is empty"},
		"a task without id":  {"", []string{"-t", "fix it"}, "want ID=PROMPT"},
		"no such file":       {"", []string{"-f", filepath.Join(dir, "nope")}, "no such file"},
		"a directory":        {"", []string{"-f", dir}, "is a directory"},
		"half a second":      {"", []string{"x", "--timeout", "10.5s"}, "whole seconds"},
		"broken JSON":        {`{"tasks": [`, nil, "stdin:1:11: It cannot be read"},
		"broken YAML":        {"# mine\n\ntasks:\n\t- x", nil, "stdin:4:1: It cannot be read"},
		"JSON of other kind": {`{"prompt": "x"}`, nil, "stdin:1:2: prompt: There is no such key."},
		"a misspelt key":     {"tasks:\n- task_id: a\n  promt: x\n", nil, `Did you mean "prompt"?`},
		"too much":           {strings.Repeat("x", maxInput+1), nil, "larger than 8 MiB"},
	} {
		_, err := asked(t, c.stdin, c.args...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

// A broken task file must not be given to Codex as a prompt, nor a prompt be
// refused as a broken file.
func TestWhatLooksLikeATaskFile(t *testing.T) {
	for text, want := range map[string]bool{
		"tasks: []":                                true,
		"{\"a\": 1":                                true,
		"\ufeff\n {":                               true,
		"# comment\n---\nbase_ref: x\ntasks:\n":    true,
		"\"tasks\": [":                             true,
		"run_id: x\r\ntasks :\r\n":                 true,
		"Do this:\n\ntasks:\n- one\n- two":         false,
		"Note: the bug is in\nsrc/a.go":            false,
		"# Heading\n\nFix it.\n":                   false,
		"fix {this}":                               false,
		"subtasks: a":                              false,
		"Fix the tasks: they are\n  tasks: broken": false,
		"": false,
	} {
		if got := looksWritten([]byte(text)); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

func TestWaitSeconds(t *testing.T) {
	for _, c := range []struct {
		flag, env string
		want      time.Duration
		code      int
		logged    bool
	}{
		{"", "", 0, 0, false},
		{"", "45", 45 * time.Second, 0, false},
		{"5", "45", 5 * time.Second, 0, false},
		{"0", "45", 0, 0, false},
		{"3601", "", 0, exitRefused, false},
		{"-1", "", 0, exitRefused, false},
		{"x", "", 0, exitRefused, false},
		{"", "3601", 0, 0, true},
		{"", "-1", 0, 0, true},
		{"", "a while", 0, 0, true},
	} {
		var (
			f    = rootFlags{logLevel: "warn"}
			got  time.Duration
			errs bytes.Buffer
		)
		cmd := &cobra.Command{SilenceErrors: true, SilenceUsage: true, RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := f.log(cmd)
			if err == nil {
				got, err = f.wait(cmd, func(name string) string { return map[string]string{waitSecondsEnv: c.env}[name] }, log)
			}
			return err
		}}
		cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
		f.addWaitSeconds(cmd)
		cmd.SetErr(&errs)
		cmd.SetArgs([]string{})
		if c.flag != "" {
			cmd.SetArgs([]string{"--wait-seconds=" + c.flag})
		}
		err := cmd.ExecuteContext(t.Context())
		if got != c.want || exitCode(t.Context(), err) != c.code || strings.Contains(errs.String(), waitSecondsEnv) != c.logged {
			t.Errorf("flag %q, env %q: %v, %v, log %q", c.flag, c.env, got, err, &errs)
		}
		if usage := (usageError{}); c.code != 0 && !errors.As(err, &usage) {
			t.Errorf("flag %q: %v is no usage error", c.flag, err)
		}
	}
}

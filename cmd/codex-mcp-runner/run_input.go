package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/codex"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// taskFlags say what a run is to do. What is said of tasks is for all of them; a
// task of a file that says it itself is left as it is.
type taskFlags struct {
	tasks                  []string
	file                   string
	baseRef, runID, policy string
	concurrency            int
	dryRun                 bool

	paths, commands, verify []string
	timeout                 time.Duration
	attempts                int
	model, image            string
}

func (t *taskFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVarP(&t.tasks, "task", "t", nil, "a task as `ID=PROMPT`; repeat it for more")
	f.StringVarP(&t.file, "file", "f", "", "a YAML or JSON `FILE` with the input of run_codex_tasks; - is stdin")
	f.StringVar(&t.baseRef, "base-ref", "", "the branch, tag or `COMMIT` to start from (default: HEAD)")
	f.StringVar(&t.runID, "run-id", "", "a name for the run (default: one is made up)")
	f.StringVar(&t.policy, "resource-policy", "", "how much each container gets: conservative or normal")
	f.IntVar(&t.concurrency, "concurrency", 0, "how many tasks run at once, 1 to 8")
	f.BoolVar(&t.dryRun, "dry-run", false, "check everything and start no container")
	f.StringArrayVar(&t.paths, "allow-path", nil, "a `GLOB` of files that a task may change; repeat it for more, '' allows none")
	f.StringArrayVar(&t.commands, "allow-command", nil, "a command `PREFIX` that Codex may run; repeat it for more, '' allows none")
	f.StringArrayVar(&t.verify, "verify", nil, "a shell `COMMAND` that must pass afterwards, in a fresh sandbox; repeat it for more")
	f.Func("timeout", "how long a task may take, a `DURATION` from 10s to 10m", t.setTimeout)
	f.IntVar(&t.attempts, "attempts", 0, "how often each task is done, 1 to 5; the best attempt counts")
	f.StringVar(&t.model, "model", "", "the model that Codex uses")
	f.StringVar(&t.image, "image", "", "the container image that Codex works in")
	cmd.MarkFlagsMutuallyExclusive("task", "file")
	complete(cmd, "resource-policy", "conservative", "normal")
	complete(cmd, "model", codex.KnownModels()...)
	for _, other := range []string{"task", "base-ref", "run-id", "concurrency", "allow-path", "allow-command", "verify", "timeout", "attempts", "image"} {
		complete(cmd, other)
	}
	// What is left out of all these has its default in .mcp-codex.json.
}

// setTimeout reads a duration as Go writes it, such as 90s or 5m.
func (t *taskFlags) setTimeout(text string) (err error) {
	if _, nerr := strconv.Atoi(text); nerr == nil {
		return fmt.Errorf("it lacks a unit: say %ss for seconds", text)
	}
	t.timeout, err = time.ParseDuration(text)
	return err
}

// request is what args, flags and stdin ask for.
func (t *taskFlags) request(cmd *cobra.Command, args []string) (written, error) {
	w, err := t.source(cmd, args)
	if err != nil {
		return written{}, err
	}
	return w, t.complete(cmd, &w.Request)
}

func (t *taskFlags) source(cmd *cobra.Command, args []string) (written, error) {
	given := len(args) > 0
	switch {
	case given && (len(t.tasks) > 0 || t.file != ""):
		return written{}, usageError{errors.New("give the tasks in one way: a prompt, --task, or --file")}
	case given && args[0] != "-":
		return onePrompt(args[0]), nil
	case len(t.tasks) > 0:
		return promptsOf(t.tasks)
	case t.file != "" && t.file != "-":
		text, err := readInput(t.file, nil)
		if err != nil {
			return written{}, err
		}
		return decodeRequest(t.file, text)
	case !given && t.file == "" && isTerminal(cmd.InOrStdin()):
		return written{}, usageError{errors.New(`nothing to do: give a prompt, --task or --file; "codex-mcp-runner run --help" has examples`)}
	}
	text, err := readInput("-", cmd.InOrStdin())
	switch {
	case err != nil:
		return written{}, err
	case len(bytes.TrimSpace(text)) == 0:
		return written{}, usageError{errors.New("stdin is empty: give a prompt, --task or --file")}
	case looksWritten(text):
		return decodeRequest("stdin", text)
	}
	return onePrompt(string(text)), nil
}

func onePrompt(prompt string) written {
	return written{Request: task.Request{Tasks: []task.RequestTask{{ID: "task", Prompt: prompt}}}}
}

func promptsOf(tasks []string) (w written, err error) {
	for _, t := range tasks {
		id, prompt, ok := strings.Cut(t, "=")
		if !ok {
			return w, usageError{fmt.Errorf("--task %q: want ID=PROMPT", clip(t))}
		}
		w.Tasks = append(w.Tasks, task.RequestTask{ID: id, Prompt: prompt})
	}
	return w, nil
}

// complete puts the flags into a request.
func (t *taskFlags) complete(cmd *cobra.Command, req *task.Request) error {
	set := cmd.Flags().Changed
	if set("base-ref") {
		req.BaseRef = t.baseRef
	}
	if set("run-id") {
		req.RunID = t.runID
	}
	if set("resource-policy") {
		req.ResourcePolicy = t.policy
	}
	if set("concurrency") {
		req.Concurrency = &t.concurrency
	}
	if set("dry-run") {
		req.DryRun = t.dryRun
	}
	seconds := int(t.timeout / time.Second)
	if t.timeout%time.Second != 0 {
		return usageError{fmt.Errorf("--timeout %v: want whole seconds", t.timeout)}
	}
	for i := range req.Tasks {
		one := &req.Tasks[i]
		if set("timeout") && one.TimeoutSec == nil {
			one.TimeoutSec = &seconds
		}
		if set("attempts") && one.Attempts == nil {
			one.Attempts = &t.attempts
		}
		if set("allow-path") && one.AllowedPaths == nil {
			one.AllowedPaths = orNone(t.paths)
		}
		if set("allow-command") && one.AllowedCommands == nil {
			one.AllowedCommands = orNone(t.commands)
		}
		if set("verify") && one.VerifyCommands == nil {
			one.VerifyCommands = orNone(t.verify)
		}
		if one.Model == "" {
			one.Model = t.model
		}
		if one.Image == "" {
			one.Image = t.image
		}
	}
	return nil
}

// orNone is the list of a repeated flag; one empty value is how to say "none".
func orNone(values []string) []string {
	if len(values) == 1 && values[0] == "" {
		return []string{}
	}
	return values
}

// looksWritten says that a text is meant as a task file, well-formed or not: it
// opens a JSON object, or begins with a key and has the key tasks. Any other is a
// prompt. A broken file must not become one: Codex would work on it.
func looksWritten(text []byte) bool {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	return opensObject.Match(text) || beginsWithKey.Match(text) && hasTasks.Match(text)
}

var (
	opensObject   = regexp.MustCompile(`\A\s*\{`)
	beginsWithKey = regexp.MustCompile(`\A(?:[ \t\r]*(?:#.*|---.*)?\n)*["']?[A-Za-z_]+["']?[ \t]*:`)
	hasTasks      = regexp.MustCompile(`(?m)^["']?tasks["']?[ \t]*:`)
)

// readInput reads a file that a person names, or stdin for "-".
func readInput(name string, stdin io.Reader) ([]byte, error) {
	r, shown := stdin, "stdin"
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, usageError{err}
		}
		defer func() { _ = f.Close() }()
		r, shown = f, name
	}
	text, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		err = p.Err // it would name the file once more
	}
	if err != nil {
		return nil, usageError{fmt.Errorf("read %s: %w", shown, err)}
	}
	if len(text) > maxInput {
		return nil, usageError{fmt.Errorf("read %s: it is larger than %d MiB", shown, maxInput>>20)}
	}
	return text, nil
}

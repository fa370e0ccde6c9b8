package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/spf13/cobra"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/console"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/replay"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func demoCommand(f *rootFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Three real Codex tasks in three containers against a scripted model",
		Long: "Make a small repository, run three tasks in it at once, and show what comes back. All is\n" +
			"real but the model, which is a script: no key is needed, and nothing is left behind.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := f.log(cmd)
			if err != nil {
				return err
			}
			return demo(cmd.Context(), os.Stdout, log)
		},
	}
}

// The key that the scripted model asks for. The gateway adds it on the host;
// the model answers 401 to a call without it.
const demoKey = "sk-demo-0000000000000000"

// demoTasks are what replay.Demo has answers for.
var demoTasks = []task.RequestTask{
	{ID: "fix-sum", Prompt: "Fix the bug in src/sum.js: it must add. Add a test that would have found it."},
	{ID: "greet-default", Prompt: "Make greet() trim the name and greet the world if there is none. Cover both with tests."},
	{ID: "document", Prompt: "Document the two functions in README.md, with an example of each."},
}

func demo(ctx context.Context, out *os.File, log *slog.Logger) (err error) {
	dir, err := os.MkdirTemp("", "codex-mcp-runner-demo-")
	if err != nil {
		return fmt.Errorf("make a place for the demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	repo := filepath.Join(dir, "greeter")
	if err := sampleRepository(repo); err != nil {
		return fmt.Errorf("make the sample repository: %w", err)
	}

	url, serve, err := serveModel("127.0.0.1:0", replay.Demo(), demoKey, log)
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() { served <- serve(serving) }()
	defer func() { stop(); err = errors.Join(err, <-served) }()

	env := map[string]string{"OPENAI_BASE_URL": url, "CODEX_API_KEY": demoKey, "XDG_STATE_HOME": filepath.Join(dir, "state")}
	svc, err := newService(serviceOptions{Log: log, Getenv: func(name string) string {
		if v, ok := env[name]; ok {
			return v
		}
		return os.Getenv(name)
	}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, svc.Close()) }()

	if _, err := fmt.Fprintf(out, "%d tasks for Codex, each in its own worktree and its own container without network:\n\n", len(demoTasks)); err != nil {
		return err
	}
	screen := console.ScreenOf(out, os.Getenv)
	result, err := seeThrough(ctx, svc, repo, out, func(ctx context.Context) (string, error) {
		return svc.StartTasks(ctx, repo, task.Request{Tasks: demoTasks})
	})
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	result.JournalPath = "" // it goes with the rest of the demo
	return showDemo(out, result, screen)
}

// showDemo ends with what to do next, and with an error if not all tasks did
// what the script makes them do.
func showDemo(out io.Writer, result task.RunResult, screen console.Screen) error {
	if _, err := fmt.Fprintln(out); err != nil {
		return err
	}
	if err := console.Table(out, result, screen); err != nil {
		return err
	}
	var failed error
	for _, r := range result.Results {
		if r.Status != task.Success {
			failed = errors.Join(failed, fmt.Errorf("task %s: %s", r.TaskID, r.Status))
		}
	}
	if first := result.Results[0]; first.Patch != "" {
		if _, err := fmt.Fprintf(out, "\nThe patch of %s, checked to apply to %.12s and to give just what Codex left:\n\n", first.TaskID, result.BaseCommit); err != nil {
			return err
		}
		if err := console.Patch(out, first.Patch, screen); err != nil {
			return err
		}
	}
	if failed != nil {
		return failed
	}
	return showRegistration(out)
}

// sampleRepository writes the demo's repository with one commit. go-git makes
// it, so that neither the user's git configuration nor its hooks take part.
func sampleRepository(dir string) error {
	if err := os.CopyFS(dir, replay.DemoRepo()); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, ".mcp-codex.json"), []byte(demoConfig), 0o600); err != nil {
		return err
	}
	repo, err := git.PlainInit(dir, false)
	if err != nil {
		return err
	}
	tree, err := repo.Worktree()
	if err != nil {
		return err
	}
	if err := tree.AddWithOptions(&git.AddOptions{All: true}); err != nil {
		return err
	}
	author := &object.Signature{Name: "Demo", Email: "demo@localhost", When: time.Now()}
	_, err = tree.Commit("A greeter with a bug", &git.CommitOptions{Author: author})
	return err
}

// demoConfig is what a user would write for such a repository.
const demoConfig = `{
  "allowed_commands": ["npm test"],
  "default_allowed_paths": ["src/**", "tests/**", "README.md"],
  "default_concurrency": 3,
  "codex_model": "gpt-5.5"
}
`

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/config"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/gateway"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/policy"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/runner"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/sandbox"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/workspace"
)

// serviceOptions are what differs between a server, the demo and a test.
type serviceOptions struct {
	Getenv func(string) string
	Log    *slog.Logger
}

// service runs what the tools ask for. It holds the engine; everything that
// belongs to a repository or to the environment is looked at anew in each
// call, so that a person may mend it while the server runs.
type service struct {
	o      serviceOptions
	engine *sandbox.Engine

	mu        sync.Mutex
	recovered map[string]bool // journals in which lost runs were looked for
}

func newService(ctx context.Context, o serviceOptions) (*service, error) {
	state, err := journal.Root(o.Getenv)
	if err != nil {
		// The server must still start: its first task says what is missing.
		state = filepath.Join(os.TempDir(), fmt.Sprintf("codex-mcp-runner-%d", os.Getuid()))
	}
	engine, err := sandbox.Open(ctx, sandbox.Options{
		Log: o.Log, RunnerImage: sandbox.RunnerTag(), StateDir: state,
	})
	if err != nil {
		return nil, err
	}
	return &service{o: o, engine: engine, recovered: map[string]bool{}}, nil
}

// openService is newService for a command of the program.
func openService(cmd *cobra.Command, f *rootFlags) (*service, error) {
	log, err := f.log(cmd)
	if err != nil {
		return nil, err
	}
	return newService(cmd.Context(), serviceOptions{Getenv: os.Getenv, Log: log})
}

// Close lets go of the engine. No call may be running.
func (s *service) Close() error { return s.engine.Close() }

// reap removes the containers that dead servers left.
func (s *service) reap(ctx context.Context) {
	reaped, err := s.engine.Reap(ctx)
	if err != nil && ctx.Err() == nil {
		s.o.Log.Info("look for leftovers", "err", err) // Docker may not run: the first task says so
	}
	if len(reaped.Containers) > 0 {
		s.o.Log.Warn("removed what a dead server left", "containers", len(reaped.Containers))
	}
}

// RunTasks does the whole of run_codex_tasks.
func (s *service) RunTasks(ctx context.Context, dir string, req task.Request, progress func(task.Progress)) (task.RunResult, error) {
	return s.run(ctx, dir, func(cfg config.Config) (task.Plan, error) { return compile(req, cfg) }, progress)
}

// run makes a plan of the repository's configuration and does it.
func (s *service) run(ctx context.Context, dir string, compile func(config.Config) (task.Plan, error), progress func(task.Progress)) (task.RunResult, error) {
	repo, err := workspace.Open(ctx, dir, workspace.Options{Log: s.o.Log})
	if err != nil {
		return task.RunResult{}, err
	}
	cfg, err := loadConfig(repo.Root())
	if err != nil {
		return task.RunResult{}, err
	}
	plan, err := compile(cfg)
	if err != nil {
		return task.RunResult{}, err
	}
	home, err := journal.Home(s.o.Getenv, repo.Root())
	if err != nil {
		return task.RunResult{}, err
	}
	runs, err := journal.Open(home)
	if err != nil {
		return task.RunResult{}, err
	}
	s.recover(ctx, home, runs, repo)
	model, err := s.openModel() //nolint:contextcheck // it looks up a loopback name, with a time limit of its own
	if err != nil {
		return task.RunResult{}, err
	}
	redactor, err := model.redactor(ctx)
	if err != nil {
		return task.RunResult{}, err
	}

	signer, err := newAttester(s.o.Getenv)
	if err != nil {
		return task.RunResult{}, err
	}

	workDir := filepath.Join(home, "work", plan.RunID)
	result, err := runner.New(runner.Options{
		Sandbox: s.engine,
		Ready:   model.ready,
		Model:   model.session,
		Judge:   redactor.judge,
		Attest:  signer.attest,
		Rules:   runner.Rules{Path: policy.AllowPath, Command: allowCommand},
		Redact:  redactor,
		Log:     s.o.Log,
	}).Run(ctx, runner.Job{
		Plan:    plan,
		Repo:    repository{repo},
		WorkDir: workDir,
		Begin: func(commit string) (runner.RunRecord, error) {
			run, err := runs.Begin(plan, commit, workDir, time.Now())
			if err != nil {
				return nil, err
			}
			return runRecord{run}, nil
		},
		Progress: progress,
	})
	_ = os.Remove(workDir) // unless it holds a worktree that was to be kept
	if perr := runs.Prune(plan.MaxRunsRetained); perr != nil {
		s.o.Log.Warn("prune the journal", "err", perr)
	}
	return result, err
}

// loadConfig reads the repository's configuration and checks what its schema
// cannot say.
func loadConfig(root string) (config.Config, error) {
	cfg, err := config.Load(root)
	if err != nil {
		return cfg, err
	}
	return cfg, policy.CheckConfig(cfg)
}

// compile applies policy to a request. Of the host's environment a task gets
// what policies/environment.json lets through.
func compile(req task.Request, cfg config.Config) (task.Plan, error) {
	plan, err := policy.Compile(req, cfg, newRunID)
	if err != nil {
		return plan, err
	}
	env, err := policy.Environment(os.Environ())
	for i := range plan.Tasks {
		plan.Tasks[i].Env = env
	}
	return plan, err
}

// recover cleans up after servers that died in the middle of a run, once for
// each journal.
func (s *service) recover(ctx context.Context, home string, runs *journal.Journal, repo *workspace.Repository) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.recovered[home] {
		return
	}
	s.recovered[home] = true
	lost, err := runs.Recover(func(rec journal.Record) error {
		var errs []error
		for _, spec := range rec.Plan.Tasks {
			errs = append(errs, workspace.RemoveStale(ctx, repo.CommonDir(), filepath.Join(rec.WorkDir, spec.ID)))
		}
		return errors.Join(append(errs, os.RemoveAll(rec.WorkDir))...)
	})
	if err != nil {
		s.o.Log.Warn("clean up after lost runs", "err", err)
	}
	for _, rec := range lost {
		s.o.Log.Warn("a run was lost with its server; its journal stays", "run", rec.RunID)
	}
}

// newRunID is short, sorts by time and is never used twice.
func newRunID() string {
	return time.Now().UTC().Format("20060102-150405-") + strings.ToLower(rand.Text()[:6])
}

// openModel reads the host's login and the address of the model API.
func (s *service) openModel() (*model, error) {
	upstream, err := gateway.ParseUpstream(s.o.Getenv("OPENAI_BASE_URL"))
	if err != nil {
		return nil, err
	}
	credentials := gateway.HostCredentials(s.o.Getenv, s.o.Getenv("HOME"), nil, nil)
	gw, err := gateway.New(gateway.Options{Upstream: upstream, Credentials: credentials, Log: s.o.Log})
	if err != nil {
		return nil, fmt.Errorf("open the gateway: %w", err)
	}
	return &model{gateway: gw, credentials: credentials}, nil
}

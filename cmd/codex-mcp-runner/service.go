package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/spf13/cobra"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/gateway"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/live"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/sandbox"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/workspace"
)

// serviceOptions are what differs between a server, the demo and a test.
type serviceOptions struct {
	Getenv func(string) string
	Log    *slog.Logger
}

// service does what the tools and the commands ask for. It holds the engine and
// the runs at work; everything that belongs to a repository or to the
// environment is looked at anew in each call, so that a person may mend it while
// the server runs.
type service struct {
	o    serviceOptions
	runs *live.Runs
	// engine is nil if its address cannot be used; noEngine says why.
	engine   *sandbox.Engine
	noEngine error

	mu        sync.Mutex
	recovered map[string]bool // roots of checkouts in which lost runs were looked for
}

func newService(o serviceOptions) (*service, error) {
	state, err := journal.Root(o.Getenv)
	if err != nil {
		// The server must still start: its first task says what is missing.
		state = filepath.Join(os.TempDir(), fmt.Sprintf("codex-mcp-runner-%d", os.Getuid()))
	}
	engine, err := sandbox.Open(sandbox.Options{
		Log: o.Log, RunnerImage: sandbox.RunnerTag(), StateDir: state,
	})
	if err != nil && len(task.Refusals(err)) == 0 {
		return nil, err
	}
	return &service{o: o, engine: engine, noEngine: err, runs: live.New(), recovered: map[string]bool{}}, nil
}

// openEngine gives the engine to whoever needs it. Much does without, so that an
// address that cannot be used is no reason not to start.
func (s *service) openEngine() (*sandbox.Engine, error) { return s.engine, s.noEngine }

// openService is newService for a command of the program.
func openService(cmd *cobra.Command, f *rootFlags) (*service, error) {
	log, err := f.log(cmd)
	if err != nil {
		return nil, err
	}
	return newService(serviceOptions{Getenv: os.Getenv, Log: log})
}

// errClosed is why runs end that nobody waited for.
var errClosed = errors.New("codex-mcp-runner is going down")

// Stop cancels every run, and lets no more begin. It does not wait.
func (s *service) Stop(cause error) { s.runs.Stop(cause) }

// Close ends every run, waits until they are gone, and lets go of the engine.
func (s *service) Close() error {
	s.runs.Stop(errClosed)
	s.runs.Wait()
	if s.engine == nil {
		return nil
	}
	return s.engine.Close()
}

// reap removes the containers that dead servers left.
func (s *service) reap(ctx context.Context) {
	if s.engine == nil {
		return
	}
	reaped, err := s.engine.Reap(ctx)
	if err != nil && ctx.Err() == nil {
		s.o.Log.Info("look for leftovers", "err", err) // Docker may not run: the first task says so
	}
	if len(reaped.Containers) > 0 {
		s.o.Log.Warn("removed what a dead server left", "containers", len(reaped.Containers))
	}
}

// place is a checkout of a repository with where the repository's runs are kept,
// which is one place for all of its checkouts.
type place struct {
	repo *workspace.Repository
	home string
}

// key names a run among those of all repositories.
func (p place) key(runID string) string { return filepath.Join(p.home, "runs", runID) }

// workDir is where a run's worktrees are.
func (p place) workDir(runID string) string { return filepath.Join(p.home, "work", runID) }

// journal is the place's journal, for reading.
func (p place) journal() *journal.Journal { return journal.At(p.home) }

// find opens the checkout that dir is in.
func (s *service) find(ctx context.Context, dir string) (place, error) {
	repo, err := workspace.Open(ctx, dir, workspace.Options{Log: s.o.Log})
	if err != nil {
		return place{}, err
	}
	home, err := journal.Home(s.o.Getenv, repo.CommonDir())
	return place{repo, home}, err
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

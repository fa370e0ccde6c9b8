package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"

	"github.com/docker/docker/client"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Options are what an Engine needs to know. RunnerImage and StateDir are required.
type Options struct {
	// Log may be nil.
	Log *slog.Logger
	// RunnerImage is the reference of the image that holds ToolsDir.
	RunnerImage string
	// Owner goes on the labels of all that is made. Zero: Self.
	Owner Owner
	// StateDir is an absolute directory of the caller's, private to its user.
	// The engine must see it under the same name. It is made if it is missing.
	StateDir string
}

// Engine is the Docker engine that sandboxes run on. It is safe for concurrent use.
type Engine struct {
	api      client.APIClient
	endpoint string
	opts     Options
	log      *slog.Logger

	mu     sync.Mutex
	info   *Info             // once the engine has told
	shells map[string]string // login shell by image id
	warned map[string]bool   // engine warnings that have been logged
	tools  sync.Mutex        // held while this process fills a tools volume
}

// Open finds the engine. It does not talk to it: an engine that is down, or
// that cannot be used, is a *task.Refusal from Check and Run.
func Open(o Options) (*Engine, error) {
	if o.RunnerImage == "" || o.StateDir == "" {
		return nil, errors.New("open engine: the runner image and the state directory must be given")
	}
	if o.Owner == (Owner{}) {
		self, err := Self()
		if err != nil {
			return nil, fmt.Errorf("open engine: %w", err)
		}
		o.Owner = self
	}
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	e := &Engine{opts: o, log: log, shells: map[string]string{}, warned: map[string]bool{}}
	host, err := endpoint(os.Getenv)
	if err != nil {
		return nil, &task.Refusal{
			What: fmt.Sprintf("The docker context cannot be read: %v.", err),
			Mend: "Mend it with `docker context use`, or set DOCKER_HOST.", Err: err,
		}
	}
	if strings.HasPrefix(host, "ssh://") {
		return nil, &task.Refusal{
			What: fmt.Sprintf("The Docker engine's address is %s, and ssh:// is not supported: the engine must see the files of this host.", host),
			Mend: "Use an engine on this host: set DOCKER_HOST, or leave it out.",
		}
	}
	e.endpoint = host
	e.api, err = client.NewClientWithOpts(client.FromEnv, client.WithHost(host), client.WithAPIVersionNegotiation())
	if err != nil {
		return nil, &task.Refusal{
			What: fmt.Sprintf("The Docker engine's address %q cannot be used: %v.", host, err),
			Mend: "Set DOCKER_HOST to something like unix:///var/run/docker.sock.", Err: err,
		}
	}
	return e, nil
}

// Close drops idle connections. Run must have returned.
func (e *Engine) Close() error { return e.api.Close() }

// known is Info, asked once: what matters of it does not change while we run.
func (e *Engine) known(ctx context.Context) (Info, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.info != nil {
		return *e.info, nil
	}
	i, err := e.Info(ctx)
	if err != nil {
		return Info{}, err
	}
	e.info = &i
	return i, nil
}

// warnOnce logs what the engine warns about, each text once.
func (e *Engine) warnOnce(warnings []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, w := range warnings {
		if !e.warned[w] {
			e.warned[w] = true
			e.log.Warn("engine warning", "text", w)
		}
	}
}

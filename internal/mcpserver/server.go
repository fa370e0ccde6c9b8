package mcpserver

import (
	"context"
	_ "embed"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Backend is what the tools call. repo is an absolute directory, any directory
// inside the repository; the backend finds the top level. Of errors, refusals
// (task.Refusals) are told to the caller, anything else is reported as our fault.
type Backend interface {
	// StartTasks checks req and sets it to work. It returns once the run has begun,
	// which is when its id can be asked for, or has ended. From then on the run goes
	// on whatever becomes of ctx, until it is done, cancelled or stopped; if ctx ends
	// before, the run is cancelled. A dry run is done at once.
	StartTasks(ctx context.Context, repo string, req task.Request) (runID string, err error)
	// StartReview does the same for the review of a plan.
	StartReview(ctx context.Context, repo string, req task.ReviewRequest) (runID string, err error)
	// Wait returns a run's result when it is done; when ctx ends before, what there
	// is by then, with Status running and no error. progress, unless nil, gets where
	// the run stands at once and then with every change, from any goroutine and never
	// after Wait has returned; it does not block. With an error, the result's
	// JournalPath may say where the run's files are.
	Wait(ctx context.Context, repo, runID string, progress func(task.Progress)) (task.RunResult, error)
	// Cancel stops a run, or with taskID one of its tasks, and returns once it has
	// begun to stop. What has ended already is no error.
	Cancel(ctx context.Context, repo, runID, taskID string, cause error) error
	// Runs lists the runs that are kept, newest first.
	Runs(ctx context.Context, repo string) ([]task.RunSummary, error)
	// Page reads a piece of what is kept of a run.
	Page(ctx context.Context, repo string, req task.PageRequest) (task.Page, error)
	// Apply puts patches of a run on the repository.
	Apply(ctx context.Context, repo string, req task.ApplyRequest) (task.ApplyResult, error)
	// CheckSetup says what a run would need and whether it is there.
	CheckSetup(ctx context.Context, repo string) (task.Setup, error)
	// Stop cancels everything that was started, with that cause, and does not wait.
	Stop(cause error)
}

// Options are what a Server needs to know of its surroundings.
type Options struct {
	// Version is what the server calls itself.
	Version string
	// Repo is the directory to work in. Empty: the client's first root, else
	// CLAUDE_PROJECT_DIR, else the working directory.
	Repo string
	// Wait is how long a call waits for its run if it does not say wait_seconds,
	// for clients that cut calls off. 0: until the run is done.
	Wait time.Duration
	// Log may be nil. The server never writes anywhere else but to its client.
	Log *slog.Logger
	// Getenv and Getwd are the os functions if nil.
	Getenv func(string) string
	Getwd  func() (string, error)
}

// serverName is short because clients put it before every tool's name.
const (
	serverName  = "codex"
	serverTitle = "Codex task runner"
)

// instructions are all that a model sees of the server until it loads a tool.
// Clients before Claude Code 2.1.84 cut them at 2048 characters.
//
//go:embed instructions.txt
var instructions string

// Server is an MCP server. It holds no connection: each Serve is one client.
type Server struct {
	backend Backend
	opts    Options
	log     *slog.Logger
	mcp     *server.MCPServer
	met     metRuns
	maxLine int
}

// info is what the server calls itself.
func (s *Server) info() mcp.Implementation {
	return mcp.Implementation{Name: serverName, Title: serverTitle, Version: s.opts.Version}
}

// New makes a server with all its tools. It touches neither Docker nor the
// network: what is missing is said when a tool is asked to work.
func New(b Backend, o Options) (*Server, error) {
	s := &Server{backend: b, opts: o, log: o.Log, maxLine: maxLine}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.opts.Getenv == nil {
		s.opts.Getenv = os.Getenv
	}
	if s.opts.Getwd == nil {
		s.opts.Getwd = os.Getwd
	}
	hooks := &server.Hooks{}
	hooks.AddAfterListResources(s.listResources)
	// The tasks extension does not exist before 2026-07-28, where clients initialize.
	hooks.AddAfterInitialize(func(_ context.Context, _ any, _ *mcp.InitializeRequest, r *mcp.InitializeResult) {
		r.Capabilities.Extensions = nil
	})
	// No list changes while the server lives but that of resources, and that one is
	// for people who look; so nothing is announced.
	s.mcp = server.NewMCPServer(serverName, o.Version,
		server.WithTitle(serverTitle),
		server.WithInstructions(instructions),
		server.WithToolCapabilities(false),
		server.WithResourceCapabilities(false, false),
		server.WithPromptCapabilities(false),
		server.WithCompletions(),
		server.WithPromptCompletionProvider(completer{s}),
		server.WithResourceCompletionProvider(completer{s}),
		server.WithExtensions(map[string]any{tasksExtension: struct{}{}}),
		server.WithHooks(hooks))
	s.addResources()
	s.addPrompts()

	// One line per tool, one file each.
	for _, build := range []func() (server.ServerTool, error){
		s.runCodexTasks,
		s.reviewPlanWithCodex,
		s.waitCodexRun,
		s.getCodexRun,
		s.listCodexRuns,
		s.cancelCodexRun,
		s.applyCodexPatches,
		s.checkCodexSetup,
	} {
		tool, err := build()
		if err != nil {
			return nil, fmt.Errorf("build tools: %w", err)
		}
		tool.Handler = s.guard(tool.Tool.Name, tool.Handler)
		s.mcp.AddTools(tool)
	}
	return s, nil
}

package mcpserver

import (
	"context"
	_ "embed"
	"fmt"
	"log/slog"
	"os"

	"github.com/mark3labs/mcp-go/server"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Backend is what the tools call.
type Backend interface {
	// RunTasks runs req to its end. repo is an absolute directory, any directory
	// inside the repository; the backend finds the top level. progress may be
	// called at any time until RunTasks returns, as often as the backend likes
	// and from any goroutine; it does not block.
	//
	// The error is for a run that did not take place: refusals (task.Refusals)
	// are told to the caller, anything else is reported as our fault. If a run's
	// files exist all the same, the result's JournalPath says where.
	RunTasks(ctx context.Context, repo string, req task.Request, progress func(task.Progress)) (task.RunResult, error)
	// ReviewPlan says what is wrong with a plan. For repo, progress and the error
	// the same holds as for RunTasks.
	ReviewPlan(ctx context.Context, repo string, req task.ReviewRequest, progress func(task.Progress)) (task.ReviewResult, error)
}

// Options are what a Server needs to know of its surroundings.
type Options struct {
	// Version is what the server calls itself.
	Version string
	// Repo is the directory to work in. Empty: the client's first root, else
	// CLAUDE_PROJECT_DIR, else the working directory.
	Repo string
	// Log may be nil. The server never writes anywhere else but to its client.
	Log *slog.Logger
	// Getenv and Getwd are the os functions if nil.
	Getenv func(string) string
	Getwd  func() (string, error)
}

// serverName is short because clients put it before every tool's name.
const serverName = "codex"

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
	maxLine int
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
	// The tools never change while the server lives, so nothing is announced.
	s.mcp = server.NewMCPServer(serverName, o.Version,
		server.WithTitle("Codex task runner"),
		server.WithInstructions(instructions),
		server.WithToolCapabilities(false))

	// One line per tool, one file each.
	for _, build := range []func() (server.ServerTool, error){
		s.runCodexTasks,
		s.reviewPlanWithCodex,
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

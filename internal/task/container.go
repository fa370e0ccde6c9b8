package task

import (
	"io"
	"net"
	"time"
)

// The file system as a process in a sandbox sees it.
const (
	// ToolsDir holds Codex, ripgrep and sandbox-init: part of the runner image,
	// and a read-only volume in any other image.
	ToolsDir = "/opt/codex-mcp-runner"
	// WorkspaceDir is the worktree.
	WorkspaceDir = "/workspace"
	// GitDir is the private git directory that WorkspaceDir/.git points to.
	GitDir = "/run/codex/git"
	// ObjectsDir holds one read-only mount for each object store of the host's
	// repository: ObjectsDir/0, ObjectsDir/1, ...
	ObjectsDir = "/run/codex/objects"
	// HomeDir is $HOME, a tmpfs.
	HomeDir = "/home/codex"
	// CodexHome is $CODEX_HOME. It must exist and be writable before Codex starts.
	CodexHome = HomeDir + "/.codex"
	// SessionsDir is where $CODEX_HOME/sessions points to in a container that keeps
	// Codex's session files.
	SessionsDir = "/run/codex/sessions"
	// SandboxInit is PID 1.
	SandboxInit = ToolsDir + "/bin/sandbox-init"
	// GatewayAddr is where PID 1 serves the tunnel's near end.
	GatewayAddr = "127.0.0.1:8128"
)

// Tree is a worktree on this host with the private git directory that its
// sandbox sees. The sandbox decides how it gets into the container.
type Tree struct {
	// Dir is the worktree, absolute.
	Dir string
	// GitDir becomes GitDir in the container, writable.
	GitDir string
	// GitFile is mounted over the worktree's own .git, read-only.
	GitFile string
	// Objects are the host's object stores, in the order of ObjectsDir/N.
	Objects []string
	// Sessions is an empty directory that becomes SessionsDir, writable, in a
	// container that keeps Codex's session files.
	Sessions string
	// UID and GID own Dir, GitDir and Sessions. Never 0.
	UID, GID int
}

// File is a file that appears in a container, owned by root and read-only.
type File struct {
	Path    string // absolute, in the container
	Content []byte
}

// Purpose is what a container is for. It becomes a label.
type Purpose string

// The purposes.
const (
	// PurposeCodex is Codex at work on a task.
	PurposeCodex Purpose = "codex"
	// PurposeVerify is a verify command: nothing of Codex is in its container.
	PurposeVerify Purpose = "verify"
)

// Container is one command in one throwaway container.
type Container struct {
	RunID, TaskID string
	Purpose       Purpose
	// Image is an image reference; empty means the runner image.
	Image   string
	Runtime string
	// Command is run by PID 1 in WorkspaceDir. Its first word is looked up in
	// ToolsDir/bin, then in the image's PATH.
	Command []string
	// Env adds to the image's environment; PATH, HOME and CODEX_HOME are the sandbox's own.
	Env   map[string]string
	Files []File
	Tree  Tree
	Mode  SandboxMode
	// KeepSessions mounts Tree.Sessions.
	KeepSessions bool
	// Network is what the container can reach beside the tunnel.
	Network NetworkPolicy
	Limits  Limits
}

// Exit is how a container ended.
type Exit struct {
	// Code is the command's exit code, 128+n if signal n ended it.
	Code int
	// OOMKilled says that the memory limit killed a process in the container,
	// not necessarily the last one.
	OOMKilled bool
	// ImageID is the digest of the image that ran.
	ImageID string
	// CreatedAt, StartedAt and FinishedAt are by our clock.
	CreatedAt, StartedAt, FinishedAt time.Time
}

// Streams are a container's connections to the host while it runs.
type Streams struct {
	// Stdin is copied to the command and then closed. Nil: at EOF from the start.
	Stdin io.Reader
	// Stdout and Stderr get the command's output as it comes. A writer that
	// returns an error ends the container; Run then returns that error.
	Stdout, Stderr io.Writer
	// Tunnel, if set, is called once, in a goroutine of its own, with the
	// connections that processes in the container make to GatewayAddr. It must
	// return when the listener is closed, which happens when the container is
	// gone. The command is not started before the tunnel is up. Nil: no tunnel.
	Tunnel func(net.Listener)
}

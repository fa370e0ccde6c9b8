package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/tunnel"
)

// bridgeGrace is how long a bridge that ended waits for news of the container's
// end. Usually they end together, but a busy engine may take seconds to tell.
const bridgeGrace = 10 * time.Second

// bridgeError says that the bridge ended while the command ran.
type bridgeError struct{ how string }

func (e *bridgeError) Error() string {
	return "the bridge to the sandbox ended while its command ran: " + e.how
}

// bridge is the tunnel of one container: sandbox-init's bridge verb, running in
// it under a uid of its own, and the listener at our end of its stdin and stdout.
type bridge struct {
	listener net.Listener
	running  sync.WaitGroup
}

// openBridge starts the bridge and serves what comes through it. If it ends
// while the container lives, it ends the container: its command could reach
// nothing any more. Without a tunnel there is nothing to open.
func (b *box) openBridge(ctx context.Context, gone <-chan struct{}, end context.CancelCauseFunc) (*bridge, error) {
	if b.streams.Tunnel == nil {
		return nil, nil
	}
	api := b.engine.api
	uid := strconv.Itoa(b.bridgeUser)
	exec, err := api.ContainerExecCreate(ctx, b.id, container.ExecOptions{
		User:        uid + ":" + uid,
		WorkingDir:  "/", // the worktree may be closed to this uid
		Cmd:         []string{task.SandboxInit, "bridge", task.GatewayAddr},
		AttachStdin: true, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return nil, fmt.Errorf("create bridge: %w", err)
	}
	conn, err := api.ContainerExecAttach(ctx, exec.ID, container.ExecAttachOptions{})
	if err != nil {
		return nil, fmt.Errorf("start bridge: %w", err)
	}
	fromBridge, demuxed := io.Pipe()
	listener, err := tunnel.Listen(&duplex{Reader: fromBridge, Writer: conn.Conn, close: func() error {
		return errors.Join(conn.Conn.Close(), fromBridge.Close())
	}}, b.log)
	if err != nil {
		conn.Close()
		return nil, err
	}
	br := &bridge{listener: listener}
	var said tail
	br.running.Go(func() {
		_, err := stdcopy.StdCopy(demuxed, &said, conn.Reader)
		_ = demuxed.CloseWithError(err) // nil is EOF
		_ = listener.Close()
		select {
		case <-gone:
		case <-ctx.Done():
		case <-time.After(bridgeGrace):
			end(&bridgeError{b.bridgeEnd(ctx, exec.ID, said.String())})
		}
	})
	br.running.Go(func() {
		b.streams.Tunnel(listener)
		_ = listener.Close()
	})
	return br, nil
}

// bridgeEnd says in a few words how the bridge ended.
func (b *box) bridgeEnd(ctx context.Context, exec, said string) string {
	state, err := b.engine.api.ContainerExecInspect(ctx, exec)
	if err != nil {
		return fmt.Sprintf("no exit code (%v), %q", err, said)
	}
	return fmt.Sprintf("exit code %d, %q", state.ExitCode, said)
}

// close ends the tunnel and waits for all that serves it.
func (br *bridge) close() {
	if br == nil {
		return
	}
	_ = br.listener.Close() // never fails
	br.running.Wait()
}

// duplex is two halves of a stream.
type duplex struct {
	io.Reader
	io.Writer
	close func() error
}

func (d *duplex) Close() error { return d.close() }

// tail keeps the last bytes that were written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailBytes = 1000

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p[max(0, len(p)-tailBytes):]...)
	t.text = t.text[max(0, len(t.text)-tailBytes):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}

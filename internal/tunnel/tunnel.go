// Package tunnel carries many connections over one byte stream: the connections
// that processes in a sandbox make to the model gateway, over the stdin and
// stdout of one program inside it. The near end is in the sandbox (Forward), the
// host end is a net.Listener (Listen). The host end trusts nothing that it
// reads: whatever the near end sends, memory and goroutines stay bounded.
package tunnel

import (
	"log/slog"
	"time"

	"github.com/hashicorp/yamux"
)

const (
	// MaxConns is how many connections one tunnel carries at once. A near end
	// accepts no more; a host end lets more wait, then resets them.
	MaxConns = 64
	// backlog is how many new connections may wait for Accept at the host end.
	// As large as MaxConns, so that an honest near end never meets a reset.
	backlog = MaxConns
	// maxStreams is what no honest near end ever has open: more ends the tunnel.
	// Streams that one end has closed and the other has not count too.
	maxStreams = MaxConns + backlog

	// keepAlive finds a dead engine connection that never said so. It must be
	// patient: the near end shares the CPU quota of the sandbox.
	keepAlive    = 30 * time.Second
	writeTimeout = time.Minute
	// halfOpen bounds how long a connection may live with one direction closed.
	// It is as long as a model call may take; streams that linger at the host
	// end are bounded by maxStreams, not by this.
	halfOpen = time.Hour
)

func config(log *slog.Logger) *yamux.Config {
	c := yamux.DefaultConfig()
	c.AcceptBacklog = backlog
	c.KeepAliveInterval = keepAlive
	c.ConnectionWriteTimeout = writeTimeout
	c.StreamOpenTimeout = writeTimeout
	c.StreamCloseTimeout = halfOpen
	c.LogOutput = nil
	c.Logger = &quietLog{log: log}
	return c
}

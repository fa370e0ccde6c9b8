package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/tunnel"
)

// bridge listens on addr and carries every connection to the host, over our
// stdin and stdout. The host starts it as a uid of its own, before the command:
// no process in the sandbox can signal it, trace it, or take its address.
func bridge(addr string, stderr io.Writer) int {
	if err := harden(); err != nil {
		say(stderr, "harden the bridge: %v", err)
		return exitNotReady
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		say(stderr, "listen for the bridge: %v", err)
		return exitNotReady
	}
	if err := tunnel.Forward(context.Background(), stdio{}, l); err != nil {
		say(stderr, "the bridge ended: %v", err)
		return 1
	}
	return 0
}

// stdio is our standard input and output as one stream.
type stdio struct{}

func (stdio) Read(p []byte) (int, error)  { return os.Stdin.Read(p) }
func (stdio) Write(p []byte) (int, error) { return os.Stdout.Write(p) }
func (stdio) Close() error                { return errors.Join(os.Stdin.Close(), os.Stdout.Close()) }

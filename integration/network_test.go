//go:build integration

package integration

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/moby/moby/client"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// bridge is the address that this host has on the engine's default bridge.
func bridge(t *testing.T) string {
	t.Helper()
	r, err := docker(t).NetworkInspect(t.Context(), "bridge", client.NetworkInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Network.IPAM.Config {
		if c.Gateway.Is4() {
			return c.Gateway.String()
		}
	}
	t.Fatalf("the default bridge has no address: %+v", r.Network.IPAM)
	return ""
}

// counted listens on an address until the test is over, greets whoever comes, and
// counts them.
func counted(t *testing.T, address, greeting string) (net.Listener, *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	var accepted atomic.Int32
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted.Add(1)
			_, _ = io.WriteString(c, greeting) // whoever hangs up has not heard it
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l, &accepted
}

// A verify command has no network, whatever its task had.
func TestTheNetworkIsThereIfAllowedAndForCodexAlone(t *testing.T) {
	t.Parallel()
	const greeting = "hello from the host"
	for policy, want := range map[task.NetworkPolicy]int32{task.NetworkAllow: 1, task.NetworkDeny: 0} {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			l, accepted := counted(t, net.JoinHostPort(bridge(t), "0"), greeting+"\n")
			address := strings.Replace(l.Addr().String(), ":", "/", 1)
			connect := "exec 3<>/dev/tcp/" + address
			h := newHost(t, conversation("", patient(connect+" && cat <&3; echo t >t; echo tried"), say("Done.")))
			h.configure(map[string]any{"network_policy": policy, "verify_commands": []string{fmt.Sprintf("! timeout 5 bash -c '%s'", connect)}})
			r := h.serve().run("Say hello.")
			heard := h.heard()
			if r.Status != task.Success || len(r.Verification) != 1 || !strings.Contains(heard, "tried") {
				t.Errorf("%s %+v %+v\n%s", r.Status, r.Failure, r.Verification, heard)
			}
			if got := accepted.Load(); got != want || strings.Contains(heard, greeting) != (want == 1) {
				t.Errorf("%d connections, want %d:\n%s", got, want, heard)
			}
		})
	}
}

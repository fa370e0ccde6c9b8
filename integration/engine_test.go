//go:build integration

package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"
)

// docker is an API client of the tests' own, not the program's: its second
// opinion is the point.
func docker(t testing.TB) *client.Client {
	t.Helper()
	c, err := client.New(client.FromEnv)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// containers are the ids of those with a label, running or not.
func containers(ctx context.Context, t testing.TB, label string) (ids []string) {
	t.Helper()
	list, err := docker(t).ContainerList(ctx, client.ContainerListOptions{All: true, Filters: make(client.Filters).Add("label", label)})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list.Items {
		ids = append(ids, c.ID)
	}
	return ids
}

// running are the containers in which something runs.
func running(ctx context.Context, t testing.TB, label string) (ids []string) {
	t.Helper()
	list, err := docker(t).ContainerList(ctx, client.ContainerListOptions{Filters: make(client.Filters).Add("label", label)})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list.Items {
		ids = append(ids, c.ID)
	}
	return ids
}

// volumes are those of ours, but for the tools volumes, which stay.
func volumes(ctx context.Context, t testing.TB) (names []string) {
	t.Helper()
	list, err := docker(t).VolumeList(ctx, client.VolumeListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range list.Items {
		if strings.Contains(v.Name, "codex-mcp-runner") && !strings.HasPrefix(v.Name, "codex-mcp-runner-tools-") &&
			!strings.HasPrefix(v.Name, "codex-mcp-runner-test-") { // internal/sandbox's, which is tested at the same time
			names = append(names, v.Name)
		}
	}
	return names
}

// created counts the containers that a server made since a time, gone or not, of
// those that have all the labels. An engine's probe is among them.
func created(ctx context.Context, t testing.TB, pid int, since time.Time, labels ...string) (n int) {
	t.Helper()
	events := docker(t).Events(ctx, client.EventsListOptions{
		Since: since.UTC().Format(time.RFC3339Nano), Until: time.Now().UTC().Format(time.RFC3339Nano),
		Filters: make(client.Filters).Add("type", "container").Add("event", "create").Add("label", append(labels, owner(pid))...),
	})
	for {
		select {
		case <-events.Messages:
			n++
		case err := <-events.Err:
			if err != nil && !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			return n
		}
	}
}

// owner is the label of what a server made.
func owner(pid int) string { return fmt.Sprintf("io.codex-mcp-runner.owner.pid=%d", pid) }

package sandbox

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker/docker/client"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Whoever points DOCKER_HOST at another server is told so, whatever it is asked.
func TestWhatIsNoEngine(t *testing.T) {
	html := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "<!DOCTYPE HTML>\n<html>")
		}
	}
	for name, answer := range map[string]http.HandlerFunc{
		"not found": html(http.StatusNotFound), "anything": html(http.StatusOK), "a login": html(http.StatusUnauthorized),
		"forbidden": html(http.StatusForbidden), "not implemented": html(http.StatusNotImplemented),
		"bad request": html(http.StatusBadRequest),
		"a redirect":  http.RedirectHandler("https://example.invalid/", http.StatusMovedPermanently).ServeHTTP,
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(answer)
			defer srv.Close()
			address := "tcp://" + srv.Listener.Addr().String()
			t.Setenv("DOCKER_HOST", address)
			if r := refusal(t); !strings.Contains(r.What, address+" is no Docker engine") || !strings.Contains(r.Mend, "DOCKER_HOST") || strings.Contains(r.Error(), "<") {
				t.Errorf("refusal is %q", r)
			}
			e, err := Open(Options{RunnerImage: "runner", StateDir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			for call, err := range map[string]error{
				"Info":      second(e.Info(t.Context())),
				"Installed": second(e.Installed(t.Context())),
				"Leftovers": second(e.Leftovers(t.Context())),
				"Reap":      second(e.Reap(t.Context())),
				"Build":     second(e.Build(t.Context(), BuildOptions{})),
			} {
				if len(task.Refusals(err)) != 1 {
					t.Errorf("%s returned %v, want a refusal", call, err)
				}
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }

// An engine that is out of order is one all the same, and its own words say more.
func TestAnEngineThatIsOutOfOrder(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "the engine is paused", http.StatusServiceUnavailable)
	}))
	defer srv.Close()
	t.Setenv("DOCKER_HOST", "tcp://"+srv.Listener.Addr().String())
	e, err := Open(Options{RunnerImage: "runner", StateDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Info(t.Context()); err == nil || !strings.Contains(err.Error(), "the engine is paused") {
		t.Errorf("got %v", err)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// What accepts and never answers must not hold anybody up for ever. It may fall
// silent at the first question or at the second.
func TestAnEngineThatDoesNotAnswer(t *testing.T) {
	for _, from := range []string{"/_ping", "/info"} {
		synctest.Test(t, func(t *testing.T) {
			api, err := client.NewClientWithOpts(client.WithHost("tcp://192.0.2.1:2375"), client.WithHTTPClient(&http.Client{
				Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
					if strings.HasSuffix(r.URL.Path, from) {
						<-r.Context().Done()
						return nil, r.Context().Err()
					}
					return &http.Response{StatusCode: 200, Header: http.Header{"Api-Version": {"1.47"}}, Body: http.NoBody, Request: r}, nil
				}),
			}))
			if err != nil {
				t.Fatal(err)
			}
			e := &Engine{api: api, endpoint: "tcp://192.0.2.1:2375"}
			began := time.Now()
			_, err = e.Info(t.Context())
			if r := task.Refusals(err); len(r) != 1 || !strings.Contains(r[0].What, "tcp://192.0.2.1:2375 does not answer") {
				t.Errorf("%s: got %v, want a refusal", from, err)
			}
			if took := time.Since(began); took != 10*time.Second {
				t.Errorf("%s: it took %s", from, took)
			}
			// One who has no patience is told why he got nothing, and no more.
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := e.Info(ctx); !errors.Is(err, context.DeadlineExceeded) || len(task.Refusals(err)) > 0 {
				t.Errorf("%s: got %v, want the end of the context", from, err)
			}
		})
	}
}

// The client library takes such an address, and then cannot reach it.
func TestSSHIsRefused(t *testing.T) {
	t.Setenv("DOCKER_HOST", "ssh://me@build.example")
	_, err := Open(Options{RunnerImage: "runner", StateDir: t.TempDir()})
	if r := task.Refusals(err); len(r) != 1 || !strings.Contains(r[0].What, "ssh:// is not supported") || !strings.Contains(r[0].Mend, "DOCKER_HOST") {
		t.Errorf("got %v, want a refusal", err)
	}
}

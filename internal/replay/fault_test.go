package replay_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/replay"
)

func fault(t testing.TB, f string) *replay.Server {
	return replay.NewServer(parse(t, `{"conversations":[{"match":"","steps":[`+f+`]}]}`), replay.Options{})
}

func TestFaultStatus(t *testing.T) {
	request := body(t, classicTools, user("go"))
	w := post(fault(t, `{"fault":{"status":429,"headers":{"Retry-After":"7"},"body":{"error":{"type":"usage_limit_reached"}}}}`), request)
	if w.Code != 429 || w.Header().Get("Retry-After") != "7" || w.Body.String() != `{"error":{"type":"usage_limit_reached"}}` {
		t.Errorf("got %d %v %s", w.Code, w.Header(), w.Body)
	}
	w = post(fault(t, `{"fault":{"status":502,"body":"<html>"}}`), request)
	if w.Code != 502 || w.Body.String() != "<html>" {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	s := fault(t, `{"fault":{"status":503,"times":2},"items":[]},{"items":[{"say":"x"}]}`)
	for i, want := range []int{503, 503, 200} {
		if w := post(s, request, "Thread-Id", "a"); w.Code != want {
			t.Errorf("request %d gave %d, want %d", i, w.Code, want)
		}
	}
	if w := post(s, request, "Thread-Id", "b"); w.Code != 503 {
		t.Errorf("another thread was spared: %d", w.Code)
	}
}

func TestFaultsOfAStream(t *testing.T) {
	request := body(t, classicTools, user("go"))
	get := func(t *testing.T, f string) (string, error) {
		server := httptest.NewServer(fault(t, f))
		defer server.Close()
		resp, err := http.Post(server.URL+"/v1/responses", "application/json", bytes.NewReader(request))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		got, err := io.ReadAll(resp.Body)
		return string(got), err
	}
	t.Run("cut", func(t *testing.T) {
		got, err := get(t, `{"items":[{"say":"half"}],"fault":"cut"}`)
		if err == nil || !strings.Contains(got, "half") || strings.Contains(got, "response.completed") {
			t.Errorf("got %q, %v", got, err)
		}
	})
	t.Run("no_completed", func(t *testing.T) {
		got, err := get(t, `{"items":[{"say":"half"}],"fault":"no_completed"}`)
		if err != nil || !strings.Contains(got, "half") || strings.Contains(got, "response.completed") {
			t.Errorf("got %q, %v", got, err)
		}
	})
	t.Run("flood", func(t *testing.T) {
		got, err := get(t, `{"fault":{"kind":"flood","bytes":3000000}}`)
		if err != nil || len(got) < 3_000_000 || !strings.Contains(got, "response.completed") {
			t.Errorf("got %d bytes, %v", len(got), err)
		}
	})
	t.Run("its own end", func(t *testing.T) {
		got, err := get(t, `{"items":[{"event":{"type":"response.failed",
			"response":{"error":{"code":"x"}}}}]}`)
		if err != nil || !strings.Contains(got, `data: {"type":"response.failed","response"`) || strings.Contains(got, "response.completed") {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

func TestHangLastsUntilTheClientGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		start := time.Now()
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "/v1/responses", bytes.NewReader(body(t, classicTools, user("go"))))
		fault(t, `{"fault":"hang"}`).ServeHTTP(w, r.WithContext(ctx))
		if took := time.Since(start); took != time.Hour || strings.Contains(w.Body.String(), "completed") {
			t.Errorf("after %v: %s", took, w.Body)
		}
	})
}

func TestDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := replay.NewServer(parse(t, `{"conversations":[{"match":"","steps":[{"delay_ms":500,"items":[{"think":"x"},{"say":"1 2 3 4 5 6 7 8 9"}]}]}]}`),
			replay.Options{})
		start := time.Now()
		post(s, body(t, classicTools, user("go")))
		// Two items, and three pieces of text.
		if took, want := time.Since(start), 2*500*time.Millisecond+3*50*time.Millisecond; took != want {
			t.Errorf("took %v, want %v", took, want)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond)
		defer cancel()
		start = time.Now()
		r := httptest.NewRequest(http.MethodPost, "/v1/responses", bytes.NewReader(body(t, classicTools, user("go"))))
		s.ServeHTTP(httptest.NewRecorder(), r.WithContext(ctx))
		if took := time.Since(start); took != 600*time.Millisecond {
			t.Errorf("a client that left at 0.6s was served for %v", took)
		}
	})
}

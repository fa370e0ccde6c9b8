package mcpserver_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/mcpserver"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// where tells the repository that it was called with as the run's id.
func where(_ context.Context, repo string, _ task.Request, _ func(task.Progress)) (task.RunResult, error) {
	return task.RunResult{RunID: repo}, nil
}

func rootsAnswer(id string, uris ...string) string {
	var roots []string
	for _, u := range uris {
		roots = append(roots, fmt.Sprintf(`{"uri":%q}`, u))
	}
	return `{"jsonrpc":"2.0","id":` + id + `,"result":{"roots":[` + strings.Join(roots, ",") + `]}}`
}

// asked expects a roots/list request and returns its id.
func (w *wire) asked() string {
	w.t.Helper()
	m := w.next()
	if m.Method != "roots/list" || len(m.ID) == 0 {
		w.t.Fatalf("want roots/list, got %s", m.raw)
	}
	return string(m.ID)
}

func (w *wire) repoOf(id string) string {
	w.t.Helper()
	m, before := w.answer(id)
	if len(before) > 0 {
		w.t.Fatalf("unasked for: %v", before)
	}
	return m.call(w.t).StructuredContent.RunID
}

func TestRepositoryWithoutRoots(t *testing.T) {
	project := func(dir string) func(string) string {
		return func(name string) string {
			if name == "CLAUDE_PROJECT_DIR" {
				return dir
			}
			return ""
		}
	}
	for _, tc := range []struct {
		name, want string
		o          mcpserver.Options
	}{
		{"working directory", "/cwd", mcpserver.Options{}},
		{"environment", "/proj", mcpserver.Options{Getenv: project("/proj")}},
		{"relative environment", "/cwd/proj", mcpserver.Options{Getenv: project("proj")}},
		{"flag", "/flag", mcpserver.Options{Repo: "/flag/x/..", Getenv: project("/proj")}},
		{"relative flag", "/cwd/x", mcpserver.Options{Repo: "x"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := connect(t, where, tc.o, nil)
			w.send(initialize("2025-11-25", "{}"), call("1", ""), call("2", modernMeta+"{}"))
			w.answer(`"init"`)
			for range 2 {
				if got := w.next().call(t).StructuredContent.RunID; got != tc.want {
					t.Errorf("got %s, want %s", got, tc.want)
				}
			}
		})
	}
}

func TestFlagWinsAndNobodyIsAsked(t *testing.T) {
	w := connect(t, where, mcpserver.Options{Repo: "/flag"}, nil)
	w.send(initialize("2025-11-25", `{"roots":{}}`), call("1", ""))
	w.answer(`"init"`)
	if got := w.repoOf("1"); got != "/flag" {
		t.Error(got)
	}
	w.send(call("2", modernMeta+`{"roots":{}}`))
	if got := w.repoOf("2"); got != "/flag" {
		t.Error(got)
	}
}

func TestNobodyIsAskedOnBehalfOfBadArguments(t *testing.T) {
	w := connect(t, where, mcpserver.Options{}, nil)
	w.send(initialize("2025-11-25", `{"roots":{}}`), callWith("1", "", "{}"))
	w.answer(`"init"`)
	if m := w.next(); string(m.ID) != "1" || !m.call(t).IsError {
		t.Error(m)
	}
}

func TestWithoutWorkingDirectory(t *testing.T) {
	w := connect(t, where, mcpserver.Options{Getwd: func() (string, error) { return "", errors.New("gone") }}, nil)
	w.send(call("1", ""))
	if r := w.next().call(t); !r.IsError || !strings.Contains(r.text(), "--repo") {
		t.Error(r.text())
	}
}

func TestLegacyRootsAreCachedUntilTheyChange(t *testing.T) {
	w := connect(t, where, mcpserver.Options{}, nil)
	w.send(initialize("2025-11-25", `{"roots":{"listChanged":true}}`))
	w.answer(`"init"`)

	w.send(call("1", ""))
	w.send(rootsAnswer(w.asked(), "https://example.com/x", "file:///home/me/my%20repo%25", "file:///other"))
	if got := w.repoOf("1"); got != "/home/me/my repo%" {
		t.Errorf("got %q", got)
	}
	w.send(call("2", ""))
	if got := w.repoOf("2"); got != "/home/me/my repo%" {
		t.Errorf("cached: %q", got)
	}
	w.send(`{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}`, call("3", ""))
	w.send(rootsAnswer(w.asked(), "file://localhost/second"))
	if got := w.repoOf("3"); got != "/second" {
		t.Errorf("after a change: %q", got)
	}
}

// An answer that crosses a change serves its call, and is not kept.
func TestRootsThatChangeWhileAskedAreNotCached(t *testing.T) {
	w := connect(t, where, mcpserver.Options{}, nil)
	w.send(initialize("2025-11-25", `{"roots":{}}`))
	w.answer(`"init"`)
	w.send(call("1", ""))
	id := w.asked()
	w.send(`{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}`, rootsAnswer(id, "file:///old"))
	w.repoOf("1")
	w.send(call("2", ""))
	w.send(rootsAnswer(w.asked(), "file:///new"))
	if got := w.repoOf("2"); got != "/new" {
		t.Error(got)
	}
}

func TestRootsAnswersAreRoutedByID(t *testing.T) {
	w := connect(t, where, mcpserver.Options{}, nil)
	w.send(initialize("2025-11-25", `{"roots":{}}`))
	w.answer(`"init"`)
	w.send(call("1", ""))
	first := w.asked()
	w.send(call("2", ""))
	second := w.asked()
	if first == second {
		t.Fatal("two questions with one id")
	}
	w.send(rootsAnswer(second, "file:///b"))
	if got := w.repoOf("2"); got != "/b" {
		t.Error(got)
	}
	w.send(rootsAnswer(`"nobody"`, "file:///c"), rootsAnswer(first, "file:///a"))
	if got := w.repoOf("1"); got != "/a" {
		t.Error(got)
	}
}

func TestUselessRootsFallThrough(t *testing.T) {
	for _, answer := range []string{
		`"error":{"code":-32601,"message":"no"}`, `"result":{"roots":[]}`, `"result":{}`, `"result":7`,
		`"result":{"roots":[{"uri":"file://host/share"},{"uri":"/plain"},{"uri":"file:rel"},{"uri":"file:///%zz"},{"uri":"file:///a%00b"}]}`,
	} {
		w := connect(t, where, mcpserver.Options{}, nil)
		w.send(initialize("2025-11-25", `{"roots":{}}`))
		w.answer(`"init"`)
		w.send(call("1", ""))
		w.send(`{"jsonrpc":"2.0","id":` + w.asked() + `,` + answer + `}`)
		if got := w.repoOf("1"); got != "/cwd" {
			t.Errorf("%s: %q", answer, got)
		}
		w.close()
	}
}

func TestSilentRootsTimeOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := connect(t, where, mcpserver.Options{}, nil)
		w.send(initialize("2025-11-25", `{"roots":{}}`))
		w.answer(`"init"`)
		start := time.Now()
		w.send(call("1", ""))
		late := w.asked()
		if got := w.repoOf("1"); got != "/cwd" || time.Since(start) != mcpserver.RootsTimeout {
			t.Errorf("%s after %v", got, time.Since(start))
		}
		w.send(rootsAnswer(late, "file:///late"), call("2", ""))
		w.send(rootsAnswer(w.asked(), "file:///intime"))
		if got := w.repoOf("2"); got != "/intime" {
			t.Error(got)
		}
		w.close()
	})
}

func TestCancelWhileWaitingForRoots(t *testing.T) {
	w := connect(t, where, mcpserver.Options{}, nil)
	w.send(initialize("2025-11-25", `{"roots":{}}`))
	w.answer(`"init"`)
	w.send(call("1", ""))
	w.asked()
	w.send(cancelOf("1"), request("2", "ping", "{}"))
	w.answer("2")
	w.close()
	if rest := w.rest(); len(rest) > 0 {
		t.Error(rest)
	}
}

func TestModernRootsComeByRoundTrip(t *testing.T) {
	caps := modernMeta + `{"roots":{}}`
	retry := func(id, answers string) string {
		return request(id, "tools/call", `{"name":"run_codex_tasks","_meta":{`+caps+`},"arguments":{"tasks":[{"task_id":"a","prompt":"p"}]},`+answers+`}`)
	}
	w := connect(t, where, mcpserver.Options{}, nil)
	w.send(call("1", caps))
	m, before := w.answer("1")
	r := m.call(t)
	if len(before) > 0 || r.ResultType != "input_required" || len(r.InputRequests) != 1 || !strings.Contains(m.raw, `"method":"roots/list"`) {
		t.Fatalf("%v %s", before, m)
	}
	var key string
	for key = range r.InputRequests {
	}
	for i, tc := range []struct{ answers, want string }{
		{fmt.Sprintf(`"requestState":%q,"inputResponses":{%q:{"roots":[{"uri":"file:///a%%20b","name":"n"}]}}`, r.RequestState, key), "/a b"},
		{fmt.Sprintf(`"requestState":%q,"inputResponses":{%q:{"roots":[]}}`, r.RequestState, key), "/cwd"},
		{fmt.Sprintf(`"requestState":%q,"inputResponses":{%q:"what?"}`, r.RequestState, key), "/cwd"},
		{fmt.Sprintf(`"requestState":%q,"inputResponses":{}`, r.RequestState), "/cwd"},
		{fmt.Sprintf(`"requestState":%q`, r.RequestState), "/cwd"},
	} {
		id := fmt.Sprint(10 + i)
		w.send(retry(id, tc.answers))
		if got := w.repoOf(id); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.answers, got, tc.want)
		}
	}
}

// What one era said must not decide for the other: the capabilities of a
// modern client are those of the request.
func TestCapabilitiesAreNotCarriedAcrossEras(t *testing.T) {
	w := connect(t, where, mcpserver.Options{}, nil)
	w.send(request("0", "server/discover", `{"_meta":{`+modernMeta+`{"roots":{}}}}`))
	w.answer("0")
	w.send(call("1", modernMeta+`{}`))
	if got := w.repoOf("1"); got != "/cwd" {
		t.Error(got)
	}
	w.send(initialize("2025-11-25", `{}`), call("2", ""))
	w.answer(`"init"`)
	if got := w.repoOf("2"); got != "/cwd" {
		t.Error(got)
	}
}

func FuzzFileURI(f *testing.F) {
	for _, s := range []string{"file:///a", "file://localhost/a%20b", "FILE:///x/../y", "file:/a", "http://x", "file:///a%00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		if dir, ok := mcpserver.FileURI(uri); ok && (!strings.HasPrefix(dir, "/") || strings.Contains(dir, "\x00") || strings.Contains(dir, "/../")) {
			t.Errorf("%q gave %q", uri, dir)
		}
	})
}

//go:build integration

package integration

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// refused checks an answer that says what is wrong and how to mend it, and that
// nothing was made.
func (h *host) refused(r toolResult, wants ...string) {
	h.t.Helper()
	text := r.text()
	if !r.IsError {
		h.t.Errorf("it was not refused: %.300s", text)
	}
	for _, want := range wants {
		if !strings.Contains(text, want) {
			h.t.Errorf("it does not say %q: %s", want, text)
		}
	}
	if strings.Count(text, ".")+strings.Count(text, "?") < 2 || strings.Contains(text, "goroutine ") {
		h.t.Errorf("that is not one sentence of what and one of how: %s", text)
	}
	for _, pattern := range []string{"/codex-mcp-runner/*/runs/*", "/codex-mcp-runner/*/work/*"} {
		if left, _ := filepath.Glob(h.state + pattern); len(left) > 0 {
			h.t.Errorf("something half-made is left: %v", left)
		}
	}
}

func TestBadInputIsRefusedBeforeAnythingIsMade(t *testing.T) {
	t.Parallel()
	h := newHost(t, does("true"))
	s := h.serve()
	one := func(more map[string]any) map[string]any {
		t := map[string]any{"task_id": "t", "prompt": "x"}
		maps.Copy(t, more)
		return map[string]any{"tasks": []any{t}}
	}
	all := func(more map[string]any) map[string]any {
		a := one(nil)
		maps.Copy(a, more)
		return a
	}
	tasks := func(n int) (list []any) {
		for i := range n {
			list = append(list, map[string]any{"task_id": strings.Repeat("i", i+1), "prompt": "x"})
		}
		return list
	}
	for _, c := range []struct {
		name string
		args map[string]any
		want string
	}{
		{"no tasks field", map[string]any{}, "tasks"},
		{"no tasks", map[string]any{"tasks": []any{}}, "tasks"},
		{"tasks are no list", map[string]any{"tasks": "all"}, "tasks"},
		{"too many tasks", map[string]any{"tasks": tasks(11)}, "max_tasks_per_run"},
		{"an id with a slash", one(map[string]any{"task_id": "../x"}), "tasks[0].task_id"},
		{"an id of dots", one(map[string]any{"task_id": ".."}), "tasks[0].task_id"},
		{"an id of 65", one(map[string]any{"task_id": strings.Repeat("x", 65)}), "tasks[0].task_id"},
		{"an empty id", one(map[string]any{"task_id": ""}), "tasks[0].task_id"},
		{"an id with a newline", one(map[string]any{"task_id": "a\nb"}), "tasks[0].task_id"},
		{"an id twice but for case", map[string]any{"tasks": []any{
			map[string]any{"task_id": "a", "prompt": "x"}, map[string]any{"task_id": "A", "prompt": "x"},
		}}, "tasks[1].task_id"},
		{"a run id with a slash", all(map[string]any{"run_id": "a/b"}), "run_id"},
		{"no prompt", one(map[string]any{"prompt": ""}), "tasks[0].prompt"},
		{"a prompt that is a number", one(map[string]any{"prompt": 7}), "tasks[0].prompt"},
		{"a timeout of 9", one(map[string]any{"timeout_sec": 9}), "tasks[0].timeout_sec"},
		{"a timeout of 601", one(map[string]any{"timeout_sec": 601}), "tasks[0].timeout_sec"},
		{"a timeout of 10.5", one(map[string]any{"timeout_sec": 10.5}), "tasks[0].timeout_sec"},
		{"a concurrency of 0", all(map[string]any{"concurrency": 0}), "concurrency"},
		{"a concurrency of 9", all(map[string]any{"concurrency": 9}), "concurrency"},
		{"a resource policy of the caller's", all(map[string]any{"resource_policy": "huge"}), "resource_policy"},
		{"a dry run of text", all(map[string]any{"dry_run": "perhaps"}), "dry_run"},
		{"an unknown field", all(map[string]any{"concurency": 2}), "concurency"},
		{"a path out of the repository", one(map[string]any{"allowed_paths": []any{"../**"}}), "allowed_paths"},
		{"an absolute path", one(map[string]any{"allowed_paths": []any{"/etc/passwd"}}), "allowed_paths"},
		{"a command with an operator", one(map[string]any{"allowed_commands": []any{"npm test && curl x"}}), "allowed_commands"},
		{"a base that names nothing", all(map[string]any{"base_ref": "no-such-branch"}), "no-such-branch"},
		{"a base that is a flag", all(map[string]any{"base_ref": "--upload-pack=touch /tmp/x"}), "base_ref"},
		{"a base that is a blob", all(map[string]any{"base_ref": "HEAD:README.md"}), "HEAD:README.md"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := *h
			h.t = t
			h.refused(s.start(c.args).raw(), c.want)
		})
	}
	if len(h.model.Requests()) > 0 {
		t.Error("the model was asked")
	}
}

func TestWhatIsMissingIsSaidWhenAskedToWork(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		spoil func(h *host)
		args  []string
		wants []string
	}{
		{"no engine", func(h *host) { h.env["DOCKER_HOST"] = "unix://" + h.t.TempDir() + "/no.sock" }, nil, []string{"no.sock", "Docker", "DOCKER_HOST"}},
		{"no such image", func(h *host) { h.configure(map[string]any{"image": "cmr-no-such-image:1"}) }, nil, []string{"cmr-no-such-image:1", "docker pull"}},
		{"no such runtime", func(h *host) { h.configure(map[string]any{"container_runtime": "runsc-no"}) }, nil, []string{"runsc-no"}},
		{"no login", func(h *host) { h.env["CODEX_API_KEY"] = "" }, nil, []string{"CODEX_API_KEY", "codex login"}},
		{"plain http to elsewhere", func(h *host) { h.env["OPENAI_BASE_URL"] = "http://example.com/v1" }, nil, []string{"OPENAI_BASE_URL", "https"}},
		{"a configuration that is no JSON", func(h *host) { h.write(".mcp-codex.json", "{") }, nil, []string{".mcp-codex.json"}},
		{"a configuration with a typo", func(h *host) { h.configure(map[string]any{"default_timout_sec": 60}) }, nil, []string{"default_timout_sec", "default_timeout_sec"}},
		{"no repository", func(h *host) { h.env["GIT_CEILING_DIRECTORIES"] = "/"; h.repo = h.t.TempDir() }, nil, []string{"git"}},
		{"a directory that is not there", func(*host) {}, []string{"--repo", "/no/such/dir"}, []string{"/no/such/dir"}},
		{"a repository without a commit", func(h *host) { h.fresh() }, nil, []string{"commit"}},
		{"a bare repository", func(h *host) { h.fresh("--bare") }, nil, []string{"bare"}},
		{"a state directory that is a file", func(h *host) {
			h.env["XDG_STATE_HOME"] = filepath.Join(h.repo, "README.md")
		}, nil, []string{"XDG_STATE_HOME"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, does("true"))
			c.spoil(h)
			s := h.serve(c.args...) // it starts and answers, whatever is missing
			r := s.start(map[string]any{"tasks": []any{map[string]any{"task_id": "t", "prompt": "x"}}}).raw()
			h.refused(r, c.wants...)
			if len(h.model.Requests()) > 0 {
				t.Error("the model was asked")
			}
		})
	}
}

// fresh makes the host's repository a new and empty one.
func (h *host) fresh(args ...string) {
	h.t.Helper()
	h.repo = filepath.Join(h.t.TempDir(), "fresh")
	h.git(filepath.Dir(h.repo), append(append([]string{"init", "-q"}, args...), h.repo)...)
}

func TestAProblemThatWasMendedIsGoneWithoutARestart(t *testing.T) {
	t.Parallel()
	h := newHost(t, does("true"))
	good, err := os.ReadFile(filepath.Join(h.repo, ".mcp-codex.json"))
	if err != nil {
		t.Fatal(err)
	}
	h.write(".mcp-codex.json", "{")
	s := h.serve()
	h.refused(s.start(three("r")).raw(), ".mcp-codex.json")
	h.write(".mcp-codex.json", string(good))
	h.before = h.snapshot()
	if got := s.start(three("r")).result(); got.Results[2].Status != "success" {
		t.Errorf("%+v", got.Results[2])
	}
}

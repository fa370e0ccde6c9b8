// Package archtest holds the house to its plan: the floors and fences of
// internal/doc.go, which it reads there, so that plan and test cannot drift. It
// parses the files itself: a test that asks `go list` is served stale from the
// test cache, which cannot see what a subprocess read.
package archtest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "github.com/codex-mcp-runner/codex-mcp-runner"

// root is the module's, seen from this package.
var root = filepath.Join("..", "..")

func plan(t *testing.T) *house {
	t.Helper()
	h, err := readHouse(filepath.Join(root, "internal", "doc.go"))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestImportsGoDownOnly(t *testing.T) {
	broken, err := check(root, module, plan(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range broken {
		t.Error(b)
	}
}

// If the plan were misread as an empty one, nothing could break it.
func TestThePlanIsRead(t *testing.T) {
	h := plan(t)
	for name, floor := range map[string]int{"task": 0, "images": 0, "sandbox": 1, "replay": 1, "runner": 2, "console": 3, "cmd": 4} {
		if got, ok := h.floor[name]; !ok || got != floor {
			t.Errorf("%s is on floor %d (listed: %t), want %d", name, got, ok, floor)
		}
	}
	if may := h.may["task"]; may == nil || len(may) > 0 {
		t.Errorf("task may import %q, want nothing", may)
	}
	if may := h.may["runner"]; !slices.Contains(may, "task") || slices.Contains(may, "sandbox") {
		t.Errorf("runner may import %q, want floor 0", may)
	}
	if diff := cmp.Diff([]string{"task", "unseen"}, h.may["console"]); diff != "" {
		t.Errorf("console (-want +got):\n%s", diff)
	}
	if h.may["cmd"] != nil {
		t.Errorf("cmd may import %q, want all", h.may["cmd"])
	}
	if diff := cmp.Diff(map[string][]string{
		"github.com/docker/docker":                    {"sandbox"},
		"github.com/mark3labs/mcp-go":                 {"mcpserver", "cmd"},
		"os/exec":                                     {"workspace", "debootstrap"},
		"github.com/testcontainers/testcontainers-go": {"tests"},
		"internal/golden":                             {"tests"},
	}, h.fence); diff != "" {
		t.Errorf("the fences (-want +got):\n%s", diff)
	}
}

func TestTheFormsThatAPlanMayTake(t *testing.T) {
	file := filepath.Join(t.TempDir(), "doc.go")
	doc := "// Package internal is a house.\n//\n" +
		"//\tfloor  package                      may import of ours\n" +
		"//\t0      task                         nothing\n" +
		"//\t       policies (at the top level)\n" +
		"//\t       codex                        task, policies\n" +
		"//\t1      policy                       floor 0 and policies\n" +
		"//\t2      cmd                          all\n" +
		"//\n// Fenced: only a imports x.org/y, and only b,\n// c and d import os/exec.\npackage internal\n"
	if err := os.WriteFile(file, []byte(doc), 0o644); err != nil {
		t.Fatal(err)
	}
	h, err := readHouse(file)
	if err != nil {
		t.Fatal(err)
	}
	want := &house{
		floor: map[string]int{"task": 0, "policies": 0, "codex": 0, "policy": 1, "cmd": 2},
		may: map[string][]string{
			"task": {}, "policies": {}, "codex": {"policies", "task"}, "policy": {"codex", "policies", "task"}, "cmd": nil,
		},
		fence: map[string][]string{"x.org/y": {"a"}, "os/exec": {"b", "c", "d"}},
	}
	if diff := cmp.Diff(want, h, cmp.AllowUnexported(house{})); diff != "" {
		t.Errorf("the plan (-want +got):\n%s", diff)
	}
}

func TestAPlanThatMakesNoSenseIsAnError(t *testing.T) {
	for name, doc := range map[string]string{
		"no table":        "// Package internal is nice.\npackage internal\n",
		"unknown package": "// Package internal\n//\n//\tfloor  package   may import of ours\n//\t0      task      attic\npackage internal\n",
	} {
		file := filepath.Join(t.TempDir(), "doc.go")
		if err := os.WriteFile(file, []byte(doc), 0o644); err != nil {
			t.Fatal(err)
		}
		if h, err := readHouse(file); err == nil {
			t.Errorf("%s: read as %+v", name, h)
		}
	}
}

// Each file of a small house that is like ours, and what is wrong with it.
func TestBadImportsAreFound(t *testing.T) {
	h := plan(t)
	own := func(pkg string) string { return `import _ "` + module + "/" + pkg + `"` }
	for _, c := range []struct{ file, code, want string }{
		{"internal/policy/a.go", own("internal/task"), ""},
		{"internal/policy/a.go", own("policies"), ""},
		{"internal/runner/a.go", own("internal/sandbox"), "runner (floor 2) may not import internal/sandbox"},
		{"internal/runner/a_test.go", own("internal/sandbox"), ""},
		{"internal/task/a.go", own("internal/config"), "task (floor 0) may not import internal/config"},
		{"internal/task/a_test.go", own("internal/policy"), "task (floor 0) may not import internal/policy"},
		{"internal/console/a.go", own("internal/config"), "console (floor 3) may not import internal/config"},
		{"internal/sandbox/deep/a.go", own("internal/gateway"), "sandbox (floor 1) may not import internal/gateway"},
		{"internal/sandbox/deep/a.go", own("internal/sandbox"), ""},
		{"internal/config/a.go", own("internal/utils"), "config (floor 0) may not import internal/utils"},
		{"cmd/x/a.go", own("internal/sandbox"), ""},
		{"integration/a.go", own("internal/sandbox"), ""},
		{"internal/utils/a.go", "", "utils has no floor in internal/doc.go"},
		{"attic/a.go", "", "attic has no floor in internal/doc.go"},

		{"internal/sandbox/a.go", `import _ "github.com/docker/docker/client"`, ""},
		{"internal/gateway/a.go", `import _ "github.com/docker/docker/client"`, "only sandbox may import github.com/docker/docker/client"},
		{"internal/gateway/a_test.go", `import _ "github.com/docker/docker/client"`, "only sandbox may import github.com/docker/docker/client"},
		{"internal/console/a.go", `import _ "github.com/mark3labs/mcp-go/mcp"`, "only mcpserver, cmd may import github.com/mark3labs/mcp-go/mcp"},
		{"cmd/x/a.go", `import _ "github.com/mark3labs/mcp-go/mcp"`, ""},
		{"internal/runner/a.go", `import _ "os/exec"`, "only workspace, debootstrap may import os/exec"},
		{"internal/runner/a_test.go", `import _ "os/exec"`, ""},
		{"cmd/x/a.go", `import _ "github.com/testcontainers/testcontainers-go/wait"`, "only tests may import github.com/testcontainers/testcontainers-go/wait"},
		{"cmd/x/a_test.go", `import _ "github.com/testcontainers/testcontainers-go"`, ""},
		{"integration/a.go", `import _ "github.com/testcontainers/testcontainers-go"`, ""},
		{"internal/policy/a.go", own("internal/golden"), "only tests may import internal/golden"},
		{"internal/policy/a_test.go", own("internal/golden"), ""},
		{"internal/config/a_test.go", own("internal/golden"), ""},
		{"internal/task/a.go", own("internal/golden"), "task (floor 0) may not import internal/golden"},
		{"cmd/x/a.go", own("internal/golden"), "only tests may import internal/golden"},
		{"cmd/x/a_test.go", own("internal/golden"), ""},
		{"integration/a.go", own("internal/golden"), ""},

		{"internal/journal/a.go", "import \"fmt\"\nfunc f() { fmt.Println() }", "fmt.Println: stdout carries MCP and the log is passed in"},
		{"internal/journal/a.go", "import out \"fmt\"\nvar p = out.Printf", "out.Printf: stdout carries MCP and the log is passed in"},
		{"internal/journal/a.go", "import \"fmt\"\nfunc f() { _ = fmt.Sprint() }", ""},
		{"internal/journal/a.go", "import \"os\"\nvar w = os.Stdout", "os.Stdout: stdout carries MCP and the log is passed in"},
		{"internal/journal/a.go", "import \"log/slog\"\nvar l = slog.Default()", "slog.Default: stdout carries MCP and the log is passed in"},
		{"internal/journal/a.go", "import \"log/slog\"\nfunc f() { slog.Info(\"x\") }", "slog.Info: stdout carries MCP and the log is passed in"},
		{"internal/journal/a.go", "import \"log/slog\"\nvar l = slog.New(slog.DiscardHandler)", ""},
		{"internal/console/a.go", "import \"os\"\nvar w = os.Stdout", ""},
		{"internal/journal/testdata/a.go", "this is no Go", ""},
		{"internal/journal/.hidden/a.go", "this is no Go", ""},
	} {
		dir := t.TempDir()
		file := filepath.Join(dir, filepath.FromSlash(c.file))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("package x\n"+c.code+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		broken, err := check(dir, module, h)
		if err != nil {
			t.Fatal(err)
		}
		want := ""
		if c.want != "" {
			want = c.file + ": " + c.want
		}
		if got := strings.Join(broken, "\n"); got != want {
			t.Errorf("%s in %s\ngot  %q\nwant %q", c.code, c.file, got, want)
		}
	}
}

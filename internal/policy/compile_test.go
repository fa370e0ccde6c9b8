package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/config"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func made() string { return "made-up" }

func oneTask(change func(*task.RequestTask)) task.Request {
	t := task.RequestTask{ID: "t", Prompt: "do it"}
	change(&t)
	return task.Request{Tasks: []task.RequestTask{t}}
}

func TestDefaultsFillWhatTheRequestLeavesOut(t *testing.T) {
	plan, err := Compile(oneTask(func(*task.RequestTask) {}), config.Default(), made)
	if err != nil {
		t.Fatal(err)
	}
	want := task.Plan{
		RunID: "made-up", BaseRef: "HEAD", Concurrency: 2, MaxRunsRetained: 20,
		Tasks: []task.Spec{{
			RunID: "made-up", ID: "t", Prompt: "do it", Model: "o4-mini", CodexCommand: "codex", Ephemeral: true,
			AllowedPaths:    []string{"src/**", "tests/**", "package.json"},
			AllowedCommands: []string{"npm test", "npm run lint", "npx tsc --noEmit"},
			AllowInspection: true, CommandPolicy: "enforce", SandboxMode: "workspace-write", Network: "deny",
			Env: map[string]string{"USER": "codex", "LANG": "C.UTF-8", "TERM": "dumb", "SHELL": "/bin/sh", "TMPDIR": "/tmp"},
			Limits: task.Limits{
				CPUs: 1, MemoryBytes: 2 << 30, Pids: 256, OpenFiles: 1024, FileBytes: 512 << 20,
				TmpBytes: 512 << 20, HomeBytes: 256 << 20, ShmBytes: 64 << 20,
			},
			Timeout: 300 * time.Second, IdleTimeout: 120 * time.Second,
			MaxPatchBytes: 1 << 20, MaxOutputBytes: 64 << 20, KeepWorktree: "never",
			DependsOn: []string{}, VerifyCommands: []string{}, Attempts: 1,
		}},
	}
	if diff := cmp.Diff(want, plan); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheRequestWinsOverTheConfiguration(t *testing.T) {
	cfg := config.Default()
	cfg.DefaultTimeoutSec = 1800
	cfg.Resources.Memory = 3 << 30
	cfg.CodexFullAuto = false
	cfg.SandboxMode = task.SandboxDangerFullAccess
	eight, sixty, three := 8, 60, 3
	req := task.Request{RunID: "r", BaseRef: "v1.0^{commit}", Concurrency: &eight, ResourcePolicy: "normal", DryRun: true, Tasks: []task.RequestTask{
		{ID: "a", Prompt: "x", AllowedPaths: []string{}, AllowedCommands: []string{"make check"}, TimeoutSec: &sixty},
		{ID: "b", Prompt: "x", DependsOn: []string{"a"}, VerifyCommands: []string{"make test && make lint"}, Image: "golang:1", Model: "gpt-5.5", Attempts: &three},
	}}
	cfg.VerifyCommands = []string{"npm test"}
	plan, err := Compile(req, cfg, func() string { t.Error("asked for a run id"); return "" })
	if err != nil {
		t.Fatal(err)
	}
	a, b := plan.Tasks[0], plan.Tasks[1]
	if plan.RunID != "r" || plan.Concurrency != 8 || !plan.DryRun || plan.BaseRef != "v1.0^{commit}" {
		t.Errorf("plan: %+v", plan)
	}
	if a.AllowedPaths == nil || len(a.AllowedPaths) != 0 {
		t.Errorf("an empty list must mean none, got %v", a.AllowedPaths)
	}
	if a.Timeout != time.Minute || b.Timeout != 30*time.Minute {
		t.Errorf("timeouts %v, %v", a.Timeout, b.Timeout)
	}
	if a.Limits.MemoryBytes != 3<<30 || a.Limits.Pids != 512 {
		t.Errorf("limits %+v", a.Limits)
	}
	if a.SandboxMode != task.SandboxReadOnly {
		t.Errorf("without full auto nothing may be written, got %s", a.SandboxMode)
	}
	if got := []any{a.VerifyCommands, a.Image, a.Model, a.Attempts, b.DependsOn, b.VerifyCommands, b.Image, b.Model, b.Attempts}; !cmp.Equal(got, []any{
		[]string{"npm test"}, "", "o4-mini", 1, []string{"a"}, []string{"make test && make lint"}, "golang:1", "gpt-5.5", 3,
	}) {
		t.Errorf("of a, then of b: %v", got)
	}
	b.AllowedCommands[0] = "changed"
	b.Env["USER"] = "changed"
	if cfg.AllowedCommands[0] == "changed" || a.Env["USER"] == "changed" {
		t.Error("specs share memory with each other or the configuration")
	}
}

func TestEveryProblemIsRefusedAtOnce(t *testing.T) {
	zero, big := 0, 601
	req := task.Request{
		RunID: "..", BaseRef: "--upload-pack=evil", Concurrency: &zero, ResourcePolicy: "huge",
		Tasks: []task.RequestTask{
			{ID: "ok", Prompt: "x", AllowedPaths: []string{"../x", "src/**"}},
			{ID: "OK", Prompt: " ", TimeoutSec: &big, AllowedCommands: []string{"npm test; evil"}},
		},
	}
	cfg := config.Default()
	cfg.Image = "UPPER:case:tag"
	cfg.DefaultAllowedPaths = []string{"/etc/**"}
	_, err := Compile(req, cfg, made)
	var got []string
	for _, r := range task.Refusals(err) {
		got = append(got, r.Where)
		if !strings.HasSuffix(r.What, ".") || !strings.HasSuffix(r.Mend, ".") {
			t.Errorf("not two sentences: %q %q", r.What, r.Mend)
		}
	}
	want := []string{
		"resource_policy", ".mcp-codex.json: default_allowed_paths[0]", ".mcp-codex.json: image",
		"run_id", "base_ref", "concurrency", "tasks[0].allowed_paths[0]",
		"tasks[1].prompt", "tasks[1].timeout_sec", "tasks[1].allowed_commands[0]", "tasks[1].task_id",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBadFieldsAreRefused(t *testing.T) {
	set := func(f func(*task.RequestTask)) task.Request { return oneTask(f) }
	prompt := func(s string) task.Request { return set(func(t *task.RequestTask) { t.Prompt = s }) }
	id := func(s string) task.Request { return set(func(t *task.RequestTask) { t.ID = s }) }
	ref := func(s string) task.Request { r := set(func(*task.RequestTask) {}); r.BaseRef = s; return r }
	path := func(p ...string) task.Request { return set(func(t *task.RequestTask) { t.AllowedPaths = p }) }
	command := func(p ...string) task.Request {
		return set(func(t *task.RequestTask) { t.AllowedCommands = p })
	}
	verify := func(p ...string) task.Request { return set(func(t *task.RequestTask) { t.VerifyCommands = p }) }
	image := func(s string) task.Request { return set(func(t *task.RequestTask) { t.Image = s }) }
	model := func(s string) task.Request { return set(func(t *task.RequestTask) { t.Model = s }) }
	attempts := func(n int) task.Request { return set(func(t *task.RequestTask) { t.Attempts = &n }) }
	timeout := func(n int) task.Request { return set(func(t *task.RequestTask) { t.TimeoutSec = &n }) }
	many := task.Request{}
	for i := range 51 {
		many.Tasks = append(many.Tasks, task.RequestTask{ID: fmt.Sprint(i), Prompt: "x"})
	}
	for name, req := range map[string]task.Request{
		"no task": {}, "51 tasks": many,
		"empty id": id(""), "dot": id("."), "dot dot": id(".."), "slash": id("a/b"), "option": id("-rf"), "long id": id(strings.Repeat("a", 65)),
		"lock": id("x.lock"), "Lock": id("x.LOCK"), "final dot": id("x."), "newline": id("a\n"), "unicode id": id("tаsk"), "NUL id": id("a\x00"),
		"empty prompt": prompt(""), "blank prompt": prompt(" \n"), "10 MB": prompt(strings.Repeat("x", 10_000_000)), "1 MiB + 1": prompt(strings.Repeat("x", 1<<20+1)),
		"not UTF-8": prompt("\xff"), "NUL": prompt("a\x00b"),
		"ref option": ref("-x"), "ref range": ref("a..b"), "ref newline": ref("a\nb"), "ref space": ref("a b"), "long ref": ref(strings.Repeat("a", 256)), "ref glob": ref("v*"), "ref not UTF-8": ref("\xff"),
		"timeout 9": timeout(9), "timeout 601": timeout(601), "timeout negative": timeout(-1),
		"empty path": path(""), "absolute": path("/etc/passwd"), "upwards": path("src/../../x"), "upwards in braces": path("{..,src}/x"), "backslash": path(`src\**`),
		"NUL path": path("a\x00"), "git": path(".git/config"), "Git": path("sub/.GIT/**"), "10,000 stars": path(strings.Repeat("*", 10_000)), "17 stars": path(strings.Repeat("*a", 17)),
		"long path": path(strings.Repeat("a", 257)), "braces": path(strings.Repeat("{a,b}", 5)), "open bracket": path("src/[a"), "open brace": path("src/{a"), "home": path("~/x"),
		"drive": path("C:/x"), "dot path": path("./src"), "double slash": path("src//x"), "newline path": path("a\nb"), "path not UTF-8": path("\xff"), "101 paths": path(slices.Repeat([]string{"a"}, 101)...),
		"empty command": command(""), "blank command": command("  "), "metacharacters": command("npm test && evil"), "substitution": command("$(evil)"), "quotes": command("npm 'test'"),
		"glob command": command("npm*"), "shell": command("bash -c"), "wrapper": command("env"), "eval": command("eval x"), "newline command": command("npm\ntest"), "look-alike": command("nрm test"),
		"long command": command(strings.Repeat("a", 257)), "assignment": command("X=1 npm"),
		"blank verify": verify("make", " "), "NUL verify": verify("a\x00"), "verify not UTF-8": verify("\xff"), "long verify": verify(strings.Repeat("a", 4097)), "21 verify": verify(slices.Repeat([]string{"a"}, 21)...),
		"image": image("UPPER:case:tag"), "image option": image("--privileged"), "model option": model("-x"), "model space": model("a b"), "long model": model(strings.Repeat("m", 129)),
		"no attempt": attempts(0), "6 attempts": attempts(6), "101 commands": command(slices.Repeat([]string{"a"}, 101)...),
	} {
		t.Run(name, func(t *testing.T) {
			plan, err := Compile(req, config.Default(), made)
			if len(task.Refusals(err)) == 0 {
				t.Fatalf("got %v, %v", plan, err)
			}
			if len(err.Error()) > 1000 {
				t.Errorf("the text has %d bytes", len(err.Error()))
			}
		})
	}
}

func TestGoodFieldsAreTaken(t *testing.T) {
	req := oneTask(func(r *task.RequestTask) {
		r.ID = "a.B_9-" + strings.Repeat("x", 58)
		r.Prompt = strings.Repeat("é", 1<<19)
		r.AllowedPaths = []string{"**", "src", "src/", "*.go", "a/{b,c}/**/*.[ch]", "größe/*", ".github/**"}
		r.AllowedCommands = []string{"npm test", "go test ./...", "make -j4 check", "./gradlew test", "bash scripts/test.sh", "npx tsc --noEmit", "python3 -m pytest"}
	})
	for _, ref := range []string{"main", "HEAD~2", "main@{1}", "feature/x", "0123abc", "größe"} {
		req.BaseRef = ref
		if _, err := Compile(req, config.Default(), made); err != nil {
			t.Errorf("%s: %v", ref, err)
		}
	}
}

func TestABadRunIDOfOurOwnIsSeen(t *testing.T) {
	if _, err := Compile(oneTask(func(*task.RequestTask) {}), config.Default(), func() string { return "../x" }); err == nil {
		t.Error("taken")
	}
}

// The worked example of the README: this repository's own configuration.
func TestThisRepositorysOwnConfigurationCompiles(t *testing.T) {
	cfg, err := config.Load("../..")
	if err != nil {
		t.Fatal(err)
	}
	plan, err := Compile(oneTask(func(*task.RequestTask) {}), cfg, made)
	if err != nil {
		t.Fatal(err)
	}
	s := plan.Tasks[0]
	rules := CommandRules{Allowed: s.AllowedCommands, Inspection: s.AllowInspection, WorkspaceDir: task.WorkspaceDir}
	for script, want := range map[string]bool{
		"go test -race ./internal/policy/ 2>&1 | tail -20": true, "gofmt -l . && go vet ./...": true, "gofmt -w internal": true,
		"go run ./cmd/x": false, "go test -exec evil ./...": false, "make test": false,
	} {
		if d := CheckCommand(rules, script); d.Allowed != want {
			t.Errorf("%s: %v %s", script, d.Allowed, d.Reason)
		}
	}
	for path, want := range map[string]bool{"internal/policy/paths.go": true, "cmd/sandbox-init/main.go": true, "go.mod": false, ".mcp-codex.json": false, ".git/config": false} {
		if AllowPath(s.AllowedPaths, path) != want {
			t.Errorf("%s: not %v", path, want)
		}
	}
}

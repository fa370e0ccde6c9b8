package policy

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/config"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// elsewise is a configuration without a default in it.
const elsewise = `{"allowed_commands":["make"],"default_allowed_paths":["lib/**"],"default_concurrency":5,"default_timeout_sec":77,
	"resource_policy":"normal","network_policy":"allow","codex_command":"cdx","codex_model":"gpt-5.5","codex_full_auto":false,
	"codex_ephemeral":false,"sandbox_mode":"danger-full-access","max_runs_retained":7,"max_tasks_per_run":1,"image":"golang:1",
	"container_runtime":"runsc","command_policy":"audit","allow_inspection":false,"verify_commands":["make test"],
	"keep_worktrees":"failed","token_budget":11,"request_budget":12,"idle_timeout_sec":13,"max_patch_bytes":2048,"max_output_bytes":70000,
	"resources":{"cpus":3.5,"memory":"3GiB","pids":99,"open_files":333,"file_bytes":"33MiB","tmp":"44MiB","home":"55MiB","shm":"66MiB"}}`

func configuredElsewise(t *testing.T) config.Config {
	t.Helper()
	cfg, err := config.Parse(config.FileName, []byte(elsewise))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// Whatever a configuration says alone, all else being the default, is seen in the
// plan, or refuses it. A new field needs a value of its own above.
func TestNoFieldOfTheConfigurationIsWithoutEffect(t *testing.T) {
	req := task.Request{Tasks: []task.RequestTask{{ID: "a", Prompt: "x"}, {ID: "b", Prompt: "x"}}}
	usual, err := Compile(req, config.Default(), made)
	if err != nil {
		t.Fatal(err)
	}
	leaves(t, "", reflect.ValueOf(configuredElsewise(t)), func(name string, at []int, value reflect.Value) {
		if name == "SchemaRef" { // is for editors
			return
		}
		cfg := config.Default()
		field := reflect.ValueOf(&cfg).Elem().FieldByIndex(at)
		if reflect.DeepEqual(field.Interface(), value.Interface()) {
			t.Errorf("%s has its default here: give it another value", name)
			return
		}
		field.Set(value)
		if plan, err := Compile(req, cfg, made); err == nil && cmp.Equal(usual, plan) {
			t.Errorf("%s has no effect", name)
		}
	})
}

// leaves visits the fields of a struct, and those of structs in it.
func leaves(t *testing.T, prefix string, v reflect.Value, visit func(name string, at []int, value reflect.Value)) {
	t.Helper()
	for i := range v.NumField() {
		name, value := prefix+v.Type().Field(i).Name, v.Field(i)
		if value.Kind() != reflect.Struct {
			visit(name, []int{i}, value)
			continue
		}
		leaves(t, name+".", value, func(name string, at []int, value reflect.Value) {
			visit(name, append([]int{i}, at...), value)
		})
	}
}

// Each lands where it belongs.
func TestAConfigurationWithoutDefaultsMakesThisPlan(t *testing.T) {
	cfg := configuredElsewise(t)
	spec := task.Spec{
		RunID: "made-up", ID: "t", Prompt: "do it", Model: "gpt-5.5", CodexCommand: "cdx", Ephemeral: false,
		AllowedPaths: []string{"lib/**"}, AllowedCommands: []string{"make"}, AllowInspection: false, CommandPolicy: "audit",
		Network: "allow", Image: "golang:1", Runtime: "runsc",
		Env: map[string]string{"USER": "codex", "LANG": "C.UTF-8", "TERM": "dumb", "SHELL": "/bin/sh", "TMPDIR": "/tmp"},
		Limits: task.Limits{
			CPUs: 3.5, MemoryBytes: 3 << 30, Pids: 99, OpenFiles: 333, FileBytes: 33 << 20,
			TmpBytes: 44 << 20, HomeBytes: 55 << 20, ShmBytes: 66 << 20,
		},
		Timeout: 77 * time.Second, IdleTimeout: 13 * time.Second,
		MaxPatchBytes: 2048, MaxOutputBytes: 70000, TokenBudget: 11, RequestBudget: 12, KeepWorktree: "failed",
		DependsOn: []string{}, VerifyCommands: []string{"make test"}, Attempts: 1,
	}
	for fullAuto, mode := range map[bool]task.SandboxMode{false: "read-only", true: "danger-full-access"} {
		cfg.CodexFullAuto, spec.SandboxMode = fullAuto, mode
		want := task.Plan{RunID: "made-up", BaseRef: "HEAD", Concurrency: 5, MaxRunsRetained: 7, Tasks: []task.Spec{spec}}
		got, err := Compile(oneTask(func(*task.RequestTask) {}), cfg, made)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("codex_full_auto %t (-want +got):\n%s", fullAuto, diff)
		}
	}
}

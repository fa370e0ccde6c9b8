package config

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func texts(err error) []string {
	var out []string
	for _, r := range task.Refusals(err) {
		out = append(out, r.Error())
	}
	return out
}

func TestProblemsAreAllToldAtOnceWithTheirPlaces(t *testing.T) {
	_, err := Parse(FileName, []byte(`{
  "default_timeout_sec": 5,
  "default_timout_sec": 60,
  "allowed_commands": ["npm test", 7, null],
  "maxRunsRetained": 3,
  "resources": {"memory": "2 potatoes", "cpu": 1, "pids": true, "tmp": 0},
  "network_policy": "deny", "network_policy": "Deny",

  "codex_full_auto": null,
  "max_patch_bytes": "1TiB",
  "zzz": {}
}`))
	want := []string{
		`.mcp-codex.json: default_timeout_sec: is 5 but must be at least 10 (line 2, column 26). Correct the value, or remove the key to use its default.`,
		`.mcp-codex.json: default_timout_sec: is not a known key (line 3, column 3). Did you mean "default_timeout_sec"?`,
		`.mcp-codex.json: allowed_commands[1]: is a number but must be a string (line 4, column 36). Correct the value, or remove the key to use its default.`,
		`.mcp-codex.json: allowed_commands[2]: is null but must be a string (line 4, column 39). Correct the value, or remove the key to use its default.`,
		`.mcp-codex.json: maxRunsRetained: is not a known key (line 5, column 3). Did you mean "max_runs_retained"?`,
		`.mcp-codex.json: resources.memory: is no size: "2 potatoes" (line 6, column 27). Write a number of bytes or a text such as "512MiB".`,
		`.mcp-codex.json: resources.cpu: is not a known key (line 6, column 41). Did you mean "cpus"?`,
		`.mcp-codex.json: resources.pids: is true or false but must be an integer (line 6, column 59). Correct the value, or remove the key to use its default.`,
		`.mcp-codex.json: resources.tmp: is 0 but must be from 1MiB to 1024GiB (line 6, column 72). Write a number of bytes or a text such as "512MiB".`,
		`.mcp-codex.json: network_policy: appears twice (line 7, column 29). Keep one of the two.`,
		`.mcp-codex.json: network_policy: is "Deny" but must be one of "deny", "allow" (line 7, column 47). Correct the value, or remove the key to use its default.`,
		`.mcp-codex.json: codex_full_auto: is null but must be true or false (line 9, column 22). Correct the value, or remove the key to use its default.`,
		`.mcp-codex.json: max_patch_bytes: is 1024GiB but must be from 1KiB to 64MiB (line 10, column 22). Write a number of bytes or a text such as "512MiB".`,
		`.mcp-codex.json: zzz: is not a known key (line 11, column 3). Known keys here: ` + strings.Join(keysAt(nil), ", ") + `.`,
	}
	if diff := cmp.Diff(want, texts(err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBadTextIsRefusedClearly(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "is empty."},
		{"blank", " \n\t", "is empty."},
		{"NULs", strings.Repeat("\x00", 40), "cannot be read as JSON: invalid character '\\x00'"},
		{"null", "null", "is null but must be an object (line 1, column 1)."},
		{"array", "[]", "is an array but must be an object"},
		{"UTF-16", "\xff\xfe{\x00}\x00", "is UTF-16."},
		{"not UTF-8", "{\"image\": \"\xff\"}", "is not valid UTF-8."},
		{"two values", "{}\n{}", "something follows the closing brace (line 2, column 1)"},
		{"cut off", `{"image": "a"`, "the text ends too early (line 1, column 14)"},
		{"trailing comma", "{\"image\": \"a\",\n}", "line 2, column 1"},
		{"comment", "{ // why\n}", "cannot be read as JSON"},
		{"deep", strings.Repeat(`[`, 500_000), "nest deeper than 16"},
		{"deep objects", strings.Repeat(`{"a":`, 100_000), "nest deeper than 16"},
		{"exponent", `{"default_concurrency": 1e999999999}`, "no exponent"},
		{"long number", `{"default_concurrency": ` + strings.Repeat("9", 100_000) + `}`, "at most 18 digits"},
		{"fraction", `{"default_concurrency": 1.5}`, "must be an integer"},
		{"number as text", `{"default_concurrency": "2"}`, "is a string but must be an integer"},
		{"many values", `{"allowed_commands": [` + strings.Repeat("1,", 100_000) + `1]}`, "more than 10000 values"},
		{"many unknown keys", func() string {
			var b strings.Builder
			for i := range 5_000 {
				b.WriteString(`"k` + strings.Repeat("x", i%40) + string(rune('a'+i%26)) + time.Duration(i).String() + `":0,`)
			}
			return "{" + b.String() + `"z":0}`
		}(), "more problems. Mend these first."},
		{"over 1 MiB", `{"image": "` + strings.Repeat("x", 1<<20) + `"}`, "larger than 1 MiB"},
		{"model is a flag", `{"codex_model": "-m"}`, `codex_model: is "-m" but must match`},
		{"command is a line", `{"codex_command": "codex; evil"}`, `codex_command: is "codex; evil" but must match`},
		{"newline at the end of a command", `{"codex_command": "codex\n"}`, `codex_command: is`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(FileName, []byte(c.text))
			if len(task.Refusals(err)) == 0 {
				t.Fatalf("got %v, want a refusal", err)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %.300q, want it to contain %q", err, c.want)
			}
			if len(err.Error()) > 64<<10 {
				t.Errorf("the text has %d bytes", len(err.Error()))
			}
		})
	}
}

func TestGoodTextIsTaken(t *testing.T) {
	for _, c := range []struct {
		name, text string
		change     func(*Config)
	}{
		{"nothing", `{}`, func(*Config) {}},
		{"byte order mark", "\ufeff{}", func(*Config) {}},
		{"$schema", `{"$schema": "./s.json"}`, func(c *Config) { c.SchemaRef = "./s.json" }},
		{"1.0 is an integer", `{"default_concurrency": 3.0}`, func(c *Config) { c.DefaultConcurrency = 3 }},
		{"an empty list is a list", `{"allowed_commands": []}`, func(c *Config) { c.AllowedCommands = []string{} }},
		{"one of many commands", `{"allowed_commands": ["make"]}`, func(c *Config) { c.AllowedCommands = []string{"make"} }},
		{"sizes", `{"resources": {"memory": "3g", "tmp": 2097152, "cpus": 0.5}, "max_patch_bytes": "2MiB"}`, func(c *Config) {
			c.Resources.Memory, c.Resources.Tmp, c.Resources.CPUs, c.MaxPatchBytes = 3*gib, 2*mib, 0.5, 2*mib
		}},
		{"edges", `{"default_concurrency": 8, "default_timeout_sec": 1800, "max_tasks_per_run": 50}`, func(c *Config) {
			c.DefaultConcurrency, c.DefaultTimeoutSec, c.MaxTasksPerRun = 8, 1800, 50
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Parse(FileName, []byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			want := Default()
			c.change(&want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDefaultsFitTheSchema(t *testing.T) {
	b, err := json.Marshal(Default())
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse(FileName, b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	a, b2 := Default(), Default()
	a.AllowedCommands[0] = "changed"
	if reflect.DeepEqual(a, b2) {
		t.Error("two defaults share a slice")
	}
}

func TestLoad(t *testing.T) {
	write := func(t *testing.T, b []byte) string {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, FileName), b, 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	t.Run("no file", func(t *testing.T) {
		got, err := Load(t.TempDir())
		if err != nil || !cmp.Equal(got, Default()) {
			t.Errorf("got %v, %v", got, err)
		}
	})
	t.Run("this repository's own", func(t *testing.T) {
		got, err := Load("../..")
		if err != nil {
			t.Fatal(err)
		}
		if cmp.Equal(got.AllowedCommands, Default().AllowedCommands) {
			t.Error("the worked example does not fit a Go repository")
		}
	})
	t.Run("100 MB", func(t *testing.T) {
		dir := write(t, nil)
		if err := os.Truncate(filepath.Join(dir, FileName), 100<<20); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a directory", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, FileName), 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); len(task.Refusals(err)) != 1 {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a pipe does not hang", func(t *testing.T) {
		dir := t.TempDir()
		if err := syscall.Mkfifo(filepath.Join(dir, FileName), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); len(task.Refusals(err)) != 1 {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a dangling link", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.Symlink("nowhere", filepath.Join(dir, FileName)); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); len(task.Refusals(err)) != 1 {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a file as directory", func(t *testing.T) {
		dir := write(t, []byte("{}"))
		_, err := Load(filepath.Join(dir, FileName))
		if len(task.Refusals(err)) != 1 || !errors.Is(err, syscall.ENOTDIR) {
			t.Errorf("got %v", err)
		}
	})
}

// What Parse takes, it takes again after a round trip; what it refuses, it
// refuses with refusals only.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1,"a":2}`, `[`, `{"resources":{"memory":"2g"}}`, "\ufeff{}", `{"default_concurrency":1.0}`, `{"max_patch_bytes":"0x1p9"}`, `{"image":"\ud800"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Parse("x", b)
		if err != nil {
			if len(task.Refusals(err)) == 0 {
				t.Fatalf("not a refusal: %v", err)
			}
			return
		}
		again, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		d, err := Parse("x", again)
		if err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		if diff := cmp.Diff(c, d); diff != "" {
			t.Fatal(diff)
		}
	})
}

//go:build integration

package clients

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// root is the repository's, from this directory.
const root = "../.."

// The release script makes a release of this very tree, tagged in a copy.
func TestARelease(t *testing.T) {
	t.Parallel()
	p := installed(t)
	h := newHost(t)
	const tag = "v1.98.7" // Go takes no v2 without a new module path
	dir := taggedCopy(t, tag)
	mcpb := p.node + " " + p.file(t, "@anthropic-ai/mcpb/dist/cli/cli.js")
	here := runtime.GOOS + "/" + runtime.GOARCH
	make := exec.CommandContext(t.Context(), ".github/release.sh", here, "darwin/arm64")
	make.Dir = dir
	make.Env = append(os.Environ(), "MCPB="+mcpb)
	if out, err := make.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	released := func(name string) string { return filepath.Join(dir, "bin/release", name) }

	t.Run("each archive holds the program of its platform, with its version", func(t *testing.T) {
		archive := released("codex-mcp-runner_" + strings.ReplaceAll(here, "/", "_") + ".tar.gz")
		out, err := exec.CommandContext(t.Context(), "tar", "-C", t.TempDir(), "-xvzf", archive).Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"codex-mcp-runner", "LICENSE", "README.md"} {
			if !slices.Contains(strings.Fields(string(out)), name) {
				t.Errorf("%s has no %s: %s", archive, name, out)
			}
		}
		if _, err := os.Stat(released("codex-mcp-runner_darwin_arm64.tar.gz")); err != nil {
			t.Error(err)
		}
	})

	t.Run("the bundle runs where Claude Desktop unpacks it", func(t *testing.T) {
		unpacked := t.TempDir()
		if _, errs, code := p.run(t, exec.Command(p.node, p.file(t, "@anthropic-ai/mcpb/dist/cli/cli.js"), "unpack", released("codex-mcp-runner.mcpb"), unpacked)); code != 0 {
			t.Fatal(errs)
		}
		config := desktopConfig(t, unpacked, map[string]string{"repository": h.repo, "api_key": ""})
		out, err := exec.CommandContext(t.Context(), config.Command, "--version").Output()
		if err != nil || !strings.Contains(string(out), tag) {
			t.Errorf("%v: %q calls itself %q", err, config.Command, out)
		}
		server := exec.CommandContext(t.Context(), config.Command, config.Args...)
		server.Env = h.environ(config.Env)
		server.Dir = "/"
		server.Stdin = strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}` + "\n" +
			`{"jsonrpc":"2.0","method":"notifications/initialized"}` + "\n" +
			`{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{}}` + "\n")
		if out, err := server.Output(); err != nil || !strings.Contains(string(out), `"version":"`+tag+`"`) || !strings.Contains(string(out), "run_codex_tasks") {
			t.Errorf("%v: the server said %s", err, out)
		}
		var manifest struct{ Tools []struct{ Name string } }
		readJSON(t, filepath.Join(unpacked, "manifest.json"), &manifest)
		named := []string{}
		for _, tool := range manifest.Tools {
			named = append(named, tool.Name)
		}
		if slices.Sort(named); !slices.Equal(named, tools) {
			t.Errorf("the manifest names the tools %q, the server has %q", named, tools)
		}
	})

	t.Run("the registry's entry is valid and names the bundle", func(t *testing.T) {
		var entry struct {
			Version  string
			Packages []struct{ Identifier, FileSHA256 string }
		}
		readJSON(t, released("server.json"), &entry)
		b, err := os.ReadFile(released("codex-mcp-runner.mcpb"))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(b)
		if len(entry.Packages) != 1 || entry.Packages[0].FileSHA256 != hex.EncodeToString(sum[:]) ||
			!strings.HasSuffix(entry.Packages[0].Identifier, "/releases/download/"+tag+"/codex-mcp-runner.mcpb") || "v"+entry.Version != tag {
			t.Errorf("%+v", entry)
		}
		validate(t, released("server.json"))
	})

	t.Run("the checksums are right", func(t *testing.T) {
		check := exec.CommandContext(t.Context(), "sha256sum", "--strict", "-c", "SHA256SUMS")
		check.Dir = filepath.Join(dir, "bin/release")
		if out, err := check.CombinedOutput(); err != nil || strings.Count(string(out), ": OK") != 3 {
			t.Errorf("%v: %s", err, out)
		}
	})
}

// taggedCopy is a clone of what would be committed now.
func taggedCopy(t *testing.T, tag string) string {
	t.Helper()
	dir := t.TempDir()
	script := `
set -e
git -C "$1" ls-files -z --cached --others --exclude-standard | (cd "$1" && xargs -0 sh -c 'for f; do [ ! -f "$f" ] || printf "%s\0" "$f"; done' sh) >"$2.files"
tar -C "$1" --null -T "$2.files" -c | tar -C "$2" -x
rm "$2.files"
git init -q -b main "$2" && cd "$2"
git add -A && git commit -q -m copy && git tag "$3"`
	c := exec.CommandContext(t.Context(), "sh", "-c", script, "sh", root, dir, tag)
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@t", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@t")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// serverConfig is how to start a server.
type serverConfig struct {
	Command string
	Args    []string
	Env     map[string]string
}

// desktopConfig is what Claude Desktop makes of an unpacked bundle: its own
// library says.
func desktopConfig(t *testing.T, dir string, user map[string]string) (config serverConfig) {
	t.Helper()
	p := installed(t)
	question, err := json.Marshal(map[string]any{"dir": dir, "user": user})
	if err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, dir: t.TempDir()}
	s := h.script(p, "desktop.mjs", map[string]any{"question": json.RawMessage(question)})
	s.next("config", &config)
	return config
}

// validate checks server.json against the registry's own schema, which comes as
// a part of its Go module.
func validate(t *testing.T, file string) {
	t.Helper()
	fetch := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", "github.com/modelcontextprotocol/registry@v1.8.7")
	fetch.Dir = t.TempDir()
	out, err := fetch.Output()
	if err != nil {
		t.Skipf("the registry's schema cannot be had: %v", err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join(module.Dir, "internal/validators/schemas/2025-12-11.json"))
	if err != nil {
		t.Fatal(err)
	}
	var entry any
	readJSON(t, file, &entry)
	if err := schema.Validate(entry); err != nil {
		t.Error(err)
	}
}

func readJSON(t *testing.T, file string, v any) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/golden"
)

// commandsOf lists a command and all below it that people see.
func commandsOf(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		if !sub.Hidden && sub.Name() != "help" && sub.Name() != "completion" {
			all = append(all, commandsOf(sub)...)
		}
	}
	return all
}

// What a stranger reads first is read by reviewers too: testdata/help has it.
func TestHelp(t *testing.T) {
	t.Setenv(waitSecondsEnv, "")
	seen := map[string]bool{}
	for _, cmd := range commandsOf(newRoot(nil)) {
		path := strings.Fields(cmd.CommandPath())[1:]
		out, code, err := execute(t, nil, append(path, "--help")...)
		if code != exitOK {
			t.Errorf("%v: code %d, %v", path, code, err)
		}
		name := strings.Join(path, "-") + ".txt"
		if len(path) == 0 {
			name = "root.txt"
		}
		seen[name] = true
		golden.Check(t, "help/"+name, out)
	}
	files, err := filepath.Glob("testdata/help/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !seen[filepath.Base(file)] {
			t.Errorf("%s is of no command", file)
		}
	}
}

// In a terminal of 100 columns no line of our own breaks.
func TestHelpFitsATerminal(t *testing.T) {
	for _, cmd := range commandsOf(newRoot(nil)) {
		for line := range strings.SplitSeq(cmd.Long+"\n"+cmd.Example, "\n") {
			if n := len([]rune(line)); n > 100 {
				t.Errorf("%s: %d columns: %s", cmd.CommandPath(), n, line)
			}
		}
	}
}

func TestWhatPrintsHasJSON(t *testing.T) {
	// serve speaks JSON-RPC, replay serves, demo shows, config prints JSON anyway.
	other := map[string]bool{"serve": true, "replay": true, "demo": true, "schema": true}
	for _, cmd := range commandsOf(newRoot(nil)) {
		if cmd.HasSubCommands() || other[cmd.Name()] {
			continue
		}
		if cmd.Flags().Lookup("json") == nil {
			t.Errorf("%s has no --json", cmd.CommandPath())
		}
	}
}

func TestBadUsage(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"rum", "did you mean run or runs?"},
		{"runs lst", `unknown command "lst"; did you mean list?`},
		{"runs frobnicate", `"codex-mcp-runner runs --help" lists them`},
		{"image bake", `unknown command "bake"`},
		{"--frobnicate", "unknown flag"},
		{"runs diff --raw --json", "none of the others can be"},
		{"runs apply", "name the run whose patches to apply"},
		{"help rum", "did you mean run or runs?"},
		{"help nonsense", `unknown command "nonsense"`},
		{"help runs lst", "did you mean list?"},
		{"run x --timeout 30", "say 30s for seconds"},
		{"run x --timeout soon", "invalid duration"},
		{"run --file /", "read /: is a directory"},
		{"runs apply r1 --branch b --checkout", "none of the others can be"},
		{"run a b", "put the prompt in quotes"},
		{"run -t a=b -f x", "none of the others can be"},
		{"review", "give one plan"},
		{"review nope.md", "no such file"},
		{"watch a b", "accepts at most 1 arg"},
		{"gc now", "unknown command"},
		{"gc --gone", "--gone goes with --all"},
		{"version now", "unknown command"},
		{"doctor --log-level loud", "want debug, info, warn or error"},
		{"serve --wait-seconds x", "invalid argument"},
	} {
		_, code, err := execute(t, strings.NewReader(""), strings.Fields(c.args)...)
		if code != exitRefused || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: code %d, %v", c.args, code, err)
		}
	}
}

func TestHelpAboutACommand(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"help", "runs", "list"}} {
		if out, code, err := execute(t, nil, args...); code != exitOK || !strings.Contains(out, "Usage:") {
			t.Errorf("%v: code %d, %v\n%s", args, code, err, out)
		}
	}
}

func TestTheWelcomeSaysHowToRegister(t *testing.T) {
	var out strings.Builder
	if err := showWelcome(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"claude mcp add codex -- ", "claude_desktop_config.json", `"env":{"CODEX_API_KEY":"sk-...","CODEX_MCP_WAIT_SECONDS":"45"}`, "doctor"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in:\n%s", want, &out)
		}
	}
}

func TestVersion(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"version", "--json"}} {
		out, code, err := execute(t, nil, args...)
		for _, want := range []string{thisBuild().Codex, thisBuild().Go, thisBuild().Arch} {
			if code != exitOK || !strings.Contains(out, want) {
				t.Errorf("%v: %v, no %s in %s", args, err, want, out)
			}
		}
	}
}

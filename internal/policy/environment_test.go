package policy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/policies"
)

func TestOnlyAllowedVariablesPass(t *testing.T) {
	got, err := Environment([]string{
		"NODE_ENV=test", "PATH=/evil", "HOME=/root", "USER=root", "LANG=de_DE.UTF-8", "TMPDIR=/var/tmp", "SHELL=/bin/zsh",
		"CODEX_API_KEY=k", "OPENAI_API_KEY=k", "GITHUB_TOKEN=t", "LD_PRELOAD=x", "node_env=x", "BROKEN", "=x", "",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"USER": "codex", "LANG": "C.UTF-8", "TERM": "dumb", "SHELL": "/bin/sh", "TMPDIR": "/tmp", "NODE_ENV": "test"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, value := range map[string]string{"newline": "a\nLD_PRELOAD=x", "escape": "\x1b[2J", "NUL": "a\x00b", "not UTF-8": "\xff", "long": strings.Repeat("x", 2000)} {
		if got, _ := Environment([]string{"NODE_ENV=" + value}); got["NODE_ENV"] != "" {
			t.Errorf("%s passed", name)
		}
	}
}

// A reviewer who lets a secret's name slip into the file is overruled.
func TestNamesThatLookLikeSecretsNeverPass(t *testing.T) {
	rules, err := policies.EnvironmentRules()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"CODEX_API_KEY", "npm_token", "Db_Password", "MY_SECRET"} {
		rules.Variables[name] = policies.Variable{From: "host"}
		rules.Variables["X"+name] = policies.Variable{From: "policy", Value: "v"}
		env := environmentBy(rules, []string{name + "=v"})
		if env[name] != "" || env["X"+name] != "" {
			t.Errorf("%s passed", name)
		}
	}
	if rules, _ := policies.EnvironmentRules(); len(rules.Variables) != 8 {
		t.Error("the rules are shared")
	}
}

package main

import (
	"strings"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/redact"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// No sandbox has the login. A patch that holds it must not pass, whatever the
// login stands in; what only looks like a secret may be a test's.
func TestTheLoginInAPatchFailsTheTask(t *testing.T) {
	const login = "sk-proj-Zq8vX2mN4bR7tY1wE5uI9oP3aS6dF0gH"
	secrets, err := redact.NewSecrets(redact.Known{Name: loginName, Value: login})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		line string
		want task.Status
		n    int
	}{
		{"+" + login, task.Failed, 1},
		{"+Authorization: Bearer " + login, task.Failed, 2},
		{"+sk-proj-" + "aaaaaaaaaaaaaaaaaaaaaaaaaaaa0", task.Success, 1},
		{" " + login, task.Success, 0},
		{"-" + login, task.Success, 0},
	} {
		v := redactor{secrets}.judge(task.Evidence{
			Spec: task.Spec{AllowedPaths: []string{"**"}}, Turn: task.Turn{Completed: true},
			Gateway: task.GatewayReport{Requests: 1},
			Changes: task.Changes{
				Applicable: true,
				Files:      []task.Change{{Path: "a", Kind: task.Modified, OldMode: 0o100644, NewMode: 0o100644}},
				Patch:      []byte("diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@\n" + c.line + "\n"),
			},
		})
		if v.Status != c.want || len(v.Findings) != c.n {
			t.Errorf("%q: %s, want %s: %+v %+v", c.line, v.Status, c.want, v.Failure, v.Findings)
		}
	}
}

// The verdict and what is shown go by the same rules.
func TestASecretIsWarnedOfAndHiddenInThePatch(t *testing.T) {
	secrets, err := redact.NewSecrets()
	if err != nil {
		t.Fatal(err)
	}
	value := "wJ7rXUt9" + "nFEMIk7MDENG" + "bPxRfiCYzQ8sLm2dVh1a"
	patch := "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1,2 +1,3 @@\n x\n+aws_secret_access_key = \"" + value + "\" # gitleaks" + ":allow\n y\n"
	v := redactor{secrets}.judge(task.Evidence{
		Spec: task.Spec{AllowedPaths: []string{"**"}}, Turn: task.Turn{Completed: true}, Gateway: task.GatewayReport{Requests: 1},
		Changes: task.Changes{
			Applicable: true, Patch: []byte(patch),
			Files: []task.Change{{Path: "a", Kind: task.Modified, OldMode: 0o100644, NewMode: 0o100644}},
		},
	})
	var warned int
	for _, f := range v.Findings {
		if f.Rule == "secret-in-patch" && f.Severity == task.SeverityWarning && strings.HasPrefix(f.Detail, "Line 6 of the patch adds") {
			warned++
		}
		if strings.Contains(f.Detail+f.Evidence, value) {
			t.Errorf("the finding tells the secret: %+v", f)
		}
	}
	if warned != 1 {
		t.Errorf("findings: %+v", v.Findings)
	}
	got := redactor{secrets}.Text(patch)
	if want := strings.Replace(patch, value, "[REDACTED:generic-api-key]", 1); got != want {
		t.Errorf("got %s", got)
	}
}

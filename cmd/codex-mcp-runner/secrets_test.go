package main

import (
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

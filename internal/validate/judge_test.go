package validate_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/validate"
	"github.com/google/go-cmp/cmp"
)

// rules are plain enough to predict and of the same form as the real ones:
// patterns are prefixes, commands are allowed by their first word.
func rules() validate.Rules {
	return validate.Rules{
		Path: func(patterns []string, path string) bool {
			return slices.ContainsFunc(patterns, func(p string) bool { return strings.HasPrefix(path, p) })
		},
		Command: func(spec task.Spec, script string) (bool, string) {
			word, _, _ := strings.Cut(script, " ")
			if slices.Contains(spec.AllowedCommands, word) {
				return true, ""
			}
			return false, word + " is not allowed"
		},
		Script: func(cmd string) (string, bool) {
			script, ok := strings.CutPrefix(cmd, "/bin/bash -lc '")
			return strings.TrimSuffix(script, "'"), ok
		},
	}
}

// file is a changed file of the usual kind.
func file(path string) task.Change {
	return task.Change{Path: path, Kind: task.Modified, OldMode: 0o100644, NewMode: 0o100644}
}

func link(path, target string) task.Change {
	return task.Change{Path: path, Kind: task.Added, NewMode: 0o120000, LinkTarget: target}
}

// judged is a finding, short enough for a table.
type judged struct {
	Severity       task.Severity
	Rule, Evidence string
}

func judge(ev task.Evidence) []judged {
	short := []judged{}
	for _, f := range validate.Judge(ev, rules()) {
		short = append(short, judged{f.Severity, f.Rule, f.Evidence})
	}
	return short
}

const (
	info    = task.SeverityInfo
	warning = task.SeverityWarning
	bad     = task.SeverityError
)

func TestEachRuleFindsWhatItIsForAndNothingElse(t *testing.T) {
	changes := func(files ...task.Change) task.Evidence {
		return task.Evidence{
			Spec:    task.Spec{AllowedPaths: []string{""}},
			Changes: task.Changes{Files: files, Patch: []byte("diff"), Applicable: true},
		}
	}
	only := func(path string, files ...task.Change) task.Evidence {
		ev := changes(files...)
		ev.Spec.AllowedPaths = []string{path}
		return ev
	}
	ran := func(policy task.CommandPolicy, cmds ...string) task.Evidence {
		ev := task.Evidence{Spec: task.Spec{CommandPolicy: policy, AllowedCommands: []string{"npm"}}}
		for _, c := range cmds {
			ev.Turn.Commands = append(ev.Turn.Commands, task.Command{Cmd: c})
		}
		return ev
	}

	for _, c := range []struct {
		name string
		ev   task.Evidence
		want []judged
	}{
		{"nothing happened", task.Evidence{}, []judged{}},
		{"a change where it may be", only("src/", file("src/a.go")), []judged{}},
		{"a change where it may not be", only("src/", file("srcx/a.go")), []judged{{bad, "path-not-allowed", "srcx/a.go"}}},
		{
			"a file taken from where the task may not write", only("src/",
				task.Change{Path: "src/a", OldPath: "doc/a", Kind: task.Renamed, OldMode: 0o100644, NewMode: 0o100644}),
			[]judged{{bad, "path-not-allowed", "doc/a"}},
		},
		{
			"a file put where the task may not write", only("src/",
				task.Change{Path: "doc/a", OldPath: "src/a", Kind: task.Renamed, OldMode: 0o100644, NewMode: 0o100644}),
			[]judged{{bad, "path-not-allowed", "doc/a"}},
		},
		{
			"a deletion where the task may not write", only("src/", task.Change{Path: "doc/a", Kind: task.Deleted, OldMode: 0o100644}),
			[]judged{{bad, "path-not-allowed", "doc/a"}},
		},

		{"an allowed command", ran(task.CommandEnforce, "/bin/bash -lc 'npm test'"), []judged{}},
		{
			"a command past the guard, twice", ran(task.CommandEnforce, "/bin/bash -lc 'curl x'", "/bin/bash -lc 'curl x'"),
			[]judged{{bad, "command-not-allowed", "/bin/bash -lc 'curl x'"}},
		},
		{
			"a command that is only audited", ran(task.CommandAudit, "/bin/bash -lc 'curl x'"),
			[]judged{{warning, "command-not-allowed", "/bin/bash -lc 'curl x'"}},
		},
		{
			"a command without a shell around it", ran(task.CommandEnforce, "npm test"),
			[]judged{{bad, "command-not-allowed", "npm test"}},
		},
		{"an unknown command policy is the strict one", ran("", "curl x"), []judged{{bad, "command-not-allowed", "curl x"}}},

		{"a submodule", changes(task.Change{Path: "lib", Kind: task.Added, NewMode: 0o160000}), []judged{{bad, "gitlink", "lib"}}},
		{
			"a submodule moved to another commit", changes(task.Change{Path: "lib", Kind: task.Modified, OldMode: 0o160000, NewMode: 0o160000}),
			[]judged{{bad, "gitlink", "lib"}},
		},
		{"a submodule taken away", changes(task.Change{Path: "lib", Kind: task.Deleted, OldMode: 0o160000}), []judged{{warning, "gitlink", "lib"}}},

		{"a file made executable", changes(task.Change{Path: "a", Kind: task.Modified, OldMode: 0o100644, NewMode: 0o100755}), []judged{{info, "mode-change", "a"}}},
		{"a file made plain", changes(task.Change{Path: "a", Kind: task.Modified, OldMode: 0o100755, NewMode: 0o100644}), []judged{{info, "mode-change", "a"}}},
		{"a new executable", changes(task.Change{Path: "a", Kind: task.Added, NewMode: 0o100755}), []judged{{info, "mode-change", "a"}}},
		{"a setuid file", changes(task.Change{Path: "a", Kind: task.Added, NewMode: 0o104755}), []judged{{bad, "mode-change", "a"}}},
		{"a file that became a symlink", changes(task.Change{Path: "a", Kind: task.TypeChanged, OldMode: 0o100644, NewMode: 0o120000, LinkTarget: "b"}), []judged{{info, "mode-change", "a"}}},

		{"two names that differ in case", changes(file("Readme"), file("README")), []judged{{bad, "case-collision", "README"}}},
		{
			"two directories that differ in case", changes(file("Src/a"), file("src/b"), file("src/c")),
			[]judged{{bad, "case-collision", "src/b"}, {bad, "case-collision", "src/c"}},
		},
		{"a directory and a symlink that differ in case", changes(link("A", "b"), file("a/x")), []judged{{bad, "case-collision", "a/x"}}},
		{"two ways to write an accent", changes(file("caf\u00e9"), file("cafe\u0301")), []judged{{bad, "case-collision", "cafe\u0301"}}},
		{"a sharp s", changes(file("stra\u00dfe"), file("STRASSE")), []judged{{bad, "case-collision", "STRASSE"}}},
		{"a change of case alone", changes(task.Change{Path: "README", Kind: task.Deleted, OldMode: 0o100644}, file("readme")), []judged{}},

		{"an escape sequence in a name", changes(file("a\x1b[2Jb")), []judged{{warning, "odd-name", "a\x1b[2Jb"}}},
		{"a name that reads backwards", changes(file("a\u202efdp.exe")), []judged{{warning, "odd-name", "a\u202efdp.exe"}}},
		{"a name with nothing in it", changes(file("a\u200bb")), []judged{{warning, "odd-name", "a\u200bb"}}},
		{"a name that is no UTF-8", changes(file("a\xff")), []judged{{warning, "odd-name", "a\xff"}}},
		{"a name with an empty braille cell", changes(file("a\u2800b")), []judged{{warning, "odd-name", "a\u2800b"}}},
		{"a name in another script", changes(file("文書/日本.md")), []judged{}},

		{"a file in .git", changes(file(".git/hooks/post-checkout")), []judged{{bad, "git-dir", ".git/hooks/post-checkout"}}},
		{"a file in .git of HFS+", changes(file("x/.g\u200cIt/config")), []judged{{bad, "git-dir", "x/.g\u200cIt/config"}, {warning, "odd-name", "x/.g\u200cIt/config"}}},
		{
			"a file in .git of NTFS", changes(file("GIT~1/config"), file(".git. ./config"), file(".git::$INDEX_ALLOCATION/config"), file(`.git\hooks`)),
			[]judged{
				{bad, "git-dir", "GIT~1/config"},
				{bad, "git-dir", ".git. ./config"},
				{bad, "git-dir", ".git::$INDEX_ALLOCATION/config"},
				{bad, "git-dir", `.git\hooks`},
			},
		},
		{"names near .git", changes(file(".gitignore"), file("x.git/a"), file("git/a")), []judged{}},

		{"a patch that does not apply", task.Evidence{
			Spec:    task.Spec{AllowedPaths: []string{""}},
			Changes: task.Changes{Files: []task.Change{file("a")}, ApplyLog: "error: a:\n  no"},
		}, []judged{{bad, "patch-does-not-apply", "error: a: no"}}},
		{"a patch one byte too large", task.Evidence{
			Spec:    task.Spec{AllowedPaths: []string{""}, MaxPatchBytes: 3},
			Changes: task.Changes{Files: []task.Change{file("a")}, Patch: []byte("diff"), Applicable: true},
		}, []judged{{bad, "patch-too-large", ""}}},
		{"a patch as large as it may be", task.Evidence{
			Spec:    task.Spec{AllowedPaths: []string{""}, MaxPatchBytes: 4},
			Changes: task.Changes{Files: []task.Change{file("a")}, Patch: []byte("diff"), Applicable: true},
		}, []judged{}},

		{
			"a process killed in a turn that completed",
			task.Evidence{Turn: task.Turn{Completed: true}, Exit: task.Exit{OOMKilled: true}, Gateway: task.GatewayReport{Requests: 1}},
			[]judged{{warning, "memory-limit", ""}},
		},
		{"a turn killed", task.Evidence{Exit: task.Exit{OOMKilled: true}}, []judged{}},
		{"a warning of Codex", task.Evidence{Turn: task.Turn{Warnings: []string{"Model metadata not found"}}}, []judged{{info, "codex-warning", ""}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, judge(c.ev)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSensitiveFiles(t *testing.T) {
	for _, c := range []struct {
		path string
		want bool
	}{
		{".github/workflows/ci.yml", true},
		{".GitHub/Workflows/ci.yml", true},
		{".github/ISSUE_TEMPLATE.md", false},
		{"tools/action.yml", true},
		{".gitlab-ci.yml", true},
		{".mcp-codex.json", true},
		{"docs/.mcp-codex.json", false}, // only the one at the root is read
		{"AGENTS.md", true},
		{"pkg/deep/CLAUDE.md", true},
		{".claude/settings.json", true},
		{"sub/.claude/skills/x/SKILL.md", true},
		{".claude", true}, // a symlink in its place
		{".codex/config.toml", true},
		{".mcp.json", true},
		{".husky/pre-commit", true},
		{"sub/.gitattributes", true},
		{".gitmodules", true},
		{".gitignore", false},
		{".envrc", true},
		{".vscode/tasks.json", true},
		{".vscode/extensions.json", false},
		{".npmrc", true},
		{"package.json", false},
		{"crates/a/build.rs", true},
		{"src/main.go", false},
	} {
		ev := task.Evidence{
			Spec:    task.Spec{AllowedPaths: []string{""}},
			Changes: task.Changes{Files: []task.Change{file(c.path)}, Patch: []byte("diff"), Applicable: true},
		}
		want := []judged{}
		if c.want {
			want = []judged{{warning, "sensitive-file", c.path}}
		}
		if diff := cmp.Diff(want, judge(ev)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.path, diff)
		}
	}
}

func TestSensitiveFileIsSeenWhereItWasMovedFrom(t *testing.T) {
	ev := task.Evidence{
		Spec: task.Spec{AllowedPaths: []string{""}},
		Changes: task.Changes{Applicable: true, Files: []task.Change{
			{Path: "old.yml", OldPath: ".github/workflows/ci.yml", Kind: task.Renamed, OldMode: 0o100644, NewMode: 0o100644},
		}},
	}
	if diff := cmp.Diff([]judged{{warning, "sensitive-file", ".github/workflows/ci.yml"}}, judge(ev)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestScriptsThatNpmRunsOnInstall(t *testing.T) {
	for _, c := range []struct {
		line string
		want int
	}{
		{`+    "postinstall": "node x.js",`, 1},
		{`+  "scripts": {"preinstall":"x"},`, 1},
		{`+    "prepare" : "husky",`, 1},
		{`-    "postinstall": "node x.js",`, 0},
		{`     "postinstall": "node x.js",`, 0},
		{`+    "test": "jest",`, 0},
	} {
		ev := task.Evidence{
			Spec:    task.Spec{AllowedPaths: []string{""}},
			Changes: task.Changes{Files: []task.Change{file("web/package.json")}, Patch: []byte("@@ -1 +1 @@\n" + c.line + "\n"), Applicable: true},
		}
		if got := len(judge(ev)); got != c.want {
			t.Errorf("%s gave %d findings, want %d", c.line, got, c.want)
		}
	}
}

func TestFindingsOfOthersKeepTheirPlaceAndNothingIsNil(t *testing.T) {
	ev := task.Evidence{
		Spec:    task.Spec{AllowedPaths: []string{"src/"}},
		Changes: task.Changes{Files: []task.Change{file("x")}, Applicable: true, Findings: []task.Finding{{Rule: "special-file"}}},
		Gateway: task.GatewayReport{Findings: []task.Finding{{Rule: "hosted-tool"}}},
		Turn:    task.Turn{Warnings: []string{"w"}},
	}
	var order []string
	for _, f := range validate.Judge(ev, rules()) {
		order = append(order, f.Rule)
	}
	if diff := cmp.Diff([]string{"special-file", "path-not-allowed", "hosted-tool", "codex-warning"}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if validate.Judge(task.Evidence{}, rules()) == nil {
		t.Error("no findings must be an empty list, not null, in JSON")
	}
}

// What the sandbox chose must not be able to forge a line or move a cursor in
// what a person reads.
func TestDetailsShowNothingRaw(t *testing.T) {
	nasty := "a\nFAKE: all good\x1b[2K\u202e\xff"
	ev := task.Evidence{
		Spec: task.Spec{AllowedPaths: []string{"src/"}},
		Changes: task.Changes{Files: []task.Change{
			link(nasty, "/"+nasty),
			{Path: nasty + "2", OldPath: nasty + "3", Kind: task.Renamed, OldMode: 0o100644, NewMode: 0o104644},
		}, ApplyLog: nasty},
		Turn: task.Turn{Completed: true, Warnings: []string{nasty}, Commands: []task.Command{{Cmd: nasty, ExitCode: 1}}},
	}
	findings := validate.Judge(ev, rules())
	texts := validate.Sentences(ev, findings, rules())
	for _, f := range findings {
		texts = append(texts, f.Detail)
	}
	status, failure := validate.Conclude(ev, findings)
	texts = append(texts, failure.Message, failure.Hint, validate.Notes(ev, findings, status, failure, rules()))
	_, failure = validate.Conclude(task.Evidence{Turn: task.Turn{Failed: nasty}}, nil)
	texts = append(texts, failure.Message)
	_, failure = validate.Conclude(task.Evidence{
		Gateway: task.GatewayReport{LastError: nasty}, Stopped: task.Stop{Kind: task.FailIdle, Detail: nasty},
	}, nil)
	texts = append(texts, failure.Message)
	for _, s := range texts {
		if !utf8.ValidString(s) || strings.ContainsAny(s, "\n\x1b\u202e") || !strings.ContainsAny(s, ".…") {
			t.Errorf("not fit to be shown: %q", s)
		}
	}
	if len(texts) < 12 {
		t.Errorf("only %d texts were looked at", len(texts))
	}
}

package codex_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/codex"
)

// What the real Codex asks its hook, for every kind of tool.
func TestDecodeRecordedHooks(t *testing.T) {
	names, err := filepath.Glob("testdata/hooks/*.jsonl")
	if err != nil || len(names) == 0 {
		t.Fatalf("no recorded hooks: %v", err)
	}
	for _, name := range names {
		base := strings.TrimSuffix(filepath.Base(name), ".jsonl")
		t.Run(base, func(t *testing.T) {
			var calls []codex.HookCall
			for line := range bytes.Lines(read(t, name)) {
				call, err := codex.DecodeHook(line)
				if err != nil {
					t.Fatal(err)
				}
				calls = append(calls, call)
			}
			goldenJSON(t, "hooks/"+base+".want.json", calls)
		})
	}
}

// A guard that cannot tell what is asked must find out, not guess.
func TestDecodeHookRefusesWhatItDoesNotUnderstand(t *testing.T) {
	for _, in := range []string{
		"", "{", "null", "[]", `"x"`,
		`{"tool_name":"Bash","tool_input":{"command":"ls"}}`,
		`{"hook_event_name":"PostToolUse","tool_name":"Bash","tool_input":{"command":"ls"}}`,
		`{"hook_event_name":"PreToolUse","tool_input":{"command":"ls"}}`,
		`{"hook_event_name":"PreToolUse","tool_name":"Bash"}`,
		`{"hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{}}`,
		`{"hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":null}}`,
		`{"hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":["ls"]}}`,
		`{"hook_event_name":"PreToolUse","tool_name":"apply_patch","tool_input":"x"}`,
		`{"hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":"ls"}} {}`,
	} {
		if call, err := codex.DecodeHook([]byte(in)); err == nil {
			t.Errorf("%s gave %+v", in, call)
		}
	}
}

func TestHookAnswers(t *testing.T) {
	if got := codex.HookAllow(); len(got) != 0 {
		t.Errorf("allow is %q", got)
	}
	reason := "not \"here\"\n</script>\xff"
	var got map[string]map[string]string
	if err := json.Unmarshal(codex.HookDeny(reason), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]map[string]string{"hookSpecificOutput": {
		"hookEventName": "PreToolUse", "permissionDecision": "deny",
		"permissionDecisionReason": strings.ToValidUTF8(reason, "\ufffd"),
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPatchPaths(t *testing.T) {
	tests := []struct {
		name, patch string
		want        []string
	}{
		{"none", "", nil},
		{"every kind", "*** Begin Patch\n*** Add File: a\n+x\n*** Update File: b\n*** Move to: c\n@@\n-x\n+y\n*** Delete File: d\n*** End Patch\n", []string{"a", "b", "c", "d"}},
		{"each once", "*** Update File: a\n*** Update File: a\n", []string{"a"}},
		{"in a shell", "apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: a b\n+x\n*** End Patch\nEOF", []string{"a b"}},
		{"CRLF", "*** Add File: a\r\n+x\r\n", []string{"a"}},
		// The real Codex writes these files; a guard that saw others could be fooled.
		{"behind white space", " *** Add File: a\n\t*** Delete File: b\n\u00a0*** Add File: c\n", []string{"a", "b", "c"}},
		{"a name that begins with a space", "*** Add File:  a\n*** Move to:  b\n", []string{" a", " b"}},
		{"blanks after a name", "*** Add File: a \t\n", []string{"a"}},
		{"tabs and returns vanish from names", "*** Add File: a\tb\n*** Add File: ok/\t../../c\n*** Add File: d\r\re\r\n", []string{"ab", "ok/../../c", "de"}},
		{"other line ends are no line ends", "*** Add File: a\u2028b\vc\n", []string{"a\u2028b\vc"}},
		{"nothing is decoded", "*** Add File: %2e%2e/~/\"$HOME\"\n", []string{"%2e%2e/~/\"$HOME\""}},
		// And takes these for no headers.
		{"no headers", "*** Add File:a\n***Add File: a\n*** add file: a\n*** Add\r File: a\n+*** Add File: a\n-*** Add File: a\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, codex.PatchPaths(tt.patch)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// FuzzPatchPaths: a header in a patch is found, whatever stands around it.
func FuzzPatchPaths(f *testing.F) {
	f.Add("*** Begin Patch\n+x", "\n*** End Patch")
	f.Fuzz(func(t *testing.T, before, after string) {
		found := false
		for _, p := range codex.PatchPaths(before + "\n*** Delete File: the/target\n" + after) {
			found = found || p == "the/target"
			if strings.ContainsAny(p, "\n\r\t") {
				t.Errorf("%q cannot be a name of Codex's", p)
			}
		}
		if !found {
			t.Error("the file that is deleted is not among the paths")
		}
	})
}

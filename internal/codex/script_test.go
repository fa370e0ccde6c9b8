package codex_test

import (
	"strings"
	"testing"

	"mvdan.cc/sh/v3/syntax"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/codex"
)

func TestScript(t *testing.T) {
	tests := []struct{ in, want string }{
		// As Codex 0.169 printed them.
		{`/bin/bash -lc 'npm test'`, "npm test"},
		{`/bin/bash -c ls`, "ls"},
		{`/bin/bash -lc pwd`, "pwd"},
		{`/bin/bash -lc "bash -c 'date'"`, "bash -c 'date'"},
		{`/bin/bash -lc "echo 'a b' \"c\" "'$HOME'`, `echo 'a b' "c" $HOME`},
		{`/usr/bin/bash -c "echo 'a b' \"c\" \""'$HOME"; exit 3'`, `echo 'a b' "c" "$HOME"; exit 3`},
		{"/bin/bash -lc 'echo a\necho b'", "echo a\necho b"},
		{"/bin/bash -lc \"cat <<'E'\nx\nE\"", "cat <<'E'\nx\nE"},
		{`/usr/bin/sh -c pwd`, "pwd"},
		{`/bin/zsh -lc 'echo hi; ls'`, "echo hi; ls"},
		// What the quoting allows besides.
		{`bash -c ''`, ""},
		{`bash -c a\ b`, "a b"},
		{`bash -c "\a\$\\"`, `\a$\`},
		{`bash -c a;b`, "a;b"},
		{"bash -c \"a\\\nb\"", "ab"},
	}
	for _, tt := range tests {
		if got, ok := codex.Script(tt.in); !ok || got != tt.want {
			t.Errorf("%s\ngave %q, %v\nwant %q", tt.in, got, ok, tt.want)
		}
	}
	for _, in := range []string{
		"", "ls", "npm test", "bash", "bash -c", "bash -x ls", "bash -lc a b", "bash -lc 'a' 'b'",
		"python -c print", "/bin/bash-static -c ls", "bash --norc -c ls", "env bash -c ls",
		"bash -c 'a", `bash -c "a`, `bash -c "a\`, `bash -c a\`, `bash -c "a\"`,
	} {
		if got, ok := codex.Script(in); ok {
			t.Errorf("%q is no wrapper, gave %q", in, got)
		}
	}
}

// FuzzScript: whatever a script is and however it is quoted, it comes back.
func FuzzScript(f *testing.F) {
	f.Add("npm test", uint64(0))
	f.Add(`echo 'a b' "c" $HOME`, uint64(0b10_01_11_00))
	f.Add("a'b\"c\\d`e$f\n\xff", uint64(12345))
	f.Fuzz(func(t *testing.T, script string, styles uint64) {
		line := "/bin/bash -lc " + quote(script, styles)
		if got, ok := codex.Script(line); !ok || got != script {
			t.Errorf("%q\ngave %q, %v\nwant %q", line, got, ok, script)
		}
		if quoted, err := syntax.Quote(script, syntax.LangPOSIX); err == nil {
			if got, ok := codex.Script("sh -c " + quoted); !ok || got != script {
				t.Errorf("%q\ngave %q, %v\nwant %q", quoted, got, ok, script)
			}
		}
		_, _ = codex.Script(script) // must only not panic
	})
}

// quote writes s as one POSIX word, byte by byte in one of three styles.
func quote(s string, styles uint64) string {
	if s == "" {
		return "''"
	}
	var b strings.Builder
	for i := range len(s) {
		c := s[i : i+1]
		switch style := styles >> (2 * (i % 32)) & 3; {
		case c == "\n":
			b.WriteString("'\n'")
		case style == 0 && c != "'":
			b.WriteString("'" + c + "'")
		case style == 1 && strings.Contains("$`\"\\", c):
			b.WriteString(`"\` + c + `"`)
		case style == 1:
			b.WriteString(`"` + c + `"`)
		default:
			b.WriteString(`\` + c)
		}
	}
	return b.String()
}

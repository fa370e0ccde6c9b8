package policy

import (
	"strings"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/folding"
)

func TestAllowPath(t *testing.T) {
	for _, c := range []struct {
		patterns, path string
		want           bool
	}{
		{"src/**", "src/a.go", true},
		{"src/**", "src/deep/er/a.go", true},
		{"src/**", "src", true}, // a file where the directory was
		{"src/**", "srcs/a.go", false},
		{"src/**", "other/src/a.go", false},
		{"src/*", "src/a.go", true},
		{"src/*", "src/deep/a.go", false},
		{"src", "src", true},
		{"src", "src/deep/a.go", true},
		{"src", "src2/a.go", false},
		{"src/", "src/deep/a.go", true},
		{"src/", "src", true},
		{"pkg/*/", "pkg/a/deep/x", true},
		{"**", "any/thing", true},
		{"**", ".github/workflows/ci.yml", true},
		{"*", ".env", true},
		{"**/*.go", "a.go", true},
		{"**/*.go", "x/y/a.go", true},
		{"**/*.{ts,tsx}", "x/a.tsx", true},
		{"src/[a-c].go", "src/b.go", true},
		{"src/[!a-c].go", "src/b.go", false},
		{"package.json", "package.json", true},
		{"package.json", "sub/package.json", false},
		{"Src/**", "src/a.go", false},
		{"src/**", "SRC/a.go", false},
		{"src/**", "src/a b\n\"c\".go", true},
		{"src/**", "src/\xff\xfe.go", true},
		{"größe/**", "größe/a", true},

		{"**", ".git", false},
		{"**", ".git/config", false},
		{"**", "sub/.GIT/hooks/pre-commit", false},
		{"**", "sub/.git\u200b/config", false},
		{"**", ".git./config", false},
		{"**", "GIT~1/config", false},
		{"**", `.git\hooks`, false},
		{"git~1/**", "git~1/config", false},
		{"**", ".gitignore", true},
		{"**", "", false},
		{"**", "/etc/passwd", false},
		{"**", "src/../../etc/passwd", false},
		{"src/**", "src/../package.json", false},
		{"**", "./a", false},
		{"**", "a//b", false},
		{"**", "a/", false},
		{"**", "a\x00b", false},
		{"", "a", false},
		{"../**", "a", false},
		{strings.Repeat("*", 10_000), "a", false}, // refused at the door; here it must not match either
	} {
		if got := AllowPath([]string{"never/this", c.patterns}, c.path); got != c.want {
			t.Errorf("AllowPath(%.40q, %q) = %v", c.patterns, c.path, got)
		}
	}
	if AllowPath(nil, "a") {
		t.Error("no pattern allows nothing")
	}
}

// What is exponential here does not end within the patience of go test.
func TestTheWorstPatternEnds(t *testing.T) {
	deep := strings.Repeat("a/", 2000) + "b"
	long := strings.Repeat("a", 4000)
	for _, p := range []string{
		strings.Repeat("**/", 8) + "c",
		strings.Repeat("**/a/", 8) + "c",
		strings.Repeat("*a", 16) + "c",
		strings.Repeat("{*a,*aa,*aaa,*aaaa}", 4) + "c",
		strings.Repeat("{**/a,**/a/a}/", 4) + "c",
		"{{{{a,*a},*aa},*aaa},*aaaa}" + strings.Repeat("*a", 10) + "c",
		"**/{**/a,**/a/a,**/{a,**/a}}/**/*a/**/c",
	} {
		for _, name := range []string{deep, long} {
			if AllowPath([]string{p}, name) {
				t.Errorf("%s matched", p)
			}
		}
	}
}

// A pattern that the door lets in never allows a path that leaves the tree or
// enters .git, and does not fail.
func FuzzAllowPath(f *testing.F) {
	f.Add("src/**", "src/a")
	f.Add("{a,b}/*", "../a")
	f.Add("[!a]*", ".git/x")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if !AllowPath([]string{pattern}, name) {
			return
		}
		if patternProblem(pattern) != "" {
			t.Errorf("%q is refused at the door and matches", pattern)
		}
		for part := range strings.SplitSeq(name, "/") {
			if part == "" || part == "." || part == ".." || folding.IsDotGit(part) {
				t.Errorf("%q allows %q", pattern, name)
			}
		}
		if !AllowPath([]string{"**"}, name) {
			t.Errorf("** does not allow %q", name)
		}
	})
}

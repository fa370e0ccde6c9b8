package policy

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"mvdan.cc/sh/v3/syntax"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/golden"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

type tableLine struct {
	line   int
	rules  CommandRules
	script string
	want   bool
}

// readTable reads testdata/commands.txt, which describes itself.
func readTable(t testing.TB) []tableLine {
	t.Helper()
	b, err := os.ReadFile("testdata/commands.txt")
	if err != nil {
		t.Fatal(err)
	}
	rules := CommandRules{Inspection: true, WorkspaceDir: task.WorkspaceDir}
	var all []tableLine
	lines := bufio.NewScanner(bytes.NewReader(b))
	for n := 1; lines.Scan(); n++ {
		kind, text, _ := strings.Cut(lines.Text(), " ")
		switch kind {
		case "", "#":
		case "rules:":
			rules.Allowed = nil
			for p := range strings.SplitSeq(text, "|") {
				if p := strings.TrimSpace(p); p != "" {
					rules.Allowed = append(rules.Allowed, p)
				}
			}
		case "inspection:":
			rules.Inspection = text != "off"
		case "+", "-":
			if unquoted, err := strconv.Unquote(text); err == nil && strings.HasPrefix(text, `"`) {
				text = unquoted
			}
			all = append(all, tableLine{n, rules, text, kind == "+"})
		default:
			t.Fatalf("testdata/commands.txt:%d: cannot read %q", n, lines.Text())
		}
	}
	return all
}

func TestCommandTable(t *testing.T) {
	table := readTable(t)
	if len(table) < 200 {
		t.Fatalf("the table has %d lines", len(table))
	}
	var said strings.Builder
	for _, l := range table {
		got := CheckCommand(l.rules, l.script)
		if got.Allowed != l.want {
			t.Errorf("commands.txt:%d: %q: allowed is %v, reason %q", l.line, l.script, got.Allowed, got.Reason)
		}
		if got.Allowed != (got.Reason == "") || len(got.Reason) > 900 {
			t.Errorf("commands.txt:%d: %q: the reason has %d bytes: %q", l.line, l.script, len(got.Reason), got.Reason)
		}
		fmt.Fprintf(&said, "%q\n", l.script)
		if got.Allowed {
			said.WriteString("  ALLOW\n")
		} else {
			fmt.Fprintf(&said, "  REFUSE %q: %s\n", got.Command, got.Reason)
		}
	}
	golden.Check(t, "commands.golden", said.String())
}

// What is quadratic or worse in a script does not end within the patience of go
// test: BenchmarkTheWorstScript has the figures.
func TestTheWorstScriptEnds(t *testing.T) {
	for _, s := range worstScripts() {
		CheckCommand(worstRules, s)
	}
}

func BenchmarkTheWorstScript(b *testing.B) {
	for _, s := range worstScripts() {
		b.Run(fmt.Sprintf("%.10q", s), func(b *testing.B) {
			for b.Loop() {
				CheckCommand(worstRules, s)
			}
		})
	}
}

var worstRules = CommandRules{Allowed: []string{"npm test"}, Inspection: true, WorkspaceDir: task.WorkspaceDir}

// worstScripts are as long as a script may be, and each is made to keep one part
// of the parser or of the rules busy.
func worstScripts() []string {
	unit := func(s string) string { return strings.Repeat(s, maxScript/len(s)) }
	return []string{
		unit("("), unit("(("), unit("$("), unit("$(("), unit("`"), unit("\"$("), unit("${x:-"), unit("{ "), unit("if "),
		unit("ls|"), unit("ls;"), unit("ls&&"), unit("<<a "), unit("<<a\n"), unit("\\\n"), unit("a["), unit("[[ -f "),
		unit("{a,"), unit("#\n"), unit("! "), unit("'\"`"), unit("case x in "), unit("(( \")\" "), unit("( \")\" ; "), unit("$(( \"))\" "), unit("x() "), unit("for ((;;"),
		"sed -n " + unit("1p;")[:60000], "ls " + unit("*")[:60000], "ls " + unit("\\a")[:60000],
		strings.Repeat("x", 10_000_000),
	}
}

// What is allowed holds none of the forbidden constructs, is still allowed when
// it is printed again, and no more so with an evil command behind it.
func FuzzCheckCommand(f *testing.F) {
	for _, l := range readTable(f) {
		f.Add(l.script)
	}
	f.Add("test \\")
	rules := CommandRules{Allowed: []string{"npm test", "git add", "find", "bash scripts/check.sh"}, Inspection: true, WorkspaceDir: task.WorkspaceDir}
	f.Fuzz(func(t *testing.T, script string) {
		if !CheckCommand(rules, script).Allowed {
			return
		}
		file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(script), "")
		if err != nil {
			t.Fatalf("allowed and not parsable: %q", script)
		}
		syntax.Walk(file, func(n syntax.Node) bool {
			switch n := n.(type) {
			case *syntax.CmdSubst, *syntax.ProcSubst, *syntax.ArithmExp, *syntax.ExtGlob, *syntax.Assign, *syntax.FuncDecl,
				*syntax.IfClause, *syntax.WhileClause, *syntax.ForClause, *syntax.CaseClause, *syntax.DeclClause,
				*syntax.TestClause, *syntax.TimeClause, *syntax.CoprocClause, *syntax.LetClause, *syntax.ArithmCmd:
				t.Errorf("allowed with a %T: %q", n, script)
			case *syntax.Stmt:
				if n.Background {
					t.Errorf("allowed with a background job: %q", script)
				}
			}
			return true
		})
		var printed strings.Builder
		if err := syntax.NewPrinter().Print(&printed, file); err != nil {
			t.Fatal(err)
		}
		if again := CheckCommand(rules, printed.String()); !again.Allowed {
			t.Errorf("%q is allowed, and printed again as %q it is not: %s", script, printed.String(), again.Reason)
		}
		if strings.HasSuffix(script, `\`) {
			return // it would continue the line
		}
		for _, tail := range []string{"\n; evil", "\nevil", "\n$(evil)"} {
			if CheckCommand(rules, script+tail).Allowed {
				t.Errorf("%q is allowed", script+tail)
			}
		}
	})
}

package report

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A rule that nobody reports would never be marked as hit.
func TestEveryRuleThatIsAskedForIsSomebodys(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "rules.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	asked := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if name, ok := call.Fun.(*ast.Ident); ok && name.Name == "broke" {
			for _, arg := range call.Args {
				rule, err := strconv.Unquote(arg.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				asked[rule] = true
			}
		}
		return true
	})
	if len(asked) < 5 {
		t.Fatalf("rules.go asks for %d rules: is broke called otherwise by now?", len(asked))
	}
	var source strings.Builder
	err = filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == filepath.Join("..", "report") {
			return filepath.SkipDir
		}
		if e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		b, err := os.ReadFile(path)
		source.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for rule := range asked {
		if !strings.Contains(source.String(), strconv.Quote(rule)) {
			t.Errorf("no other package reports %q", rule)
		}
	}
}

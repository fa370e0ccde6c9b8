package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// unlisted are the rooms that the table leaves out: this one, and integration,
// which may import whatever it tests.
var unlisted = []string{"archtest", "integration"}

// check parses every Go file below root, whose module path is module, and says
// what breaks the rules of h, one line for each.
func check(root, module string, h *house) ([]string, error) {
	var broken []string
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != root && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_")) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("parse %s: %w", rel, err)
		}
		s := source{house: h, module: module, name: filepath.ToSlash(rel), file: file}
		broken = append(broken, s.check()...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return broken, nil
}

// source is one Go file under test.
type source struct {
	*house
	module string
	name   string // relative to the module's root, with slashes
	file   *ast.File
}

func (s source) check() []string {
	var broken []string
	report := func(format string, args ...any) {
		broken = append(broken, s.name+": "+fmt.Sprintf(format, args...))
	}
	room := roomOf(path.Dir(s.name))
	floor, listed := s.floor[room]
	if !listed && !slices.Contains(unlisted, room) && room != "internal" {
		report("%s has no floor in internal/doc.go", room)
		return broken
	}
	test := strings.HasSuffix(s.name, "_test.go")
	for _, spec := range s.file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			report("import %s: %v", spec.Path.Value, err)
			continue
		}
		if rest, ours := strings.CutPrefix(imported, s.module+"/"); ours {
			if listed && !s.mayImport(room, floor, roomOf(rest), test) {
				report("%s (floor %d) may not import %s", room, floor, rest)
				continue
			}
			imported = rest // a fence around one of ours is written so
		}
		if why := s.fenced(room, imported, test); why != "" {
			report("%s", why)
		}
	}
	if !test && room != "cmd" && room != "console" {
		for _, use := range forbidden(s.file) {
			report("%s: stdout carries MCP and the log is passed in", use)
		}
	}
	return broken
}

// mayImport applies the table. A test may also use what its own floor holds:
// the test of a store, say, may bring a fake of its neighbour.
func (s source) mayImport(room string, floor int, imported string, test bool) bool {
	if may := s.may[room]; may == nil || imported == room || slices.Contains(may, imported) {
		return true
	}
	other, listed := s.floor[imported]
	return test && listed && other <= floor
}

// fenced applies the fences. Tests may run processes and may import what only
// tests do; integration is nothing but tests, and may import whatever it likes.
func (s source) fenced(room, imported string, test bool) string {
	for fence, rooms := range s.fence {
		if !within(imported, fence) || slices.Contains(rooms, room) || room == "integration" {
			continue
		}
		if test && (fence == "os/exec" || slices.Contains(rooms, "tests")) {
			continue
		}
		return fmt.Sprintf("only %s may import %s", strings.Join(rooms, ", "), imported)
	}
	return ""
}

func within(imported, fence string) bool {
	return imported == fence || strings.HasPrefix(imported, fence+"/")
}

// roomOf is the package of the table that a directory belongs to: internal/task
// is task, and so is everything below it; images and cmd lie at the top.
func roomOf(dir string) string {
	parts := strings.Split(dir, "/")
	if parts[0] == "internal" && len(parts) > 1 {
		return parts[1]
	}
	return parts[0]
}

// forbidden finds uses of stdout and of the process's own logger.
func forbidden(file *ast.File) []string {
	names := map[string]string{} // as written in this file -> import path
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		name := path.Base(imported)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = imported
	}
	var found []string
	ast.Inspect(file, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := selector.X.(*ast.Ident); ok && isForbidden(names[x.Name], selector.Sel.Name) {
			found = append(found, x.Name+"."+selector.Sel.Name)
		}
		return true
	})
	return found
}

func isForbidden(pkg, name string) bool {
	switch pkg {
	case "fmt":
		return name == "Print" || name == "Printf" || name == "Println"
	case "os":
		return name == "Stdout"
	case "log":
		return true
	case "log/slog":
		switch strings.TrimSuffix(name, "Context") {
		case "Default", "SetDefault", "Debug", "Info", "Warn", "Error", "Log", "LogAttrs", "With":
			return true
		}
	}
	return false
}

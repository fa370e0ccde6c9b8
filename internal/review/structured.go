package review

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

const (
	// maxStructured bounds a plan in YAML, in bytes, maxNesting what it nests: the
	// parser's time grows with the square of the depth.
	maxStructured = 256 << 10
	maxNesting    = 100
)

var (
	// structuredGate is what text must have to be tried as YAML or JSON.
	structuredGate = regexp.MustCompile(`(?:^|[\s{,"'])tasks["']?[ \t]*:`)
	taskGate       = regexp.MustCompile(`task_id|depends_?[oO]n|dependencies|prompt`)
	structuredCode = regexp.MustCompile("(?m)^[ \t]*(?:```|~~~)[ \t]*(?:ya?ml|json)[^\n]*\n((?:.*\n)*?)[ \t]*(?:```|~~~)")
	deepLine       = regexp.MustCompile(`(?m)^[ \t]*(?:[-?:][ \t]+){20}`)
)

// readStructured reads a plan in the form that "run --file" and run_codex_tasks
// take: a list under the key tasks. It may stand alone or in a fence. It is nil if
// text is something else; unlike a run, a review takes keys that it does not know.
func readStructured(text string) *plan {
	if !structuredGate.MatchString(text) || !taskGate.MatchString(text) {
		return nil
	}
	text = strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n")
	if p := planOf(decode(text)); p != nil {
		return p
	}
	for _, m := range structuredCode.FindAllStringSubmatch(text, 8) {
		if structuredGate.MatchString(m[1]) {
			if p := planOf(decode(m[1])); p != nil {
				return p
			}
		}
	}
	return nil
}

// decode reads YAML or JSON into maps, lists and strings; nil if it is neither.
func decode(text string) any {
	var value any
	if strings.HasPrefix(strings.TrimSpace(text), "{") && json.Unmarshal([]byte(text), &value) == nil {
		return value
	}
	if len(text) > maxStructured || tooDeep(text) {
		return nil
	}
	file, err := parser.ParseBytes([]byte(text), 0)
	if err != nil || len(file.Docs) == 0 {
		return nil
	}
	y := yamlReader{anchors: map[string]ast.Node{}, left: MaxPlanBytes}
	value = y.value(file.Docs[0].Body, 0)
	if y.left < 0 {
		return nil
	}
	return value
}

// tooDeep may also be true of brackets in strings: such a plan is not read.
func tooDeep(text string) bool {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(0, depth-1)
		}
		if depth > maxNesting {
			return true
		}
	}
	return deepLine.MatchString(text)
}

// yamlReader turns a syntax tree into plain values. What stands behind an alias is
// walked each time and costs each time; an anchor is known after its value, so
// none leads into itself.
type yamlReader struct {
	anchors map[string]ast.Node
	left    int // of the values and the bytes in them
}

func (y *yamlReader) value(n ast.Node, depth int) any {
	if y.left--; y.left < 0 || depth > maxNesting {
		return nil
	}
	switch n := n.(type) {
	case *ast.AnchorNode:
		value := y.value(n.Value, depth+1)
		y.anchors[n.Name.GetToken().Value] = n.Value
		return value
	case *ast.AliasNode:
		return y.value(y.anchors[n.Value.GetToken().Value], depth+1)
	case *ast.TagNode:
		return y.value(n.Value, depth+1)
	case *ast.MappingNode:
		object := map[string]any{}
		for _, m := range n.Values {
			y.member(object, m, depth)
		}
		return object
	case *ast.MappingValueNode:
		object := map[string]any{}
		y.member(object, n, depth)
		return object
	case *ast.SequenceNode:
		var list []any
		for _, item := range n.Values {
			list = append(list, y.value(item, depth+1))
		}
		return list
	case *ast.LiteralNode:
		return y.text(n.Value.Value)
	case *ast.StringNode:
		return y.text(n.Value)
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return y.text(n.GetToken().Value)
	}
	return nil
}

func (y *yamlReader) text(s string) any {
	if y.left -= len(s); y.left < 0 {
		return nil
	}
	return s
}

func (y *yamlReader) member(object map[string]any, m *ast.MappingValueNode, depth int) {
	if token := m.Key.GetToken(); token != nil {
		object[token.Value] = y.value(m.Value, depth+1)
	}
}

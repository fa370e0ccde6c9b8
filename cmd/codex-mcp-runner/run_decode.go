package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/console"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

const (
	// maxInput bounds a task file, in bytes.
	maxInput = 8 << 20
	// maxInputValues bounds its values, those behind aliases counted each time.
	maxInputValues = 100_000
	// maxInputProblems is how many problems are told at once.
	maxInputProblems = 20
)

// written is a Request with the places where its values stand in a file; there
// are none if it comes from flags.
type written struct {
	task.Request
	name string
	at   map[string]*token.Position // by path, as in tasks[2].timeout_sec
}

// decodeRequest reads a Request from YAML, of which JSON is a part. It is strict:
// every key must be known and every value of its type. Each problem is a
// *task.Refusal that says where it is, in name, and they are joined in the order of
// the text. What the values themselves may be is policy's to check.
func decodeRequest(name string, text []byte) (written, error) {
	refuse := func(what, mend string) (written, error) {
		return written{}, &task.Refusal{Where: name, What: what, Mend: mend}
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if !utf8.Valid(text) {
		return refuse("The text is not valid UTF-8.", "Save it as UTF-8.")
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return written{}, syntaxRefusal(name, err)
	}
	docs := slices.DeleteFunc(file.Docs, func(d *ast.DocumentNode) bool { return d.Body == nil })
	if len(docs) != 1 {
		return refuse(fmt.Sprintf("There are %d documents in it.", len(docs)), "Write one, with the key tasks.")
	}
	d := requestDecoder{name: name, at: map[string]*token.Position{}, anchors: map[string]ast.Node{}}
	value := d.value(docs[0].Body, reflect.TypeFor[task.Request](), "")
	if err := d.err(); err != nil {
		return written{}, err
	}
	if _, ok := d.at["tasks"]; !ok {
		return refuse("It has no key tasks.", "List the tasks under it, each with a task_id and a prompt.")
	}
	w := written{name: name, at: d.at}
	b, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(b, &w.Request)
	}
	if err != nil {
		return written{}, fmt.Errorf("decode %s: %w", name, err)
	}
	return w, nil
}

func syntaxRefusal(name string, err error) error {
	what := err.Error()
	var y yaml.Error
	if errors.As(err, &y) {
		what = y.GetMessage()
		name = positionIn(name, y.GetToken().Position)
	}
	return &task.Refusal{
		Where: name, What: "It cannot be read as YAML or JSON: " + what + ".",
		Mend: `Mend it there; "codex-mcp-runner run --help" has an example.`, Err: err,
	}
}

func positionIn(name string, p *token.Position) string {
	if p == nil {
		return name
	}
	return fmt.Sprintf("%s:%d:%d", name, p.Line, p.Column)
}

// located adds to each refusal where the value that it is about was written.
func (w written) located(err error) error {
	refusals := task.Refusals(err)
	if len(refusals) == 0 {
		return err
	}
	all := make([]error, 0, len(refusals))
	for _, r := range refusals {
		moved := *r
		// A field that is missing stands where its task does.
		for path := r.Where; path != ""; path = path[:max(strings.LastIndexByte(path, '.'), 0)] {
			if p := w.at[path]; p != nil {
				moved.Where = positionIn(w.name, p) + ": " + r.Where
				break
			}
		}
		all = append(all, &moved)
	}
	return errors.Join(all...)
}

// requestDecoder turns a syntax tree into plain values, going by the Go types that
// they are for.
type requestDecoder struct {
	name     string
	at       map[string]*token.Position
	anchors  map[string]ast.Node
	values   int
	problems []inputProblem
}

type inputProblem struct {
	at      token.Position
	refusal *task.Refusal
}

func (d *requestDecoder) refuse(n ast.Node, path, what, mend string) {
	p := n.GetToken().Position
	where := positionIn(d.name, p)
	if path != "" {
		where += ": " + path
	}
	d.problems = append(d.problems, inputProblem{*p, &task.Refusal{Where: where, What: what, Mend: mend}})
}

func (d *requestDecoder) err() error {
	slices.SortStableFunc(d.problems, func(a, b inputProblem) int {
		return cmp.Or(cmp.Compare(a.at.Line, b.at.Line), cmp.Compare(a.at.Column, b.at.Column))
	})
	var all []error
	for i, p := range d.problems {
		if i == maxInputProblems {
			all = append(all, &task.Refusal{Where: d.name, What: "There is more: " + console.Count(len(d.problems)-i, "problem", "problems") + ".", Mend: "Mend these first."})
			break
		}
		all = append(all, p.refusal)
	}
	return errors.Join(all...)
}

// value gives n as a value of type t would be in JSON; nil after a problem.
func (d *requestDecoder) value(n ast.Node, t reflect.Type, path string) any {
	if d.values++; d.values >= maxInputValues {
		if d.values == maxInputValues {
			d.refuse(n, path, fmt.Sprintf("There are more than %d values up to here.", maxInputValues), "Split the tasks over several runs.")
		}
		return nil
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch n := n.(type) {
	case *ast.AnchorNode:
		d.anchors[n.Name.GetToken().Value] = n.Value
		return d.value(n.Value, t, path)
	case *ast.AliasNode:
		target := d.anchors[n.Value.GetToken().Value]
		if target == nil {
			d.refuse(n, path, fmt.Sprintf("There is no anchor &%s before this alias.", n.Value.GetToken().Value), "Write the value out.")
			return nil
		}
		return d.value(target, t, path)
	case *ast.NullNode:
		mend := "Leave the key out for the default."
		if t.Kind() == reflect.Slice {
			mend = "Leave the key out for the default, or write [] for none."
		}
		d.refuse(n, path, "It has no value.", mend)
		return nil
	}
	d.at[path] = n.GetToken().Position
	if v, ok := d.typed(n, t, path); ok {
		return v
	}
	mend := ""
	if _, scalar := n.(ast.ScalarNode); scalar && t.Kind() == reflect.String {
		mend = "Put it in quotes."
	}
	d.refuse(n, path, "It must be "+wanted(t)+".", mend)
	return nil
}

// typed is false if n is not of the kind that t wants.
func (d *requestDecoder) typed(n ast.Node, t reflect.Type, path string) (any, bool) {
	switch t.Kind() {
	case reflect.Struct:
		return d.mapping(n, t, path)
	case reflect.Slice:
		list, ok := n.(*ast.SequenceNode)
		if !ok {
			return nil, false
		}
		items := []any{}
		for i, item := range list.Values {
			items = append(items, d.value(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i)))
		}
		return items, true
	case reflect.String:
		switch n := n.(type) {
		case *ast.StringNode:
			return n.Value, true
		case *ast.LiteralNode:
			return n.Value.Value, true
		}
	case reflect.Int:
		if i, ok := n.(*ast.IntegerNode); ok {
			v := reflect.ValueOf(i.Value)
			return i.Value, v.CanInt() || v.CanUint() && v.Uint() <= 1<<62
		}
	case reflect.Bool:
		if b, ok := n.(*ast.BoolNode); ok {
			return b.Value, true
		}
	}
	return nil, false
}

func (d *requestDecoder) mapping(n ast.Node, t reflect.Type, path string) (any, bool) {
	var members []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		members = n.Values
	case *ast.MappingValueNode:
		members = []*ast.MappingValueNode{n}
	default:
		return nil, false
	}
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		fields[name] = t.Field(i).Type
	}
	object := map[string]any{}
	for _, m := range members {
		name := m.Key.GetToken().Value
		inner := strings.TrimPrefix(path+"."+printable(name), ".")
		field, known := fields[name]
		if _, twice := object[name]; twice {
			d.refuse(m.Key, inner, "The key stands there twice.", "Keep one of the two.")
			continue
		}
		if !known {
			d.refuse(m.Key, inner, "There is no such key.", suggestKey(name, fields))
			continue
		}
		object[name] = d.value(m.Value, field, inner)
	}
	return object, true
}

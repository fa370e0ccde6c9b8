package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// Far more than any configuration needs.
const (
	maxDepth  = 16
	maxValues = 10_000
)

// node is one JSON value with the place where it begins. encoding/json alone
// keeps neither places nor duplicate keys.
type node struct {
	value any // nil, bool, string, json.Number, []*node, []member
	at    int // byte offset
}

type member struct {
	name string
	at   int
	*node
}

// syntaxError is text that is no JSON, at a byte offset.
type syntaxError struct {
	at   int
	what string
}

func (e *syntaxError) Error() string { return e.what }

// duplicate is a key that an object holds twice; path ends with the key.
type duplicate struct {
	path []string
	at   int
}

// treeReader makes nodes from tokens.
type treeReader struct {
	text       string
	dec        *json.Decoder
	values     int
	duplicates []duplicate
}

// readTree reads exactly one JSON value.
func readTree(text string) (*node, []duplicate, error) {
	r := &treeReader{text: text, dec: json.NewDecoder(strings.NewReader(text))}
	r.dec.UseNumber()
	n, err := r.value(nil)
	if err != nil {
		return nil, nil, err
	}
	end := int(r.dec.InputOffset())
	if rest := strings.TrimLeft(text[end:], " \t\r\n"); rest != "" {
		return nil, nil, &syntaxError{at: len(text) - len(rest), what: "something follows the closing brace"}
	}
	return n, r.duplicates, nil
}

// next gives a token and where it begins.
func (r *treeReader) next() (json.Token, int, error) {
	at := int(r.dec.InputOffset())
	for at < len(r.text) && strings.IndexByte(" \t\r\n,:", r.text[at]) >= 0 {
		at++
	}
	t, err := r.dec.Token()
	if err == nil {
		return t, at, nil
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, at, &syntaxError{at: len(r.text), what: "the text ends too early"}
	}
	var s *json.SyntaxError
	if errors.As(err, &s) {
		// Token counts some offsets from the token, not from the start.
		return nil, at, &syntaxError{at: max(at, min(int(s.Offset), len(r.text))), what: s.Error()}
	}
	return nil, at, &syntaxError{at: at, what: err.Error()}
}

// An integer may be written 1.0, as JSON Schema has it. Exponents are refused:
// arithmetic on 1e999999999 takes all memory.
var (
	plainNumber = regexp.MustCompile(`^-?[0-9]{1,18}(\.[0-9]{1,18})?$`)
	zeroTail    = regexp.MustCompile(`\.0+$`)
)

func (r *treeReader) value(path []string) (*node, error) {
	t, at, err := r.next()
	if err != nil {
		return nil, err
	}
	if len(path) > maxDepth {
		return nil, &syntaxError{at: at, what: fmt.Sprintf("values nest deeper than %d", maxDepth)}
	}
	if r.values++; r.values > maxValues {
		return nil, &syntaxError{at: at, what: fmt.Sprintf("there are more than %d values", maxValues)}
	}
	switch t := t.(type) {
	case json.Number:
		if !plainNumber.MatchString(t.String()) {
			return nil, &syntaxError{at: at, what: "the number is not written plainly: at most 18 digits and no exponent"}
		}
		return &node{json.Number(zeroTail.ReplaceAllString(t.String(), "")), at}, nil
	case json.Delim:
		if t == '{' {
			return r.object(path, at)
		}
		return r.array(path, at)
	default:
		return &node{t, at}, nil
	}
}

func (r *treeReader) object(path []string, at int) (*node, error) {
	members := []member{}
	seen := map[string]bool{}
	for r.dec.More() {
		t, keyAt, err := r.next()
		if err != nil {
			return nil, err
		}
		name, ok := t.(string)
		if !ok {
			return nil, &syntaxError{at: keyAt, what: "a key must be a string"}
		}
		inner := append(path[:len(path):len(path)], name)
		if seen[name] {
			r.duplicates = append(r.duplicates, duplicate{inner, keyAt})
		}
		seen[name] = true
		v, err := r.value(inner)
		if err != nil {
			return nil, err
		}
		members = append(members, member{name, keyAt, v})
	}
	_, _, err := r.next()
	return &node{members, at}, err
}

func (r *treeReader) array(path []string, at int) (*node, error) {
	items := []*node{}
	for r.dec.More() {
		v, err := r.value(append(path[:len(path):len(path)], strconv.Itoa(len(items))))
		if err != nil {
			return nil, err
		}
		items = append(items, v)
	}
	_, _, err := r.next()
	return &node{items, at}, err
}

// plain gives the value as encoding/json would have decoded it, with numbers
// as json.Number.
func (n *node) plain() any {
	switch v := n.value.(type) {
	case []*node:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = item.plain()
		}
		return out
	case []member:
		out := make(map[string]any, len(v))
		for _, m := range v {
			out[m.name] = m.plain()
		}
		return out
	default:
		return v
	}
}

// find gives the node at a path of keys and indexes, nil if there is none.
func (n *node) find(path []string) *node {
	for _, step := range path {
		var next *node
		switch v := n.value.(type) {
		case []*node:
			if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(v) {
				next = v[i]
			}
		case []member:
			for _, m := range v {
				if m.name == step {
					next = m.node
				}
			}
		}
		if next == nil {
			return nil
		}
		n = next
	}
	return n
}

// keys gives the offsets of the keys of the object at path.
func (n *node) keys(path []string) map[string]int {
	at := map[string]int{}
	if object := n.find(path); object != nil {
		members, _ := object.value.([]member)
		for _, m := range members {
			at[m.name] = m.at
		}
	}
	return at
}

package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Bounds on a body's structure. They keep a 32 MiB body of brackets from
// becoming gigabytes of nodes; a long real session has some 30,000 nodes.
const (
	maxDepth     = 64
	maxNodes     = 300_000
	maxKeyBytes  = 1 << 10
	maxNumberLen = 40
)

// parse reads exactly one JSON value. It refuses whatever two parsers could
// understand differently: duplicate keys, invalid UTF-8, a byte order mark,
// data after the value, numbers of absurd length.
func parse(data []byte) (*value, error) {
	if !utf8.Valid(data) {
		return nil, &violation{what: "the body is not valid UTF-8"}
	}
	if !json.Valid(data) {
		return nil, &violation{what: "the body is not one valid JSON value"}
	}
	r := reader{dec: json.NewDecoder(bytes.NewReader(data))}
	r.dec.UseNumber()
	v, err := r.value()
	if err != nil {
		return nil, err
	}
	return &v, nil
}

type reader struct {
	dec   *json.Decoder
	at    path
	nodes int
}

func (r *reader) refuse(format string, args ...any) error {
	return &violation{path: r.at.String(), what: fmt.Sprintf(format, args...)}
}

func (r *reader) value() (value, error) {
	if r.nodes++; r.nodes > maxNodes {
		return value{}, r.refuse("the body has more than %d values", maxNodes)
	}
	token, err := r.dec.Token()
	if err != nil {
		return value{}, r.refuse("the body is not valid JSON")
	}
	switch t := token.(type) {
	case json.Delim:
		if len(r.at) >= maxDepth {
			return value{}, r.refuse("the body is nested more than %d deep", maxDepth)
		}
		if t == '[' {
			return r.array()
		}
		return r.object()
	case string:
		return value{kind: text, text: t}, nil
	case json.Number:
		if len(t) > maxNumberLen {
			return value{}, r.refuse("a number has more than %d characters", maxNumberLen)
		}
		return value{kind: number, text: t.String()}, nil
	case bool:
		return value{kind: boolean, text: strconv.FormatBool(t)}, nil
	default:
		return value{kind: null}, nil
	}
}

func (r *reader) array() (value, error) {
	v := value{kind: array}
	for r.dec.More() {
		r.at = append(r.at, step{index: len(v.items)})
		item, err := r.value()
		if err != nil {
			return value{}, err
		}
		r.at = r.at[:len(r.at)-1]
		v.items = append(v.items, item)
	}
	return v, r.closing()
}

func (r *reader) object() (value, error) {
	v := value{kind: object}
	seen := make(map[string]bool)
	for r.dec.More() {
		token, err := r.dec.Token()
		key, ok := token.(string)
		if err != nil || !ok {
			return value{}, r.refuse("the body is not valid JSON")
		}
		switch {
		case key == "":
			return value{}, r.refuse("a field has an empty name")
		case len(key) > maxKeyBytes:
			return value{}, r.refuse("a field's name is longer than %d bytes", maxKeyBytes)
		}
		r.at = append(r.at, step{key: key})
		if seen[key] {
			return value{}, r.refuse("the field is there twice")
		}
		seen[key] = true
		item, err := r.value()
		if err != nil {
			return value{}, err
		}
		r.at = r.at[:len(r.at)-1]
		v.members = append(v.members, member{key, item})
	}
	return v, r.closing()
}

func (r *reader) closing() error {
	if _, err := r.dec.Token(); err != nil {
		return r.refuse("the body is not valid JSON")
	}
	return nil
}

package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

type kind uint8

const (
	null kind = iota
	boolean
	number
	text
	array
	object
)

func (k kind) String() string {
	return [...]string{"null", "a boolean", "a number", "a string", "an array", "an object"}[k]
}

// value is a JSON value that keeps the order of an object's members, so that
// what is encoded again reads the same to a model (and to its prompt cache).
type value struct {
	kind    kind
	text    string // of a string: decoded; of a number or a boolean: the literal
	items   []value
	members []member
}

type member struct {
	key   string
	value value
}

// field returns the member with the given key, or nil.
func (v *value) field(key string) *value {
	for i := range v.members {
		if v.members[i].key == key {
			return &v.members[i].value
		}
	}
	return nil
}

// path is where in a body we are. An element with an empty key is an index.
type path []step

type step struct {
	key   string
	index int
}

// String renders a path as input[3].content[0].image_url. Keys come from the
// sandbox, so odd ones are quoted and long ones cut.
func (p path) String() string {
	var b strings.Builder
	for _, s := range p {
		switch {
		case s.key == "":
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		case plainKey(s.key):
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s.key)
		default:
			b.WriteString("[" + quote(s.key) + "]")
		}
	}
	return b.String()
}

func plainKey(s string) bool {
	return len(s) <= 64 && strings.IndexFunc(s, func(r rune) bool {
		return !(r == '_' || r == '-' || r == '$' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	}) < 0
}

// quote renders a sandbox's own words for a person: short, on one line.
func quote(s string) string {
	const most = 60
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return strconv.Quote(s)
}

// violation is why a body is refused.
type violation struct {
	path string
	what string
}

func (v *violation) Error() string {
	if v.path == "" {
		return v.what
	}
	return v.path + ": " + v.what
}

// encode writes v in one canonical form. What goes upstream is this, never the
// sandbox's own bytes: nothing that inspection did not see can be in it,
// however leniently the other end parses.
func encode(v *value) ([]byte, error) {
	var buf bytes.Buffer
	w := writer{buf: &buf, enc: json.NewEncoder(&buf)}
	w.enc.SetEscapeHTML(false)
	if err := w.value(v); err != nil {
		return nil, fmt.Errorf("encode request body: %w", err)
	}
	return buf.Bytes(), nil
}

type writer struct {
	buf *bytes.Buffer
	enc *json.Encoder
}

func (w *writer) value(v *value) error {
	switch v.kind {
	case object:
		w.buf.WriteByte('{')
		for i := range v.members {
			if i > 0 {
				w.buf.WriteByte(',')
			}
			if err := w.text(v.members[i].key); err != nil {
				return err
			}
			w.buf.WriteByte(':')
			if err := w.value(&v.members[i].value); err != nil {
				return err
			}
		}
		w.buf.WriteByte('}')
	case array:
		w.buf.WriteByte('[')
		for i := range v.items {
			if i > 0 {
				w.buf.WriteByte(',')
			}
			if err := w.value(&v.items[i]); err != nil {
				return err
			}
		}
		w.buf.WriteByte(']')
	case text:
		return w.text(v.text)
	case null:
		w.buf.WriteString("null")
	default:
		w.buf.WriteString(v.text)
	}
	return nil
}

func (w *writer) text(s string) error {
	if err := w.enc.Encode(s); err != nil {
		return err
	}
	w.buf.Truncate(w.buf.Len() - 1) // Encode ends with a newline
	return nil
}

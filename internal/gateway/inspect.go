package gateway

import (
	"fmt"
	"slices"
	"strings"
)

// inspect decides whether a body may go upstream, and returns the bytes that
// do. It allows what shapes.go lists and refuses everything else: the provider
// fetches URLs, searches the web, runs code and calls remote servers that a body
// names, so an open body would be an open network. deny is the task's network
// policy; see shapes.go for what the other one adds.
func inspect(body []byte, model string, deny bool) ([]byte, error) {
	v, err := parse(body)
	if err != nil {
		return nil, err
	}
	in := inspector{model: model, deny: deny}
	if err := request(&in, v); err != nil {
		return nil, err
	}
	return encode(v)
}

type inspector struct {
	model string
	deny  bool
	at    path
}

func (in *inspector) refuse(format string, args ...any) error {
	return &violation{path: in.at.String(), what: fmt.Sprintf(format, args...)}
}

// check accepts a value by returning nil.
type check func(*inspector, *value) error

// fields are an object's known members.
type fields map[string]check

// record accepts an object that has all required members and no unknown one.
func record(required []string, known fields) check {
	return func(in *inspector, v *value) error {
		if err := ofKind(in, v, object); err != nil {
			return err
		}
		for _, key := range required {
			if v.field(key) == nil {
				return in.refuse("the field %q is missing", key)
			}
		}
		for i := range v.members {
			m := &v.members[i]
			in.at = append(in.at, step{key: m.key})
			known, ok := known[m.key]
			if !ok {
				return in.refuse("Codex does not send this field here")
			}
			if err := known(in, &m.value); err != nil {
				return err
			}
			in.at = in.at[:len(in.at)-1]
		}
		return nil
	}
}

// variant is one kind of tagged object. Its "type" needs no check of its own.
func variant(required []string, known fields) check {
	known["type"] = anyText
	return record(required, known)
}

// tagged accepts an object whose "type" names one of the variants. what says
// what such an object is, for the refusal.
func tagged(what string, variants fields) check {
	return func(in *inspector, v *value) error {
		if err := ofKind(in, v, object); err != nil {
			return err
		}
		tag := v.field("type")
		if tag == nil {
			return in.refuse(`the field "type" is missing`)
		}
		variant, ok := variants[tag.text]
		if tag.kind != text || !ok {
			in.at = append(in.at, step{key: "type"})
			return in.refuse("%s of type %s is not let through", what, quote(tag.text))
		}
		return variant(in, v)
	}
}

// list accepts an array whose items are all accepted.
func list(item check) check {
	return func(in *inspector, v *value) error {
		if err := ofKind(in, v, array); err != nil {
			return err
		}
		for i := range v.items {
			in.at = append(in.at, step{index: i})
			if err := item(in, &v.items[i]); err != nil {
				return err
			}
			in.at = in.at[:len(in.at)-1]
		}
		return nil
	}
}

// either accepts what the check for the value's kind accepts.
func either(byKind map[kind]check) check {
	return func(in *inspector, v *value) error {
		c, ok := byKind[v.kind]
		if !ok {
			return in.refuse("%s is not let through here", v.kind)
		}
		return c(in, v)
	}
}

// orNull accepts null beside what c accepts.
func orNull(c check) check {
	return func(in *inspector, v *value) error {
		if v.kind == null {
			return nil
		}
		return c(in, v)
	}
}

// oneOf accepts these strings and no other.
func oneOf(words ...string) check {
	return func(in *inspector, v *value) error {
		if v.kind != text || !slices.Contains(words, v.text) {
			return in.refuse("only %s is let through here", strings.Join(words, ", "))
		}
		return nil
	}
}

// only accepts this boolean and not the other.
func only(literal, why string) check {
	return func(in *inspector, v *value) error {
		if v.kind != boolean || v.text != literal {
			return in.refuse("must be %s: %s", literal, why)
		}
		return nil
	}
}

// onlyUnderAllow accepts what c accepts if the task has the network anyway.
func onlyUnderAllow(c check, why string) check {
	return func(in *inspector, v *value) error {
		if in.deny {
			return in.refuse("%s", why)
		}
		return c(in, v)
	}
}

func ofKind(in *inspector, v *value, k kind) error {
	if v.kind != k {
		return in.refuse("must be %s, not %s", k, v.kind)
	}
	return nil
}

func anyText(in *inspector, v *value) error    { return ofKind(in, v, text) }
func anyBoolean(in *inspector, v *value) error { return ofKind(in, v, boolean) }

// word accepts a short string: an id, a name, a level.
func word(in *inspector, v *value) error {
	if v.kind != text || len(v.text) > 1<<10 {
		return in.refuse("must be a string of at most 1024 bytes")
	}
	return nil
}

package config

import (
	"bytes"
	_ "embed" // schema.json
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/codex-mcp-runner/codex-mcp-runner/policies"
)

// schema.json is written by `go test ./internal/config -update` from the Config
// type; a test fails if the two differ.
//
//go:embed schema.json
var schemaJSON []byte

// Schema is the JSON Schema (draft 2020-12) of a configuration file.
func Schema() []byte { return slices.Clone(schemaJSON) }

var compiled = sync.OnceValues(compile)

func compile() (*jsonschema.Schema, error) {
	// A relative name would be resolved against the working directory, which may
	// be gone or be called "100% done".
	const url = "file:///" + FileName
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemaJSON))
	if err != nil {
		return nil, fmt.Errorf("read the configuration's schema: %w", err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(url, doc); err != nil {
		return nil, fmt.Errorf("read the configuration's schema: %w", err)
	}
	s, err := c.Compile(url)
	if err != nil {
		return nil, fmt.Errorf("compile the configuration's schema: %w", err)
	}
	return s, nil
}

// checkSchema adds a problem for each place where root does not fit the schema.
// Its error is our own fault.
func (p *problems) checkSchema(root *node) error {
	s, err := compiled()
	if err != nil {
		return err
	}
	var v *jsonschema.ValidationError
	if err := s.Validate(root.plain()); err != nil && !errors.As(err, &v) {
		return fmt.Errorf("check %s against its schema: %w", p.name, err)
	}
	if v != nil {
		p.addSchemaError(root, v)
	}
	return nil
}

// addSchemaError goes down to the causes: only they say something.
func (p *problems) addSchemaError(root *node, v *jsonschema.ValidationError) {
	path := v.InstanceLocation
	at := root.at
	if n := root.find(path); n != nil {
		at = n.at
	}
	const mend = "Correct the value, or remove the key to use its default."
	switch k := v.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		keys := root.keys(path)
		for _, name := range k.Properties {
			p.addUnknown(keys[name], append(slices.Clone(path), name))
		}
	case *kind.Type:
		p.add(at, path, fmt.Sprintf("is %s but must be %s", article(k.Got), article(k.Want...)), mend)
	case *kind.OneOf: // only sizes have a choice of types
		p.add(at, path, `is no size: a number of bytes, or a text such as "512MiB"`, mend)
	case *kind.Enum:
		p.add(at, path, fmt.Sprintf("is %s but must be one of %s", quote(k.Got), quoteAll(k.Want)), mend)
	case *kind.Minimum:
		p.add(at, path, fmt.Sprintf("is %s but must be at least %s", number(k.Got), number(k.Want)), mend)
	case *kind.Maximum:
		p.add(at, path, fmt.Sprintf("is %s but must be at most %s", number(k.Got), number(k.Want)), mend)
	case *kind.MaxItems:
		p.add(at, path, fmt.Sprintf("has %d entries but may have %d", k.Got, k.Want), mend)
	case *kind.MaxLength:
		p.add(at, path, fmt.Sprintf("has %d characters but may have %d", k.Got, k.Want), mend)
	case *kind.Pattern:
		p.add(at, path, fmt.Sprintf("is %s but must match %s", quote(k.Got), k.Want), mend)
	default:
		if len(v.Causes) == 0 {
			p.add(at, path, fmt.Sprintf("does not fit the schema (%T)", k), mend)
		}
		for _, cause := range v.Causes {
			p.addSchemaError(root, cause)
		}
	}
}

// keysAt lists the known keys of the object at path.
func keysAt(path []string) []string {
	t := reflect.TypeFor[Config]()
	if len(path) > 0 {
		t = reflect.TypeFor[policies.Resources]()
	}
	var keys []string
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		keys = append(keys, name)
	}
	return keys
}

func article(types ...string) string {
	for i, t := range types {
		switch t {
		case "null":
		case "array", "object", "integer":
			types[i] = "an " + t
		case "boolean":
			types[i] = "true or false"
		default:
			types[i] = "a " + t
		}
	}
	return strings.Join(types, " or ")
}

func quote(v any) string {
	s, ok := v.(string)
	if !ok {
		return fmt.Sprintf("%.60v", v)
	}
	return fmt.Sprintf("%.60q", s)
}

func quoteAll(values []any) string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = quote(v)
	}
	return strings.Join(out, ", ")
}

func number(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	f, _ := r.Float64()
	return fmt.Sprint(f)
}

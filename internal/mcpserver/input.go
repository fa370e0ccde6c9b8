package mcpserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/nearest"
)

// inputSchema is a tool's input schema, both as it is listed and as it is
// enforced: one document, so the two cannot drift apart.
type inputSchema struct {
	raw      json.RawMessage
	doc      any
	compiled *jsonschema.Schema
}

// problem is one thing that is wrong with a call's arguments.
type problem struct {
	// path is the place: tasks, 2, timeout_sec. Empty: the arguments as a whole.
	path []string
	// what is wrong and what is allowed, as one sentence without the place.
	what string
}

func (p problem) String() string {
	if len(p.path) == 0 {
		return "the arguments: " + p.what
	}
	return placeName(p.path) + ": " + p.what
}

// comparePlaces orders problems as the schema's reader would: by place, indices
// as numbers.
func comparePlaces(a, b problem) int {
	return slices.CompareFunc(a.path, b.path, func(x, y string) int {
		i, errX := strconv.Atoi(x)
		j, errY := strconv.Atoi(y)
		if errX == nil && errY == nil {
			return i - j
		}
		return strings.Compare(x, y)
	})
}

// inputURL names a schema while it is compiled. A relative name would be resolved
// against the working directory, which may be gone or be called "100% done".
const inputURL = "file:///input.json"

func compileInput(raw []byte) (*inputSchema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("decode input schema: %w", err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(inputURL, doc); err != nil {
		return nil, fmt.Errorf("add input schema: %w", err)
	}
	compiled, err := c.Compile(inputURL)
	if err != nil {
		return nil, fmt.Errorf("compile input schema: %w", err)
	}
	var small bytes.Buffer
	if err := json.Compact(&small, raw); err != nil {
		return nil, fmt.Errorf("compact input schema: %w", err)
	}
	return &inputSchema{raw: small.Bytes(), doc: doc, compiled: compiled}, nil
}

// decode checks a call's arguments and decodes them into target. It finds all
// problems, also those that further, if not nil, sees in the decoded JSON; with
// any, target is not touched.
func (s *inputSchema) decode(raw json.RawMessage, target any, further func(any) []problem) []problem {
	if isNull(raw) {
		raw = json.RawMessage("{}")
	}
	tree, problems, err := parseArguments(raw)
	if err != nil {
		return []problem{{what: "are not valid JSON (" + err.Error() + ")."}}
	}
	if err := s.compiled.Validate(tree); err != nil {
		var invalid *jsonschema.ValidationError
		if !errors.As(err, &invalid) {
			return append(problems, problem{what: err.Error()})
		}
		problems = append(problems, s.explain(invalid, tree)...)
	}
	if further != nil {
		problems = append(problems, further(tree)...)
	}
	if len(problems) > 0 {
		slices.SortStableFunc(problems, comparePlaces)
		return problems
	}
	// Written anew, 60.0 and 6e1 are 60, which is what they mean.
	canonical, err := json.Marshal(tree)
	if err == nil {
		err = json.Unmarshal(canonical, target)
	}
	if err != nil {
		return []problem{{what: err.Error()}}
	}
	return nil
}

// explain turns a validation error's leaves into sentences, each place once.
func (s *inputSchema) explain(e *jsonschema.ValidationError, tree any) []problem {
	var all []problem
	seen := map[string]bool{}
	add := func(path []string, what string) {
		if place := placeName(path); !seen[place] {
			seen[place] = true
			all = append(all, problem{path: path, what: what})
		}
	}
	var walk func(*jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		_, pointer, _ := strings.Cut(e.SchemaURL, "#")
		rules, _ := lookup(s.doc, splitPointer(pointer)).(map[string]any)
		properties, _ := rules["properties"].(map[string]any)
		switch k := e.ErrorKind.(type) {
		case *kind.Required:
			for _, name := range k.Missing {
				sub, _ := properties[name].(map[string]any)
				add(slices.Concat(e.InstanceLocation, []string{name}),
					"is missing; it must be "+allowed(sub)+".")
			}
		case *kind.AdditionalProperties:
			for _, name := range k.Properties {
				known := sortedKeys(properties)
				what := "is not a known field;"
				if near := nearest.To(name, known); near != "" {
					what += " did you mean " + near + "?"
				}
				add(slices.Concat(e.InstanceLocation, []string{name}),
					what+" Known here: "+strings.Join(known, ", ")+".")
			}
		default:
			if len(e.Causes) == 0 {
				add(e.InstanceLocation, "is "+describe(lookup(tree, e.InstanceLocation))+"; it must be "+allowed(rules)+".")
			}
		}
		for _, cause := range e.Causes {
			walk(cause)
		}
	}
	walk(e)
	return all
}

// lookup follows a path of keys and indices.
func lookup(v any, path []string) any {
	for _, step := range path {
		switch x := v.(type) {
		case map[string]any:
			v = x[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

func splitPointer(pointer string) []string {
	if pointer == "" {
		return nil
	}
	steps := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	for i, s := range steps {
		steps[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(s)
	}
	return steps
}

// placeName writes a path as people do: tasks[2].timeout_sec.
func placeName(path []string) string {
	var b strings.Builder
	for _, step := range path {
		switch _, err := strconv.Atoi(step); {
		case err == nil:
			b.WriteString("[" + step + "]")
		case b.Len() > 0:
			b.WriteString("." + oneLine(step, 80))
		default:
			b.WriteString(oneLine(step, 80))
		}
	}
	return b.String()
}

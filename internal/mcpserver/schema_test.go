package mcpserver_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/mcpserver"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs; if that is meant, run the test with -update\n%s", path, diff)
	}
}

// tools lists the tools as a client gets them, by name.
func tools(t *testing.T) map[string]json.RawMessage {
	t.Helper()
	w := connect(t, quick, mcpserver.Options{}, nil)
	w.send(request("1", "tools/list", "{}"))
	m, _ := w.answer("1")
	var list struct{ Tools []json.RawMessage }
	if err := json.Unmarshal(m.Result, &list); err != nil {
		t.Fatal(err)
	}
	byName := map[string]json.RawMessage{}
	for _, raw := range list.Tools {
		var tool struct{ Name string }
		if err := json.Unmarshal(raw, &tool); err != nil {
			t.Fatal(err)
		}
		byName[tool.Name] = raw
	}
	return byName
}

func TestToolSchemas(t *testing.T) {
	for name, raw := range tools(t) {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, raw, "", "  "); err != nil {
			t.Fatal(err)
		}
		pretty.WriteByte('\n')
		golden(t, name+".schema.json", pretty.Bytes())

		if strings.Contains(string(raw), `"null"`) {
			t.Errorf("%s has a type that may be null", name)
		}
		var tool struct {
			Description  string
			Annotations  map[string]any
			OutputSchema any
		}
		if err := json.Unmarshal(raw, &tool); err != nil {
			t.Fatal(err)
		}
		for _, hint := range []string{"title", "readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"} {
			if tool.Annotations[hint] == nil {
				t.Errorf("%s: no %s", name, hint)
			}
		}
		if len(tool.Description) > 2048 || len("mcp__codex__"+name) > 64 {
			t.Errorf("%s: too long for a client", name)
		}
		described(t, name, tool.OutputSchema)
	}
	if n := len(mcpserver.Instructions); n >= 2048 {
		t.Errorf("the instructions have %d characters", n)
	}
}

// described wants a description for every property of an output schema.
func described(t *testing.T, place string, schema any) {
	s, _ := schema.(map[string]any)
	properties, _ := s["properties"].(map[string]any)
	for name, p := range properties {
		if d, _ := p.(map[string]any)["description"].(string); d == "" {
			t.Errorf("%s.%s has no description", place, name)
		}
		described(t, place+"."+name, p)
	}
	if items, ok := s["items"]; ok {
		described(t, place+"[]", items)
	}
}

// Every description is of a field that exists.
func TestNoStaleDescriptions(t *testing.T) {
	for key := range mcpserver.Descriptions {
		typ, field, _ := strings.Cut(key, ".")
		known := map[string]reflect.Type{
			"RunResult": reflect.TypeFor[task.RunResult](), "Result": reflect.TypeFor[task.Result](),
			"Command": reflect.TypeFor[task.Command](), "Logs": reflect.TypeFor[task.Logs](), "Failure": reflect.TypeFor[task.Failure](),
			"ReviewResult": reflect.TypeFor[task.ReviewResult](), "ReviewReport": reflect.TypeFor[task.ReviewReport](),
			"Finding": reflect.TypeFor[task.Finding](), "Usage": reflect.TypeFor[task.Usage](),
		}[typ]
		if known == nil {
			t.Errorf("%s: no such type", key)
		} else if _, ok := known.FieldByName(field); !ok {
			t.Errorf("%s: no such field", key)
		}
	}
}

// outputValidator checks values against run_codex_tasks' own output schema.
func outputValidator(t *testing.T) func(any) error {
	t.Helper()
	var tool struct{ OutputSchema json.RawMessage }
	if err := json.Unmarshal(tools(t)["run_codex_tasks"], &tool); err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(tool.OutputSchema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("out.json", doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("out.json")
	if err != nil {
		t.Fatal(err)
	}
	return func(v any) error {
		raw, err := json.Marshal(v)
		if err != nil {
			return err
		}
		tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			return err
		}
		return compiled.Validate(tree)
	}
}

package mcpserver_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/golden"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/mcpserver"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// tools lists the tools as a client gets them, by name.
func tools(t testing.TB) map[string]json.RawMessage {
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

// offered are the tools: read-only, destructive, idempotent, open world, always loaded.
var offered = map[string]string{
	"run_codex_tasks":        "---++",
	"review_plan_with_codex": "+--++",
	"wait_codex_run":         "+-+--",
	"get_codex_run":          "+-+--",
	"list_codex_runs":        "+-+--",
	"cancel_codex_run":       "-++--",
	"apply_codex_patches":    "-+---",
	"check_codex_setup":      "+-+--",
}

func TestToolSchemas(t *testing.T) {
	all := tools(t)
	if len(all) != len(offered) {
		t.Errorf("%d tools", len(all))
	}
	for name, raw := range all {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, raw, "", "  "); err != nil {
			t.Fatal(err)
		}
		pretty.WriteByte('\n')
		golden.Check(t, name+".schema.json", pretty.Bytes())

		if strings.Contains(string(raw), `"null"`) {
			t.Errorf("%s has a type that may be null", name)
		}
		var tool struct {
			Description  string
			Annotations  map[string]any
			OutputSchema any
			Meta         map[string]any `json:"_meta"`
		}
		if err := json.Unmarshal(raw, &tool); err != nil {
			t.Fatal(err)
		}
		for _, hint := range []string{"title", "readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"} {
			if tool.Annotations[hint] == nil {
				t.Errorf("%s: no %s", name, hint)
			}
		}
		want, known := offered[name]
		if !known {
			t.Errorf("%s: nobody expects this tool", name)
		}
		for i, hint := range []string{"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"} {
			if tool.Annotations[hint] != (want[i] == '+') {
				t.Errorf("%s: %s is %v", name, hint, tool.Annotations[hint])
			}
		}
		_, hinted := tool.Meta["anthropic/searchHint"].(string)
		if always := tool.Meta["anthropic/alwaysLoad"] == true; always != (want[4] == '+') || hinted == always {
			t.Errorf("%s: _meta is %v", name, tool.Meta)
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
			"TaskProgress": reflect.TypeFor[task.TaskProgress](), "Combination": reflect.TypeFor[task.Combination](),
			"Pair": reflect.TypeFor[task.Pair](), "Verification": reflect.TypeFor[task.Verification](),
			"Attempt": reflect.TypeFor[task.Attempt](), "Page": reflect.TypeFor[task.Page](),
			"RunSummary": reflect.TypeFor[task.RunSummary](), "ApplyResult": reflect.TypeFor[task.ApplyResult](),
			"AppliedTask": reflect.TypeFor[task.AppliedTask](), "Setup": reflect.TypeFor[task.Setup](),
			"SetupCheck": reflect.TypeFor[task.SetupCheck](), "getResult": reflect.TypeFor[mcpserver.GetResult](),
			"runList": reflect.TypeFor[mcpserver.RunList](), "cancelResult": reflect.TypeFor[mcpserver.CancelOutput](),
			"Finding": reflect.TypeFor[task.Finding](), "Usage": reflect.TypeFor[task.Usage](),
		}[typ]
		if known == nil {
			t.Errorf("%s: no such type", key)
		} else if _, ok := known.FieldByName(field); !ok {
			t.Errorf("%s: no such field", key)
		}
	}
}

// validator checks values against a tool's own output schema.
func validator(t testing.TB, name string) func(any) error {
	t.Helper()
	var tool struct{ OutputSchema json.RawMessage }
	if err := json.Unmarshal(tools(t)[name], &tool); err != nil {
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

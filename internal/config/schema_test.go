package config

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/golden"
)

// fromType makes the schema from the Go type; defaults come from Default.
func fromType(t *testing.T) []byte {
	t.Helper()
	r := jsonschema.Reflector{ExpandedStruct: true, DoNotReference: true, Anonymous: true, RequiredFromJSONSchemaTags: true}
	s := r.Reflect(Config{})
	s.Title = FileName
	s.Description = "How codex-mcp-runner runs Codex tasks in this repository."
	defaults := reflect.ValueOf(Default())
	for f, v := range defaults.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		property, ok := s.Properties.Get(name)
		if !ok {
			t.Fatalf("no property for %s", f.Name)
		}
		if name != "$schema" && name != "resources" {
			property.Default = v.Interface()
		}
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

func TestTheEmbeddedSchemaIsMadeFromTheType(t *testing.T) {
	file, err := os.ReadFile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	// Before -update writes the file: what is embedded is as old as the build.
	if diff := cmp.Diff(string(file), string(Schema())); diff != "" {
		t.Errorf("Schema() is not schema.json (-file +embedded):\n%s", diff)
	}
	made := fromType(t)
	golden.Check(t, "../schema.json", made)
	if bytes.Contains(made, []byte(`"required"`)) {
		t.Error("no key may be required")
	}
}

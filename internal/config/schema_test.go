package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
)

var update = flag.Bool("update", false, "rewrite schema.json and the golden files")

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
	want := fromType(t)
	if *update {
		if err := os.WriteFile("schema.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(want), string(Schema())); diff != "" {
		t.Errorf("schema.json is stale; run go test ./internal/config -update (-type +file):\n%s", diff)
	}
	if bytes.Contains(Schema(), []byte(`"required"`)) {
		t.Error("no key may be required")
	}
}

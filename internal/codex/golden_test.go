package codex_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/golden"
)

// goldenJSON compares v, as JSON that people can read, with a file under testdata.
func goldenJSON(t *testing.T, name string, v any) {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, name, b.Bytes())
}

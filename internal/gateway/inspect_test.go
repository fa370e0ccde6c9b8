package gateway

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// realRequests are what the pinned Codex sent (testdata/capture), by name.
func realRequests(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/requests/*.json")
	if err != nil || len(files) < 20 {
		t.Fatalf("found %d requests (%v), want at least 20", len(files), err)
	}
	all := make(map[string][]byte)
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(f), ".json")] = data
	}
	return all
}

func modelOf(t testing.TB, body []byte) string {
	t.Helper()
	var r struct{ Model string }
	if err := json.Unmarshal(body, &r); err != nil {
		t.Fatal(err)
	}
	return r.Model
}

func decoded(t testing.TB, data []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("decode %s: %v", data, err)
	}
	return v
}

func TestRealRequestsPassUnchanged(t *testing.T) {
	for name, body := range realRequests(t) {
		t.Run(name, func(t *testing.T) {
			out, err := inspect(body, modelOf(t, body), true)
			if strings.HasPrefix(name, "forbidden-") {
				if err == nil {
					t.Fatal("was let through under deny")
				}
				t.Log(err)
				if out, err = inspect(body, modelOf(t, body), false); err != nil {
					t.Fatalf("was refused under allow: %v", err)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(decoded(t, body), decoded(t, out)); diff != "" {
				t.Errorf("changed on the way (-sent +forwarded):\n%s", diff)
			}
			// A prompt cache keys on order: what was compact stays byte for byte.
			var compact bytes.Buffer
			if err := json.Compact(&compact, body); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(compact.Bytes(), out) {
				t.Errorf("order or spelling changed:\n%s\n%s", compact.Bytes(), out)
			}
		})
	}
}

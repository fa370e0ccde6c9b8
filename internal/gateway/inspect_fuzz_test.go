package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// forbidden looks for what must never go upstream under deny. It knows nothing
// of the shapes that inspect goes by: it walks everything and suspects much.
func forbidden(root any, model string) []string {
	var found []string
	say := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }

	top, ok := root.(dict)
	if !ok {
		return []string{"not an object"}
	}
	if top["model"] != model {
		say("model %v", top["model"])
	}
	if top["store"] != false {
		say("store %v", top["store"])
	}
	if top["stream"] != true {
		say("stream %v", top["stream"])
	}
	for key := range top {
		switch strings.ToLower(key) {
		case "previous_response_id", "conversation", "background", "prompt", "metadata", "mcp_servers", "user", "safety_identifier":
			say("top-level %s", key)
		}
	}

	var walk func(v any, at string, inSchema, inMetadata bool)
	walk = func(v any, at string, inSchema, inMetadata bool) {
		switch v := v.(type) {
		case []any:
			for i, item := range v {
				where := fmt.Sprintf("%s[%d]", at, i)
				if tool, ok := item.(dict); ok && strings.HasSuffix(at, ".tools") && !inSchema && !inMetadata {
					local := []any{"function", "custom", "namespace", "tool_search"}
					if !slices.Contains(local, tool["type"]) {
						say("%s: tool of type %v", where, tool["type"])
					}
					if tool["type"] == "tool_search" && tool["execution"] != "client" {
						say("%s: tool search by the provider", where)
					}
				}
				walk(item, where, inSchema, inMetadata)
			}
		case dict:
			kind, _ := v["type"].(string)
			for _, key := range slices.Sorted(maps.Keys(v)) {
				where, value := at+"."+key, v[key]
				schema := inSchema || (key == "parameters" || key == "schema" || key == "output_schema")
				metadata := inMetadata || key == "client_metadata" || key == "internal_chat_message_metadata_passthrough" ||
					key == "arguments" && kind == "tool_search_call"
				if s, ok := value.(string); ok {
					name := strings.ToLower(key)
					switch {
					case schema && strings.HasSuffix(name, "ref") && strings.HasPrefix(name, "$") && strings.Contains(s, "://"):
						say("%s: schema refers to %s", where, s)
					case schema, key == "client_metadata", strings.HasPrefix(at, ".client_metadata"):
					case (strings.Contains(name, "url") || strings.Contains(name, "uri")) && !strings.HasPrefix(s, "data:"):
						if !metadata || strings.Contains(s, "://") {
							say("%s: %s", where, s)
						}
					case metadata:
					case slices.Contains([]string{"file_id", "connector_id", "authorization", "container", "container_id", "server_label"}, name):
						say("%s: %s", where, s)
					case name == "type" && hosted(s):
						say("%s: %s", where, s)
					}
				}
				walk(value, where, schema, metadata)
			}
		}
	}
	walk(root, "", false, false)
	return found
}

func hosted(kind string) bool {
	kind = strings.ToLower(kind)
	for _, word := range []string{"web", "file", "interpreter", "mcp", "computer", "image_gen", "item_reference", "shell", "audio", "connector"} {
		if strings.Contains(kind, word) {
			return true
		}
	}
	return false
}

// The oracle must see what the mutations do, or the fuzzer proves nothing.
func TestOracleSees(t *testing.T) {
	body := realRequests(t)["classic"]
	if found := forbidden(decoded(t, body), "gpt-5.5"); len(found) > 0 {
		t.Fatalf("the oracle suspects a real request: %v", found)
	}
	blind := 0
	for _, m := range mutations {
		r := decoded(t, body).(dict)
		m.mutate(r)
		if len(forbidden(r, "gpt-5.5")) == 0 {
			blind++
			t.Logf("not seen by the oracle: %s", m.name)
		}
	}
	if blind > len(mutations)/3 {
		t.Errorf("the oracle misses %d of %d", blind, len(mutations))
	}
}

func FuzzInspect(f *testing.F) {
	for _, body := range realRequests(f) {
		var compact bytes.Buffer
		if err := json.Compact(&compact, body); err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.ReplaceAll(compact.Bytes(), []byte(modelOf(f, body)), []byte("m")))
	}
	minimal := func() dict {
		return dict{"model": "m", "input": []any{}, "stream": true, "store": false}
	}
	for _, m := range mutations {
		r := minimal()
		m.mutate(r)
		body, err := json.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Fuzz(checkInspect)
}

// FuzzGraft puts arbitrary JSON at an arbitrary place of a real request: what
// bytes alone would hardly ever do.
func FuzzGraft(f *testing.F) {
	requests := realRequests(f)
	names := slices.Sorted(maps.Keys(requests))
	for i := range names {
		f.Add(uint(i), uint(i*7), "tools", []byte(`[{"type":"mcp","server_url":"https://evil.example"}]`))
		f.Add(uint(i), uint(i*11), "image_url", []byte(`"https://evil.example"`))
		f.Add(uint(i), uint(i*13), "type", []byte(`"input_file"`))
		f.Add(uint(i), uint(i*17), "format", []byte(`{"type":"grammar","syntax":"lark","definition":"x"}`))
	}
	f.Fuzz(func(t *testing.T, which, where uint, key string, fragment []byte) {
		body := requests[names[which%uint(len(names))]]
		root, err := parse(bytes.ReplaceAll(body, []byte(modelOf(t, body)), []byte("m")))
		if err != nil {
			t.Fatal(err)
		}
		graft, err := parse(fragment)
		if err != nil {
			return
		}
		var places []*value
		var collect func(v *value)
		collect = func(v *value) {
			places = append(places, v)
			for i := range v.items {
				collect(&v.items[i])
			}
			for i := range v.members {
				collect(&v.members[i].value)
			}
		}
		collect(root)
		switch place := places[where%uint(len(places))]; place.kind {
		case object:
			place.members = slices.DeleteFunc(place.members, func(m member) bool { return m.key == key })
			place.members = append(place.members, member{key, *graft})
		case array:
			place.items = append(place.items, *graft)
		default:
			*place = *graft
		}
		grafted, err := encode(root)
		if err != nil {
			t.Fatal(err)
		}
		checkInspect(t, grafted)
	})
}

func checkInspect(t *testing.T, body []byte) {
	out, err := inspect(body, "m", true)
	if err != nil {
		return
	}
	if !utf8.Valid(out) || !json.Valid(out) {
		t.Fatalf("forwards %q, which is not JSON", out)
	}
	if found := forbidden(decoded(t, out), "m"); len(found) > 0 {
		t.Fatalf("forwards %s\nin which there is %v", out, found)
	}
	// What a lenient reader would make of the sandbox's bytes is what goes out.
	if diff := cmp.Diff(decoded(t, body), decoded(t, out)); diff != "" {
		t.Fatalf("forwards something else than it got:\n%s", diff)
	}
	again, err := inspect(out, "m", true)
	if err != nil || !bytes.Equal(again, out) {
		t.Fatalf("does not accept its own output %s: %v", out, err)
	}
}

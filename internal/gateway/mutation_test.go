package gateway

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

type dict = map[string]any

// mutations are the things that a sandbox may try. Each is done to real
// requests, and must be refused under deny; path is how the refusal's begins.
var mutations = []struct {
	name   string
	path   string
	mutate func(r dict)
}{
	{"hosted web search", "tools[", addTool(dict{"type": "web_search"})},
	{"hosted web search, old name", "tools[", addTool(dict{"type": "web_search_preview"})},
	{"hosted web search, dated name", "tools[", addTool(dict{"type": "web_search_2025_08_26"})},
	{"type in other case", "tools[", addTool(dict{"type": "Function", "name": "x"})},
	{"file search", "tools[", addTool(dict{"type": "file_search", "vector_store_ids": []any{"vs_1"}})},
	{"code interpreter", "tools[", addTool(dict{"type": "code_interpreter", "container": dict{"type": "auto"}})},
	{"remote MCP server", "tools[", addTool(dict{"type": "mcp", "server_label": "x", "server_url": "https://evil.example/mcp"})},
	{"connector", "tools[", addTool(dict{"type": "mcp", "server_label": "x", "connector_id": "connector_gmail"})},
	{"image generation", "tools[", addTool(dict{"type": "image_generation"})},
	{"computer use", "tools[", addTool(dict{"type": "computer_use_preview"})},
	{"hosted shell", "tools[", addTool(dict{"type": "shell", "environment": dict{"type": "container_auto"}})},
	{"tool without a type", "tools[", addTool(dict{"name": "x"})},
	{"tool with a type that is no string", "tools[", addTool(dict{"type": []any{"function", "mcp"}, "name": "x"})},
	{"function with a server", "tools[", addTool(dict{"type": "function", "name": "x", "server_url": "https://evil.example"})},
	{"hosted tool in a namespace", "tools[", addTool(dict{"type": "namespace", "name": "n", "tools": []any{dict{"type": "mcp", "server_url": "https://evil.example"}}})},
	{"namespace in a namespace", "tools[", addTool(dict{"type": "namespace", "name": "n", "tools": []any{dict{"type": "namespace", "name": "m", "tools": []any{}}}})},
	{"tool search by the provider", "tools[", addTool(dict{"type": "tool_search"})},
	{"tool search by the provider, said", "tools[", addTool(dict{"type": "tool_search", "execution": "server"})},
	{"tools that are an object", "tools", set("tools", dict{"0": dict{"type": "mcp"}})},
	{"schema that refers outwards", "tools[", addTool(dict{"type": "function", "name": "x", "parameters": dict{"properties": dict{"a": dict{"$ref": "https://evil.example/s"}}}})},

	{"hosted tool as an input item", "input[", addItem(dict{"type": "additional_tools", "role": "developer", "tools": []any{dict{"type": "web_search"}}})},
	{"hosted tool found by a search", "input[", addItem(dict{"type": "tool_search_output", "call_id": "c", "execution": "client", "tools": []any{dict{"type": "mcp", "server_url": "https://evil.example"}}})},
	{"web search call", "input[", addItem(dict{"type": "web_search_call", "id": "ws_1", "action": dict{"type": "open_page", "url": "https://evil.example"}})},
	{"MCP call", "input[", addItem(dict{"type": "mcp_call", "server_label": "x", "name": "y", "arguments": "{}"})},
	{"MCP tool list", "input[", addItem(dict{"type": "mcp_list_tools", "server_label": "x", "tools": []any{}})},
	{"MCP approval", "input[", addItem(dict{"type": "mcp_approval_response", "approval_request_id": "x", "approve": true})},
	{"code interpreter call", "input[", addItem(dict{"type": "code_interpreter_call", "id": "x", "code": "1"})},
	{"file search call", "input[", addItem(dict{"type": "file_search_call", "id": "x", "queries": []any{}})},
	{"image generation call", "input[", addItem(dict{"type": "image_generation_call", "id": "x"})},
	{"computer call", "input[", addItem(dict{"type": "computer_call_output", "call_id": "x", "output": dict{"type": "computer_screenshot", "image_url": "https://evil.example"}})},
	{"reference to a stored item", "input[", addItem(dict{"type": "item_reference", "id": "msg_1"})},
	{"item without a type", "input[", addItem(dict{"role": "user", "content": "x"})},
	{"item that is a string", "input[", addItem("x")},
	{"input that is a string", "input", set("input", "x")},

	{"image from a URL", "input[", addPart(dict{"type": "input_image", "image_url": "https://evil.example/?data"})},
	{"image from a URL in other case", "input[", addPart(dict{"type": "input_image", "image_url": "HTTPS://evil.example/"})},
	{"image from a URL after a space", "input[", addPart(dict{"type": "input_image", "image_url": " https://evil.example/"})},
	{"image from a URL behind data:", "input[", addPart(dict{"type": "input_image", "image_url": "data:image/png;base64,AAAA https://evil.example/"})},
	{"image that names further files", "input[", addPart(dict{"type": "input_image", "image_url": "data:image/svg+xml;base64,AAAA"})},
	{"image from a protocol-relative URL", "input[", addPart(dict{"type": "input_image", "image_url": "//evil.example"})},
	{"image from a file: URL", "input[", addPart(dict{"type": "input_image", "image_url": "file:///etc/passwd"})},
	{"image as an object", "input[", addPart(dict{"type": "input_image", "image_url": dict{"url": "https://evil.example"}})},
	{"image by file id", "input[", addPart(dict{"type": "input_image", "file_id": "file-1"})},
	{"image with a second source", "input[", addPart(dict{"type": "input_image", "image_url": "data:image/png;base64,AAAA", "file_id": "file-1"})},
	{"file from a URL", "input[", addPart(dict{"type": "input_file", "file_url": "https://evil.example"})},
	{"file by id", "input[", addPart(dict{"type": "input_file", "file_id": "file-1"})},
	{"file on a text", "input[", addPart(dict{"type": "input_text", "text": "x", "file_url": "https://evil.example"})},
	{"image from a URL in a tool's output", "input[", addItem(dict{"type": "function_call_output", "call_id": "c", "output": []any{dict{"type": "input_image", "image_url": "https://evil.example"}}})},
	{"file in a tool's output", "input[", addItem(dict{"type": "custom_tool_call_output", "call_id": "c", "output": []any{dict{"type": "input_file", "file_id": "file-1"}}})},
	{"URL in metadata", "input[", addItem(dict{"type": "message", "role": "user", "content": []any{}, "internal_chat_message_metadata_passthrough": dict{"a": []any{"https://evil.example"}}})},
	{"role that is none", "input[", addItem(dict{"type": "message", "role": "tool", "content": []any{}})},

	{"another model", "model", set("model", "gpt-6-astra")},
	{"another model by case", "model", func(r dict) { r["model"] = strings.ToUpper(r["model"].(string)) }},
	{"another model beside it", "Model", set("Model", "gpt-6-astra")},
	{"no model", "", unset("model")},
	{"stored response", "store", set("store", true)},
	{"stored response by default", "", unset("store")},
	{"stored response by null", "store", set("store", nil)},
	{"stored response by a string", "store", set("store", "false")},
	{"answer in one piece", "stream", set("stream", false)},
	{"earlier response", "previous_response_id", set("previous_response_id", "resp_1")},
	{"earlier response, null", "previous_response_id", set("previous_response_id", nil)},
	{"conversation", "conversation", set("conversation", "conv_1")},
	{"background", "background", set("background", true)},
	{"prompt template", "prompt", set("prompt", dict{"id": "pmpt_1"})},
	{"metadata", "metadata", set("metadata", dict{"a": "b"})},
	{"dearer service", "service_tier", set("service_tier", "priority")},
	{"forced hosted tool", "tool_choice", set("tool_choice", dict{"type": "web_search"})},
	{"included search results", "include[0]", set("include", []any{"web_search_call.action.sources"})},
	{"client metadata with structure", "client_metadata", set("client_metadata", dict{"a": dict{"b": "c"}})},
	{"key that is not plain", `["x\ny"]`, set("x\ny", 1)},
}

// underAllow are the mutations that pass if the sandbox has the network anyway.
var underAllow = []string{
	"hosted web search", "hosted tool as an input item", "web search call",
	"image from a URL", "image from a URL in a tool's output", "URL in metadata",
}

func TestAllowOpensOnlyTheNetwork(t *testing.T) {
	for _, m := range mutations {
		r := decoded(t, []byte(goodBody)).(dict)
		m.mutate(r)
		body, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = inspect(body, "m", false); (err == nil) != slices.Contains(underAllow, m.name) {
			t.Errorf("%s: got %v", m.name, err)
		}
	}
}

func set(key string, value any) func(dict) { return func(r dict) { r[key] = value } }
func unset(key string) func(dict)          { return func(r dict) { delete(r, key) } }

func addItem(item any) func(dict) {
	return func(r dict) { r["input"] = append(r["input"].([]any), item) }
}

func addPart(part any) func(dict) {
	return addItem(dict{"type": "message", "role": "user", "content": []any{part}})
}

func addTool(tool any) func(dict) {
	return func(r dict) {
		tools, _ := r["tools"].([]any)
		r["tools"] = append(slices.Clone(tools), tool)
	}
}

// varied are requests that have between them everything that any has.
var varied = []string{"classic", "code", "agents", "image", "classic-remote-compact", "classic-remote-compact-trigger", "resume"}

func TestForbiddenMutationsAreRefused(t *testing.T) {
	requests := realRequests(t)
	for _, name := range varied {
		body := requests[name]
		model := modelOf(t, body)
		for _, m := range mutations {
			r := decoded(t, body).(dict)
			m.mutate(r)
			mutated, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			_, err = inspect(mutated, model, true)
			var v *violation
			if !errors.As(err, &v) {
				t.Errorf("%s: %s was let through (%v)", name, m.name, err)
			} else if !strings.HasPrefix(v.path, m.path) {
				t.Errorf("%s: %s was refused at %q, want %q", name, m.name, v.path, m.path)
			}
		}
	}
}

// Nothing unknown passes anywhere: every object that the provider acts on gets
// an unknown field, and every tag an unknown value, one at a time.
func TestNothingUnknownPassesAnywhere(t *testing.T) {
	evil := value{kind: text, text: "https://evil.example"}
	for name, body := range realRequests(t) {
		if strings.HasPrefix(name, "forbidden-") {
			continue
		}
		root, err := parse(body)
		if err != nil {
			t.Fatal(err)
		}
		model, tried := modelOf(t, body), 0
		refused := func(what string, at path) {
			tried++
			if err := request(&inspector{model: model, deny: true}, root); err == nil {
				t.Errorf("%s: %s at %s was let through", name, what, at)
			}
		}
		var visit func(v *value, at path)
		visit = func(v *value, at path) {
			for i := range v.items {
				visit(&v.items[i], append(at, step{index: i}))
			}
			for i := range v.members {
				m := &v.members[i]
				if m.key == "type" {
					was := m.value
					m.value = value{kind: text, text: "mcp"}
					refused("type mcp", at)
					m.value = was
				}
				if !slices.Contains(free, m.key) {
					visit(&m.value, append(at, step{key: m.key}))
				}
			}
			if v.kind != object {
				return
			}
			members := v.members
			for _, key := range []string{"file_id", "server_url", "Type", "x"} {
				v.members = append(slices.Clone(members), member{key, evil})
				refused("field "+key, at)
			}
			v.members = members
		}
		visit(root, nil)
		if tried < 20 {
			t.Errorf("%s: tried only %d places", name, tried)
		}
		if err := request(&inspector{model: model, deny: true}, root); err != nil {
			t.Errorf("%s: the test did not put everything back: %v", name, err)
		}
	}
}

// free are the fields in which anything may stand, since nobody acts on it.
var free = []string{"parameters", "schema", "client_metadata", "internal_chat_message_metadata_passthrough", "arguments"}

func TestAmbiguousBodiesAreRefused(t *testing.T) {
	good := `{"model":"m","input":[],"stream":true,"store":false}`
	if _, err := inspect([]byte(good), "m", true); err != nil {
		t.Fatal(err)
	}
	deep := strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000)
	for name, body := range map[string]string{
		"empty":                     ``,
		"null":                      `null`,
		"array":                     `[` + good + `]`,
		"two values":                good + good,
		"trailing data":             good + `x`,
		"trailing NUL":              good + "\x00",
		"trailing comma":            `{"model":"m","input":[],"stream":true,"store":false,}`,
		"byte order mark":           "\ufeff" + good,
		"UTF-16":                    "\xff\xfe{\x00}\x00",
		"comment":                   `/**/` + good,
		"duplicate key":             `{"model":"m","input":[],"stream":true,"store":false,"store":true}`,
		"duplicate key, first bad":  `{"store":true,"model":"m","input":[],"stream":true,"store":false}`,
		"duplicate key, escaped":    `{"model":"m","input":[],"stream":true,"store":false,"\u0073tore":true}`,
		"duplicate key, deep":       `{"model":"m","input":[{"type":"message","role":"user","content":[{"type":"input_text","type":"input_file","text":"x"}]}],"stream":true,"store":false}`,
		"duplicate key in a schema": `{"model":"m","input":[],"tools":[{"type":"function","name":"f","parameters":{"a":1,"a":2}}],"stream":true,"store":false}`,
		"duplicate by lone halves":  `{"model":"m","input":[],"client_metadata":{"\ud800":"a","\udc00":"b"},"stream":true,"store":false}`,
		"case variant":              `{"model":"m","input":[],"stream":true,"store":false,"STORE":true}`,
		"look-alike key":            `{"model":"m","input":[],"stream":true,"store":false,"ſtore":true}`,
		"NUL in a key":              `{"model":"m","input":[],"stream":true,"store":false,"store\u0000":true}`,
		"NUL in a tag":              `{"model":"m","input":[],"tools":[{"type":"function\u0000","name":"f"}],"stream":true,"store":false}`,
		"NUL in the model":          `{"model":"m\u0000","input":[],"stream":true,"store":false}`,
		"raw control character":     "{\"model\":\"m\",\"instructions\":\"\x01\",\"input\":[],\"stream\":true,\"store\":false}",
		"invalid UTF-8":             "{\"model\":\"m\",\"instructions\":\"\xff\",\"input\":[],\"stream\":true,\"store\":false}",
		"overlong UTF-8":            "{\"model\":\"m\",\"instructions\":\"\xc0\xa2\",\"input\":[],\"stream\":true,\"store\":false}",
		"single quotes":             `{'model':'m'}`,
		"NaN":                       `{"model":"m","input":[],"stream":true,"store":NaN}`,
		"empty key":                 `{"":1,"model":"m","input":[],"stream":true,"store":false}`,
		"long key":                  `{"model":"m","input":[],"tools":[{"type":"function","name":"f","parameters":{"` + strings.Repeat("a", 2000) + `":1}}],"stream":true,"store":false}`,
		"long number":               `{"model":"m","input":[],"tools":[{"type":"function","name":"f","parameters":{"a":` + strings.Repeat("1", 100) + `}}],"stream":true,"store":false}`,
		"deep":                      `{"model":"m","input":[],"tools":[{"type":"function","name":"f","parameters":{"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}}],"stream":true,"store":false}`,
		"very deep":                 deep,
		"many values":               `{"model":"m","input":[],"tools":[{"type":"function","name":"f","parameters":{"a":[` + strings.Repeat(`1,`, maxNodes) + `1]}}],"stream":true,"store":false}`,
	} {
		var v *violation
		if out, err := inspect([]byte(body), "m", true); !errors.As(err, &v) {
			t.Errorf("%s was let through as %.200s (%v)", name, out, err)
		}
	}
}

// Tool output may hold anything that a terminal may print.
func TestOddTextPasses(t *testing.T) {
	body := `{"model":"m","input":[{"type":"function_call_output","call_id":"c","output":"\u0000\u001b[0m\ud83d\ude00 \u2028 <b>&amp; https://example.com \ud800"}],"stream":true,"store":false}`
	out, err := inspect([]byte(body), "m", true)
	if err != nil {
		t.Fatal(err)
	}
	want := `"output":"\u0000\u001b[0m😀 \u2028 <b>&amp; https://example.com ` + "\ufffd" + `"`
	if !strings.Contains(string(out), want) {
		t.Errorf("got %s, want %s in it", out, want)
	}
}

package gateway

import "strings"

// The shapes of a request, as the pinned Codex sends it (testdata/requests has
// real ones; testdata/capture makes them). A field or type that is not here is
// refused, so a new Codex may need a new line here, and a test will say which.
//
// Under network_policy "allow" the sandbox can search and fetch for itself, so
// the provider may do that for it. What reaches into the account is refused
// under both: stored responses, files, prompts, conversations, connectors,
// hosted containers. So is any other model than the task's.
var request = record([]string{"model", "input", "stream", "store"}, fields{
	"model":               taskModel,
	"instructions":        anyText,
	"input":               list(item),
	"tools":               list(tool),
	"tool_choice":         oneOf("auto", "none", "required"),
	"parallel_tool_calls": anyBoolean,
	"reasoning":           reasoning,
	// An absent "store" means true to the provider.
	"store": only("false", "the provider would keep the response"),
	// Usage is read from the stream.
	"stream":           only("true", "answers are streamed"),
	"include":          list(oneOf("reasoning.encrypted_content")),
	"prompt_cache_key": word,
	"text": record(nil, fields{
		"verbosity": word,
		"format": tagged("an output format", fields{
			"text":        variant(nil, fields{}),
			"json_schema": variant(nil, fields{"name": word, "strict": anyBoolean, "description": anyText, "schema": schema}),
		}),
	}),
	"client_metadata": textMap,
})

var reasoning = record(nil, fields{"effort": orNull(word), "summary": orNull(word), "context": orNull(word)})

// item is one element of "input".
var item = tagged("an input item", fields{
	"message": itemOf(fields{
		"role":    oneOf("user", "assistant", "developer", "system"),
		"content": list(part),
		"phase":   word,
	}, "role", "content"),
	"reasoning": itemOf(fields{
		"summary":           list(tagged("a summary", fields{"summary_text": textPart})),
		"content":           orNull(list(tagged("reasoning", fields{"reasoning_text": textPart, "text": textPart}))),
		"encrypted_content": orNull(anyText),
	}),
	"function_call": itemOf(fields{
		"name": word, "namespace": word, "call_id": word, "arguments": anyText,
	}, "name", "call_id", "arguments"),
	"function_call_output": itemOf(fields{"call_id": word, "output": output}, "call_id", "output"),
	"custom_tool_call": itemOf(fields{
		"name": word, "namespace": word, "call_id": word, "input": anyText,
	}, "name", "call_id", "input"),
	"custom_tool_call_output": itemOf(fields{"call_id": word, "output": output}, "call_id", "output"),
	"tool_search_call": itemOf(fields{
		"call_id": orNull(word), "execution": oneOf("client"), "arguments": inert,
	}, "execution"),
	"tool_search_output": itemOf(fields{
		"call_id": orNull(word), "execution": oneOf("client"), "tools": list(tool),
	}, "execution", "tools"),
	// Code-mode models carry their tools here.
	"additional_tools":     itemOf(fields{"role": oneOf("developer"), "tools": list(tool)}, "tools"),
	"configuration_update": itemOf(fields{"reasoning": reasoning}),
	// The provider compacts the conversation; the result comes back as the next.
	"compaction_trigger": itemOf(fields{}),
	"compaction":         itemOf(fields{"encrypted_content": anyText}, "encrypted_content"),
	"context_compaction": itemOf(fields{"encrypted_content": orNull(anyText)}),
	"web_search_call": onlyUnderAllow(itemOf(fields{"action": inert}),
		"a web search by the provider is not let through"),
})

// itemOf adds what any item may have.
func itemOf(known fields, required ...string) check {
	known["id"] = orNull(word)
	known["status"] = orNull(word)
	known["internal_chat_message_metadata_passthrough"] = orNull(inert)
	return variant(required, known)
}

// part is an element of a message's or a tool output's content.
var part = tagged("content", fields{
	"input_text":  textPart,
	"output_text": textPart,
	"input_image": variant([]string{"image_url"}, fields{"image_url": imageURL, "detail": orNull(word)}),
})

var textPart = variant([]string{"text"}, fields{"text": anyText})

var output = either(map[kind]check{text: anyText, array: list(part)})

// tool is an element of "tools", wherever tools may be: all of them run in the
// sandbox. "namespace" groups such tools, one level deep.
var (
	function = variant([]string{"name"}, fields{
		"name": word, "description": orNull(anyText), "parameters": orNull(schema), "strict": orNull(anyBoolean),
		"defer_loading": anyBoolean, "output_schema": orNull(schema),
	})
	custom = variant([]string{"name"}, fields{
		"name": word, "description": anyText, "defer_loading": anyBoolean,
		"format": tagged("a tool format", fields{
			"text":    variant(nil, fields{}),
			"grammar": variant(nil, fields{"syntax": oneOf("lark", "regex"), "definition": anyText}),
		}),
	})
	tool = tagged("a tool", fields{
		"function": function,
		"custom":   custom,
		"namespace": variant([]string{"name", "tools"}, fields{
			"name": word, "description": anyText,
			"tools": list(tagged("a namespaced tool", fields{"function": function, "custom": custom})),
		}),
		// Codex searches its own deferred tools. Without "execution" the provider would.
		"tool_search": variant([]string{"execution"}, fields{
			"execution": oneOf("client"), "description": anyText, "parameters": schema,
		}),
		"web_search": onlyUnderAllow(variant(nil, fields{
			"external_web_access": anyBoolean, "search_content_types": list(word), "search_context_size": word,
			"filters": inert, "user_location": inert,
		}), "a web search by the provider is not let through"),
	})
)

func taskModel(in *inspector, v *value) error {
	if v.kind != text || v.text != in.model {
		return in.refuse("the model is not the task's own, %s", quote(in.model))
	}
	return nil
}

// bitmaps are the images that may be in the request itself. SVG is not among
// them: it can name further files.
var bitmaps = []string{
	"data:image/png;base64,", "data:image/jpeg;base64,", "data:image/jpg;base64,",
	"data:image/gif;base64,", "data:image/webp;base64,",
}

func imageURL(in *inspector, v *value) error {
	if v.kind != text {
		return in.refuse("must be a string")
	}
	for _, prefix := range bitmaps {
		if data, ok := strings.CutPrefix(v.text, prefix); ok && isBase64(data) {
			return nil
		}
	}
	if !in.deny && (strings.HasPrefix(v.text, "https://") || strings.HasPrefix(v.text, "http://")) {
		return nil
	}
	return in.refuse("only a bitmap as a data: URL is let through; the provider would fetch anything else")
}

func isBase64(s string) bool {
	s = strings.TrimRight(s, "=")
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/') {
			return false
		}
	}
	return true
}

// textMap accepts a flat object of strings.
func textMap(in *inspector, v *value) error {
	if err := ofKind(in, v, object); err != nil {
		return err
	}
	for i := range v.members {
		if m := &v.members[i]; m.value.kind != text {
			in.at = append(in.at, step{key: m.key})
			return in.refuse("must be a string")
		}
	}
	return nil
}

// schema accepts a JSON schema: any object, but one that refers to nothing
// outside itself.
func schema(in *inspector, v *value) error {
	if err := ofKind(in, v, object); err != nil {
		return err
	}
	return in.walk("", v, func(key string, v *value) error {
		reference := key == "$ref" || key == "$dynamicRef" || key == "$recursiveRef"
		if reference && v.kind == text && !strings.HasPrefix(v.text, "#") {
			return in.refuse("only a reference within the schema is let through")
		}
		return nil
	})
}

// inert accepts any value without a URL: metadata that nobody acts on.
func inert(in *inspector, v *value) error {
	return in.walk("", v, func(_ string, v *value) error {
		if in.deny && v.kind == text && strings.Contains(v.text, "://") {
			return in.refuse("a URL is not let through here")
		}
		return nil
	})
}

// walk visits v and everything under it, each with its key; an array's items
// and the root have none.
func (in *inspector) walk(key string, v *value, visit func(key string, v *value) error) error {
	if err := visit(key, v); err != nil {
		return err
	}
	for i := range v.items {
		in.at = append(in.at, step{index: i})
		if err := in.walk("", &v.items[i], visit); err != nil {
			return err
		}
		in.at = in.at[:len(in.at)-1]
	}
	for i := range v.members {
		m := &v.members[i]
		in.at = append(in.at, step{key: m.key})
		if err := in.walk(m.key, &m.value, visit); err != nil {
			return err
		}
		in.at = in.at[:len(in.at)-1]
	}
	return nil
}

package mcpserver_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/mcpserver"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// trier returns a function that calls with arguments and returns what the backend
// got, or the problems.
func trier(t *testing.T) func(arguments string) (*task.Request, string) {
	t.Helper()
	var got *task.Request
	w := connect(t, func(_ context.Context, _ string, req task.Request, _ func(task.Progress)) (task.RunResult, error) {
		got = &req
		return task.RunResult{}, nil
	}, mcpserver.Options{}, nil)
	return func(arguments string) (*task.Request, string) {
		t.Helper()
		got = nil
		w.send(callWith("1", "", arguments))
		m, _ := w.answer("1")
		r := m.call(t)
		if r.IsError == (got != nil) {
			t.Errorf("%s: isError %v, but the backend got %v", arguments, r.IsError, got)
		}
		return got, r.text()
	}
}

func TestGoodArgumentsArrive(t *testing.T) {
	try := trier(t)
	got, text := try(`{"run_id":"r.1","base_ref":"main","concurrency":8,"resource_policy":"normal","dry_run":true,` +
		`"tasks":[{"task_id":"A","prompt":"do\nit","allowed_paths":[],"allowed_commands":["npm test"],"timeout_sec":6e1},{"task_id":"b","prompt":"ü😀","timeout_sec":10.0}]}`)
	eight, sixty, ten := 8, 60, 10
	want := &task.Request{RunID: "r.1", BaseRef: "main", Concurrency: &eight, ResourcePolicy: "normal", DryRun: true, Tasks: []task.RequestTask{
		{ID: "A", Prompt: "do\nit", AllowedPaths: []string{}, AllowedCommands: []string{"npm test"}, TimeoutSec: &sixty},
		{ID: "b", Prompt: "ü😀", TimeoutSec: &ten},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s\n%s", diff, text)
	}
	got, _ = try(`{"run_id":"","base_ref":"","tasks":[{"task_id":"a","prompt":"p"}]}`)
	if diff := cmp.Diff(&task.Request{Tasks: []task.RequestTask{{ID: "a", Prompt: "p"}}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestProblemsAreSaidReadably(t *testing.T) {
	try := trier(t)
	task := func(fields string) string { return `{"tasks":[{"task_id":"a","prompt":"p"` + fields + `}]}` }
	for _, tc := range []struct{ arguments, want string }{
		{`{}`, `tasks: is missing; it must be a list of 1 to 50.`},
		{`null`, `tasks: is missing; it must be a list of 1 to 50.`},
		{`{"tasks":null}`, `tasks: is null; it must be a list of 1 to 50.`},
		{`{"tasks":[]}`, `tasks: is a list of 0; it must be a list of 1 to 50.`},
		{`{"tasks":["x"]}`, `tasks[0]: is the string "x"; it must be an object.`},
		{`{"tasks":[{"task_id":"a"}]}`, `tasks[0].prompt: is missing; it must be a string that is not blank.`},
		{`{"tasks":[{"task_id":"a","prompt":""}]}`, `tasks[0].prompt: is an empty string; it must be a string that is not blank.`},
		{`{"tasks":[{"task_id":"a","prompt":" \n"}]}`, `it must be a string that is not blank.`},
		{`{"tasks":[{"task_id":"a b","prompt":"p"}]}`, `tasks[0].task_id: is the string "a b"; it must be a string that matches ^[A-Za-z0-9._-]{1,64}$.`},
		{`{"tasks":[{"task_id":"a\n","prompt":"p"}]}`, `tasks[0].task_id: is the string "a\n"; it must`},
		{`{"tasks":[{"task_id":"..","prompt":"p"}]}`, `tasks[0].task_id: is the string ".."; it must hold something else than dots.`},
		{`{"run_id":".","tasks":[{"task_id":"a","prompt":"p"}]}`, `run_id: is the string "."; it must hold something else than dots.`},
		{`{"run_id":"../x","tasks":[{"task_id":"a","prompt":"p"}]}`, `run_id: is the string "../x"`},
		{
			`{"tasks":[{"task_id":"API","prompt":"p"},{"task_id":"b","prompt":"p"},{"task_id":"api","prompt":"p"}]}`,
			`tasks[2].task_id: is the string "api", which tasks[0] has already (case is ignored); it must be unique.`,
		},
		{task(`,"timeout_sec":"60"`), `tasks[0].timeout_sec: is the string "60"; it must be an integer from 10 to 600.`},
		{task(`,"timeout_sec":9`), `tasks[0].timeout_sec: is 9; it must be`},
		{task(`,"timeout_sec":1e9`), `tasks[0].timeout_sec: is 1000000000; it must be`},
		{task(`,"timeout_sec":-1e300`), `tasks[0].timeout_sec: is -1e+300; it must be`},
		{task(`,"timeout_sec":10.5`), `tasks[0].timeout_sec: is 10.5; it must be`},
		{task(`,"timeout_sec":null`), `tasks[0].timeout_sec: is null; it must be`},
		{task(`,"timeout_sec":"NaN"`), `tasks[0].timeout_sec: is the string "NaN"; it must be`},
		{task(`,"timeout_sec":true`), `tasks[0].timeout_sec: is true; it must be`},
		{task(`,"allowed_paths":"src/**"`), `tasks[0].allowed_paths: is the string "src/**"; it must be a list of strings.`},
		{task(`,"allowed_paths":["a",""]`), `tasks[0].allowed_paths[1]: is an empty string; it must be a string that is not empty.`},
		{task(`,"allowed_commands":[["npm","test"]]`), `tasks[0].allowed_commands[0]: is a list of 2; it must be a string`},
		{task(`,"timeout":60`), `tasks[0].timeout: is not a known field; did you mean timeout_sec? Known here: allowed_commands, allowed_paths, attempts, depends_on, image, model, prompt, task_id, timeout_sec, verify_commands.`},
		{task(`,"allowedPaths":["a"]`), `tasks[0].allowedPaths: is not a known field; did you mean allowed_paths?`},
		{task(`,"xyzzy":1`), `tasks[0].xyzzy: is not a known field; Known here`},
		{task(`,"Prompt":"q"`), `tasks[0].Prompt: is not a known field; did you mean prompt?`},
		{task(`,"prompt":"q"`), `tasks[0].prompt: stands more than once in the same object; give it once.`},
		{task(`,"\u0070rompt":"q"`), `tasks[0].prompt: stands more than once`}, // the same key, escaped
		{`{"tasks":[{"task_id":"a","prompt":"p"}],"dry_run":"yes"}`, `dry_run: is the string "yes"; it must be true or false.`},
		{`{"tasks":[{"task_id":"a","prompt":"p"}],"resource_policy":"fast"}`, `resource_policy: is the string "fast"; it must be "conservative" or "normal".`},
		{`{"tasks":[{"task_id":"a","prompt":"p"}],"concurrency":0}`, `concurrency: is 0; it must be an integer from 1 to 8.`},
		{`{"tasks":[{"task_id":"a","prompt":"p"}],"base_ref":5}`, `base_ref: is 5; it must be a string of at most 1024 characters.`},
	} {
		if _, text := try(tc.arguments); !strings.Contains(text, tc.want) {
			t.Errorf("%s\ngot  %s\nwant %s", tc.arguments, text, tc.want)
		}
	}
}

func TestAllProblemsAtOnceInOrder(t *testing.T) {
	try := trier(t)
	var tasks []string
	for i := range 12 {
		tasks = append(tasks, fmt.Sprintf(`{"task_id":"t%d","prompt":"","timeout_sec":%d}`, i, i))
	}
	_, text := try(`{"concurrency":9,"xyzzy":1,"xyzzy":2,"tasks":[` + strings.Join(append(tasks, `{"task_id":"T0","prompt":"p"}`), ",") + `]}`)
	var places []string
	for l := range strings.Lines(text) {
		if p, ok := strings.CutPrefix(l, "- "); ok {
			place, _, _ := strings.Cut(p, ":")
			places = append(places, place)
		}
	}
	want := []string{"concurrency"}
	for i := range 12 {
		want = append(want, fmt.Sprintf("tasks[%d].prompt", i))
		if i < 10 {
			want = append(want, fmt.Sprintf("tasks[%d].timeout_sec", i))
		}
	}
	want = append(want, "tasks[12].task_id", "xyzzy", "xyzzy")
	if diff := cmp.Diff(want, places); diff != "" {
		t.Errorf("%s\n%s", diff, text)
	}
}

func TestThousandsOfProblemsStayReadable(t *testing.T) {
	try := trier(t)
	_, text := try(`{"tasks":[` + strings.TrimSuffix(strings.Repeat(`{"task_id":"`+strings.Repeat("x y", 100)+`","no":1},`, 300), ",") + `]}`)
	if len(text) > mcpserver.MaxResult || !strings.Contains(text, "more") {
		t.Errorf("%d characters", len(text))
	}
}

// The schema is what is enforced: for every rule in it, a value that breaks the
// rule is refused at its place.
func TestSchemaAndCheckAgree(t *testing.T) {
	try := trier(t)
	var schema map[string]any
	if err := json.Unmarshal(mcpserver.RunCodexTasksInput, &schema); err != nil {
		t.Fatal(err)
	}
	good := func() map[string]any {
		return map[string]any{"tasks": []any{map[string]any{
			"task_id": "a", "prompt": "p", "allowed_paths": []any{"x"}, "allowed_commands": []any{"x"}, "timeout_sec": 60,
		}}, "run_id": "r", "base_ref": "b", "concurrency": 1, "resource_policy": "normal", "dry_run": false}
	}
	tried := 0
	refused := func(place string, args map[string]any) {
		t.Helper()
		tried++
		raw, err := json.Marshal(args)
		if err != nil {
			t.Fatal(err)
		}
		if _, text := try(string(raw)); !strings.Contains(text, "- "+place+": ") {
			t.Errorf("%s is not refused in %s: %s", place, raw, text)
		}
	}
	raw, err := json.Marshal(good())
	if err != nil {
		t.Fatal(err)
	}
	if got, text := try(string(raw)); got == nil {
		t.Fatal(text)
	}
	// walk tries every bad value at every place; set puts it there.
	var walk func(place string, s map[string]any, set func(args map[string]any, v any))
	walk = func(place string, s map[string]any, set func(map[string]any, any)) {
		if place != "" {
			for _, bad := range badValues(t, s) {
				args := good()
				set(args, bad)
				refused(place, args)
			}
		}
		if items, ok := s["items"].(map[string]any); ok {
			walk(place+"[0]", items, func(args map[string]any, v any) { set(args, []any{v}) })
		}
		properties, _ := s["properties"].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			inner := strings.TrimPrefix(place+"."+name, ".")
			get := func(args map[string]any) map[string]any {
				if place == "" {
					return args
				}
				return args["tasks"].([]any)[0].(map[string]any)
			}
			walk(inner, properties[name].(map[string]any), func(args map[string]any, v any) { get(args)[name] = v })
			if required, _ := s["required"].([]any); slices.Contains(required, any(name)) {
				args := good()
				delete(get(args), name)
				refused(inner, args)
			}
			if s["additionalProperties"] != false {
				t.Errorf("%q: additional properties are not forbidden", place)
			}
			args := good()
			get(args)[name+"x"] = 1
			refused(inner+"x", args)
		}
	}
	walk("", schema, nil)
	if tried < 100 {
		t.Errorf("only %d values were tried", tried)
	}
}

// badValues break each rule of s in turn.
func badValues(t *testing.T, s map[string]any) []any {
	t.Helper()
	bad := []any{nil}
	for typ, v := range map[string]any{"string": "text", "integer": 7, "boolean": true, "array": []any{}, "object": map[string]any{}, "fraction": 60.5} {
		if typ != s["type"] {
			bad = append(bad, v)
		}
	}
	for rule, v := range s {
		n, _ := v.(float64)
		switch rule {
		case "minimum":
			bad = append(bad, n-1, -1e300)
		case "maximum":
			bad = append(bad, n+1, 1e300)
		case "minLength", "minItems":
			if s["type"] == "string" {
				bad = append(bad, strings.Repeat("x", int(n)-1))
			} else {
				bad = append(bad, make([]any, int(n)-1))
			}
		case "maxLength":
			bad = append(bad, strings.Repeat("x", int(n)+1))
		case "maxItems":
			many := make([]any, int(n)+1)
			for i := range many {
				many[i] = map[string]any{"task_id": fmt.Sprint(i), "prompt": "p"}
			}
			bad = append(bad, many)
		case "enum":
			bad = append(bad, "no such value", "")
		case "pattern":
			bad = append(bad, " ", "\n")
		case "type", "description", "items", "properties", "required", "additionalProperties", "default":
		default:
			t.Errorf("this test does not know how to break %q", rule)
		}
	}
	return bad
}

// The schema names exactly the fields of task.Request, with matching types.
func TestSchemaHasTheFieldsOfTheRequest(t *testing.T) {
	var schema struct {
		Properties map[string]map[string]any
	}
	if err := json.Unmarshal(mcpserver.RunCodexTasksInput, &schema); err != nil {
		t.Fatal(err)
	}
	compare := func(typ reflect.Type, properties map[string]any) {
		names := map[string]string{}
		for f := range typ.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			ft := f.Type
			if ft.Kind() == reflect.Pointer {
				ft = ft.Elem()
			}
			names[name] = map[reflect.Kind]string{reflect.String: "string", reflect.Int: "integer", reflect.Bool: "boolean", reflect.Slice: "array"}[ft.Kind()]
		}
		got := map[string]string{}
		for name, p := range properties {
			p := p.(map[string]any)
			got[name] = fmt.Sprint(p["type"])
			if d, _ := p["description"].(string); len(d) < 20 {
				t.Errorf("%s has no good description", name)
			}
		}
		if diff := cmp.Diff(names, got); diff != "" {
			t.Error(diff)
		}
	}
	top := map[string]any{}
	for k, v := range schema.Properties {
		top[k] = v
	}
	compare(reflect.TypeFor[task.Request](), top)
	items := schema.Properties["tasks"]["items"].(map[string]any)
	compare(reflect.TypeFor[task.RequestTask](), items["properties"].(map[string]any))
}

func FuzzArguments(f *testing.F) {
	f.Add(`{"tasks":[{"task_id":"a","prompt":"p"}]}`)
	f.Add(`{"tasks":[{"task_id":"a","prompt":"p","timeout_sec":1e1}],"a":{"b":[1,{"c":null}]}}`)
	f.Add(`{"tasks":[{"task_id":"a","prompt":"\ud800"}],"concurrency":8.0}`)
	var got *task.Request
	s := newServer(f, newEngine(func(_ context.Context, _ string, req task.Request, _ func(task.Progress)) (task.RunResult, error) {
		got = &req
		return task.RunResult{}, nil
	}))
	f.Fuzz(func(t *testing.T, arguments string) {
		if !json.Valid([]byte(arguments)) || !strings.HasPrefix(strings.TrimSpace(arguments), "{") || strings.ContainsAny(arguments, "\r\n") {
			return
		}
		got = nil
		w := serve(t, s)
		w.send(callWith("1", "", arguments))
		w.answer("1")
		if got == nil {
			return
		}
		// What arrives keeps the contract, whatever was sent.
		if n := len(got.Tasks); n < 1 || n > 50 {
			t.Errorf("%d tasks", n)
		}
		ids := map[string]bool{}
		for _, task := range got.Tasks {
			if id := strings.ToLower(task.ID); ids[id] || id == "" || len(id) > 64 || strings.ContainsAny(id, "/\\\x00") || id == ".." || id == "." {
				t.Errorf("task id %q", task.ID)
			} else {
				ids[id] = true
			}
			if task.Prompt == "" || task.TimeoutSec != nil && (*task.TimeoutSec < 10 || *task.TimeoutSec > 600) {
				t.Errorf("task %+v", task)
			}
		}
		if got.Concurrency != nil && (*got.Concurrency < 1 || *got.Concurrency > 8) {
			t.Errorf("concurrency %d", *got.Concurrency)
		}
	})
}

package replay_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/replay"
)

func TestParseSaysEverythingThatIsWrong(t *testing.T) {
	_, err := replay.Parse([]byte(`{
		"conversations": [
			{"match": "", "steps": [
				{"items": [{"say": "a", "run": "b"}, {}, {"shout": "x"}, 7, {"say": 1}]},
				{},
				{"items": [{"say": "x"}], "fault": {"status": 500}},
				{"fault": "explode"},
				{"fault": {"status": 200}},
				{"fault": {"kind": "hang", "status": 500, "bytes": 1}},
				{"items": [{"call": {"namespace": "x", "arguments": []}}, {"raw": {"a": 1}}, {"event": []}]},
				{"items": [{"say": "x"}], "delay_ms": -1, "usage": {"inputs": 1}, "colour": "red"}
			]},
			{"match": "x", "steps": []}
		],
		"version": 1
	}`))
	var got replay.Invalid
	if !errors.As(err, &got) {
		t.Fatalf("got %v", err)
	}
	want := replay.Invalid{
		`unknown field "version"`,
		`conversations[0].steps[0].items[0]: want exactly one of say, think, run, patch, code, call, raw and event, got 2`,
		`conversations[0].steps[0].items[1]: want exactly one of say, think, run, patch, code, call, raw and event, got 0`,
		`conversations[0].steps[0].items[2]: unknown field "shout"`,
		`conversations[0].steps[0].items[2]: want exactly one of say, think, run, patch, code, call, raw and event, got 0`,
		`conversations[0].steps[0].items[3]: want an object, got 7`,
		`conversations[0].steps[0].items[4].say: want a string, got 1`,
		`conversations[0].steps[1]: has neither items nor a fault`,
		`conversations[0].steps[2]: has items, which a fault of kind status would never send`,
		`conversations[0].steps[3].fault: unknown kind "explode": want status, hang, cut, no_completed or flood`,
		`conversations[0].steps[4].fault.status: want 400 to 599, got 200`,
		`conversations[0].steps[5].fault: status, body and headers are for kind status`,
		`conversations[0].steps[5].fault.bytes: is for kind flood, and positive`,
		`conversations[0].steps[6].items[0].call.name: is missing`,
		`conversations[0].steps[6].items[0].call.arguments: want an object, got []`,
		`conversations[0].steps[6].items[1].raw: want an object with a type`,
		`conversations[0].steps[6].items[2].event: want an object with a type`,
		`conversations[0].steps[7]: unknown field "colour"`,
		`conversations[0].steps[7].usage: unknown field "inputs"`,
		`conversations[0].steps[7].delay_ms: is negative`,
		`conversations[1].steps: there are none`,
		`conversations[0]: matches everything, so nothing after it is ever used`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestParseSaysWhereJSONEnds(t *testing.T) {
	for in, want := range map[string]string{
		"":                     "not JSON",
		"{\n\"a\": 1,\n}":      "line 3",
		`[]`:                   "want an object",
		`{}`:                   "conversations: there are none",
		`{"conversations": 1}`: "conversations: want a list",
	} {
		if _, err := replay.Parse([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gave %v, want %q", in, err, want)
		}
	}
}

// FuzzParse: what Parse takes is a script that a server can use.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"conversations":[{"match":"","steps":[{"items":[{"run":"ls"}]},{"fault":"cut"}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := replay.Parse(data)
		if err != nil {
			return
		}
		for _, c := range s.Conversations {
			if len(c.Steps) == 0 {
				t.Error("a conversation without steps")
			}
			for _, step := range c.Steps {
				if len(step.Items) == 0 && step.Fault == nil {
					t.Error("a step that says nothing")
				}
			}
		}
	})
}

func TestLoad(t *testing.T) {
	name := filepath.Join(t.TempDir(), "s.json")
	if _, err := replay.Load(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(name, []byte(`{"conversations":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := replay.Load(name); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("the error does not name the file: %v", err)
	}
}

func TestDemoPatchesFitTheDemoRepository(t *testing.T) {
	script, repo := replay.Demo(), replay.DemoRepo()
	if len(script.Conversations) != 3 {
		t.Fatalf("the demo has %d conversations", len(script.Conversations))
	}
	for _, c := range script.Conversations {
		patches := 0
		for _, step := range c.Steps {
			for _, it := range step.Items {
				if it.Patch == nil {
					continue
				}
				patches++
				for _, problem := range misfits(repo, *it.Patch) {
					t.Errorf("%s: %s", c.Match, problem)
				}
			}
		}
		last := c.Steps[len(c.Steps)-1].Items
		if patches == 0 || last[len(last)-1].Say == nil {
			t.Errorf("%s: %d patches, and the last word is %+v", c.Match, patches, last)
		}
	}
}

// misfits says which lines a patch would remove and cannot, and which files it
// would add and are there.
func misfits(repo fs.FS, patch string) []string {
	var problems []string
	var content string
	for line := range strings.Lines(patch) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "*** Update File: "); ok {
			data, err := fs.ReadFile(repo, name)
			if err != nil {
				problems = append(problems, err.Error())
			}
			content = "\n" + string(data)
		}
		if name, ok := strings.CutPrefix(line, "*** Add File: "); ok {
			if _, err := fs.Stat(repo, name); err == nil {
				problems = append(problems, name+" is there already")
			}
		}
		if old, ok := strings.CutPrefix(line, "-"); ok && !strings.Contains(content, "\n"+old+"\n") {
			problems = append(problems, "no line "+old)
		}
	}
	return problems
}

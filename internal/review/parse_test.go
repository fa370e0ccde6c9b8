package review_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/review"
	"github.com/codex-mcp-runner/codex-mcp-runner/policies"
)

// answer is a report with one list given as JSON.
func answer(missingTasks string) string {
	if missingTasks == "" {
		missingTasks = "[]"
	}
	return `{"missing_tasks": ` + missingTasks + `, "dependency_issues": [], "parallelization_suggestions": [],
		"test_gaps": [], "risk_flags": [], "recommended_task_splits": []}`
}

func TestParse(t *testing.T) {
	for name, message := range map[string]string{
		"bare":           answer(`["Task 1 needs a migration."]`),
		"spaced":         "\n\n  " + answer(`["Task 1 needs a migration."]`) + "\n",
		"fenced":         "```json\n" + answer(`["Task 1 needs a migration."]`) + "\n```\n",
		"fenced, plain":  "```\r\n" + answer(`["Task 1 needs a migration."]`) + "\r\n```",
		"blanks":         answer(`["", "  ", "Task 1 needs a migration.", "\n"]`),
		"to be cleaned":  answer(`["\u001b[31mTask 1\n\tneeds a \u202emigration.\u0000"]`),
		"an odd surplus": answer("[\"Task 1 needs\\r\\na migration.\"\n]"),
	} {
		got, err := review.Parse(message)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := "Task 1 needs a migration."
		if name == "to be cleaned" {
			want = "[31mTask 1 needs a migration."
		}
		if diff := cmp.Diff([]string{want}, got.MissingTasks); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestParseSaysWhatDoesNotFit(t *testing.T) {
	for name, c := range map[string]struct {
		message string
		want    []string
	}{
		"empty":        {" \n", []string{"it is empty"}},
		"prose":        {"I looked at the plan and it is fine.", []string{"it is not one JSON object: it begins with text"}},
		"prose, then":  {"Here it is:\n" + answer(""), []string{"it is not one JSON object: it begins with text"}},
		"then prose":   {answer("") + "\nI hope that helps.", []string{"something follows the JSON object"}},
		"two objects":  {answer("") + answer(""), []string{"something follows the JSON object"}},
		"two fences":   {"```\n```json\n" + answer("") + "\n```\n```", []string{"it is not one JSON object: it begins with text"}},
		"list":         {"[]", []string{"it is not one JSON object: it begins with a list"}},
		"cut off":      {answer("")[:40], []string{"it is no valid JSON: unexpected EOF"}},
		"missing":      {`{"missing_tasks": [], "dependency_issues": [], "test_gaps": [], "risk_flags": []}`, []string{"parallelization_suggestions is missing", "recommended_task_splits is missing"}},
		"null":         {answer("null"), []string{"missing_tasks is null, not a list of strings"}},
		"a string":     {answer(`"none"`), []string{"missing_tasks is a string, not a list of strings"}},
		"objects":      {answer(`["a", {"task": 1}, 3, null, ["x"]]`), []string{"missing_tasks[1] is an object, not a string", "missing_tasks[2] is a number, not a string", "missing_tasks[3] is null, not a string", "missing_tasks[4] is a list, not a string"}},
		"another key":  {answer(`[], "verdict": "ok", "a": true`), []string{`"a" is no key of a report`, `"verdict" is no key of a report`}},
		"too many":     {answer(`["x"` + strings.Repeat(`,"x"`, 40) + `]`), []string{"missing_tasks has 41 entries, more than 40"}},
		"too long":     {answer(`["` + strings.Repeat("ä", 801) + `"]`), []string{"missing_tasks[0] has 801 characters, more than 800"}},
		"far too long": {strings.Repeat("x", 1<<20), []string{"it has 1048576 bytes, more than 262144"}},
		"deep":         {answer(strings.Repeat("[", 20000)), []string{"it is no valid JSON: invalid character '[' exceeded max depth"}},
	} {
		_, err := review.Parse(c.message)
		var misfit *review.Misfit
		if !errors.As(err, &misfit) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(c.want, misfit.Problems); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if !strings.Contains(err.Error(), misfit.Excerpt) || len(misfit.Excerpt) > 1300 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func schema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(policies.ReviewSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("review.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("review.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Strict mode wants every property required and no other allowed, and the
// schema must have the fields of Report.
func TestSchemaIsStrictAndFitsReport(t *testing.T) {
	var s struct {
		Type       string
		Additional *bool `json:"additionalProperties"`
		Required   []string
		Properties map[string]struct {
			Type, Description string
			Items             map[string]any
		}
	}
	dec := json.NewDecoder(bytes.NewReader(policies.ReviewSchema()))
	dec.DisallowUnknownFields() // no keyword that strict mode may not know
	if err := dec.Decode(&s); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(review.Analyse(""))
	if err != nil {
		t.Fatal(err)
	}
	var report map[string][]string
	if err := json.Unmarshal(b, &report); err != nil {
		t.Fatal(err)
	}
	if s.Type != "object" || s.Additional == nil || *s.Additional || len(s.Required) != len(report) || len(s.Properties) != len(report) {
		t.Errorf("%+v", s)
	}
	for _, name := range s.Required {
		property := s.Properties[name]
		if _, ok := report[name]; !ok || property.Type != "array" || property.Items["type"] != "string" || !strings.Contains(property.Description, "At most 40") {
			t.Errorf("%s: %+v", name, property)
		}
	}
}

// Parse takes what the schema takes and nothing else, up to its bounds; what it
// gives is printable.
func FuzzParse(f *testing.F) {
	f.Add(answer(`["Task 1 \u001b[0m needs a migration."]`))
	f.Add(answer(`[1]`))
	f.Add(answer(`[null, ""]`))
	f.Add(answer(`[], "x": 1`))
	f.Add("```json\n" + answer("") + "\n```")
	f.Add(`{"missing_tasks": [], "missing_tasks": null}`)
	f.Add("[]")
	s := schema(f)
	f.Fuzz(func(t *testing.T, message string) {
		report, err := review.Parse(message)
		if err == nil {
			b, err := json.Marshal(report)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := review.Parse(string(b)); err != nil || !cmp.Equal(report, again) {
				t.Fatalf("%s: %v", b, err)
			}
			for _, sentence := range report.MissingTasks {
				if strings.ContainsFunc(sentence, func(r rune) bool { return !unicode.IsPrint(r) }) || !utf8.ValidString(sentence) {
					t.Fatalf("not printable: %q", sentence)
				}
			}
		}
		if strings.HasPrefix(strings.TrimSpace(message), "```") || len(message) > 1000 {
			return // a fence, or beyond what the schema bounds
		}
		doc, bad := jsonschema.UnmarshalJSON(strings.NewReader(message))
		fits := bad == nil && s.Validate(doc) == nil
		if over := err != nil && strings.Contains(fmt.Sprint(err), "more than"); fits != (err == nil) && !over {
			t.Fatalf("Parse says %v, the schema %v", err, fits)
		}
	})
}

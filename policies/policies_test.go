package policies

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestEveryFileIsReadStrictly(t *testing.T) {
	for name, text := range map[string]string{
		"unknown key":   `{"conservative": {"cpu": 1}}`,
		"trailing data": `{} {}`,
		"bad size":      `{"normal": {"memory": "lots"}}`,
		"cut off":       `{`,
	} {
		if _, err := decode[map[string]Resources]("x.json", []byte(text)); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestResources(t *testing.T) {
	small, err := ResourcesFor("conservative")
	if err != nil {
		t.Fatal(err)
	}
	big, err := ResourcesFor("normal")
	if err != nil {
		t.Fatal(err)
	}
	if small.CPUs != 1 || small.Memory != 2<<30 || small.Pids != 256 || big.CPUs != 2 || big.Memory != 4<<30 || big.Pids != 512 {
		t.Errorf("%+v %+v", small, big)
	}
	for name, r := range map[string]Resources{"conservative": small, "normal": big} {
		if r.OpenFiles <= 0 || r.FileBytes <= 0 || r.Tmp <= 0 || r.Home <= 0 || r.Shm <= 0 {
			t.Errorf("%s leaves a limit out: %+v", name, r)
		}
		// All three are memory; were they as large, filling them would kill the task.
		if r.Tmp+r.Home+r.Shm >= r.Memory {
			t.Errorf("%s: the tmpfs sizes reach the memory limit", name)
		}
	}
	if _, err := ResourcesFor("huge"); err == nil {
		t.Error("an unknown policy has resources")
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{`"2GiB"`: 2 << 30, `"512m"`: 512 << 20, `"1.5k"`: 1536, `4096`: 4096, `0`: 0, `"1024GiB"`: 1 << 40} {
		var s Size
		if err := json.Unmarshal([]byte(text), &s); err != nil || s != want {
			t.Errorf("%s: got %d, %v", text, s, err)
		}
	}
	for _, text := range []string{`"lots"`, `""`, `"0"`, `"-1g"`, `-1`, `1.5`, `"Inf"`, `"NaN"`, `"0x10"`, `"9999999999PiB"`, `"1e400"`, `true`, `"5 potatoes"`} {
		var s Size
		if err := json.Unmarshal([]byte(text), &s); err == nil {
			t.Errorf("%s became %d", text, s)
		}
	}
	for s, want := range map[Size]string{2 << 30: "2GiB", 1536: "1536", 512 << 20: "512MiB", 0: "0"} {
		if s.String() != want {
			t.Errorf("%d is written %q", int64(s), s)
		}
	}
}

func TestCommandsAreConsistent(t *testing.T) {
	c, err := CommandRules()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(slices.Clone(c.Never), c.Shells...) {
		if r, ok := c.Inspection[name]; ok && name != "command" {
			t.Errorf("%s is both refused and allowed: %+v", name, r)
		}
	}
	var check func(name string, r Inspection)
	check = func(name string, r Inspection) {
		if !slices.Contains([]string{"", "sed", "directory"}, r.Check) {
			t.Errorf("%s: unknown check %q", name, r.Check)
		}
		for _, f := range slices.Concat(r.Refuse, r.Only, r.Global) {
			if !strings.HasPrefix(f, "-") || len(f) < 2 {
				t.Errorf("%s: %q is no flag", name, f)
			}
		}
		for sub, inner := range r.Subcommands {
			check(name+" "+sub, inner)
		}
	}
	for name, r := range c.Inspection {
		check(name, r)
	}
}

func TestSecretRulesAreComplete(t *testing.T) {
	rules, err := SecretRules()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		if r.Name == "" || r.Kind == "" && (len(r.Prefixes) == 0 || r.Body == "" || r.Min < 8) {
			t.Errorf("%+v", r)
		}
	}
}

func TestPatternsAreReadStrictly(t *testing.T) {
	for _, text := range []string{"title = ", "new_kind = 1", "[[rules]]\nid = \"a\"\nunless = \"b\""} {
		if p, err := decodePatterns([]byte(text)); err == nil {
			t.Errorf("%q became %+v", text, p)
		}
	}
	p, err := GitleaksRules()
	if err != nil || len(p.Rules) < 200 {
		t.Errorf("%v", err)
	}
}

func TestEnvironmentNames(t *testing.T) {
	e, err := EnvironmentRules()
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range e.Variables {
		if e.Never(name) || !slices.Contains([]string{"sandbox", "policy", "host"}, v.From) || (v.From == "policy") != (v.Value != "") {
			t.Errorf("%s: %+v", name, v)
		}
	}
	for name, want := range map[string]bool{"A_KEY": true, "a_Token": true, "X_SECRET": true, "Y_PASSWORD": true, "KEYBOARD": false, "NODE_ENV": false} {
		if e.Never(name) != want {
			t.Errorf("Never(%s) is %v", name, !want)
		}
	}
}

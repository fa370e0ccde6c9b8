package nearest

import (
	"strings"
	"testing"
)

func TestTo(t *testing.T) {
	known := []string{"allowed_commands", "cpus", "default_timeout_sec", "id", "image", "max_runs_retained", "prompt", "repo"}
	for name, want := range map[string]string{
		"promt":                   "prompt",
		"pormpt":                  "prompt",
		"Prompt":                  "prompt",
		"cpu":                     "cpus",
		"default_timout_sec":      "default_timeout_sec",
		"maxRunsRetained":         "max_runs_retained",
		"max-runs retained":       "max_runs_retained",
		"allow_command":           "allowed_commands",
		"iamge":                   "image",
		"di":                      "", // both letters differ
		"ix":                      "id",
		"":                        "",
		"temperature":             "",
		"xyz":                     "",
		strings.Repeat("p", 1e6):  "",
		"default_prompt_commands": "",
	} {
		if got := To(name, known); got != want {
			t.Errorf("%.40q: %q, want %q", name, got, want)
		}
	}
	if got := To("prompt", nil); got != "" {
		t.Errorf("of nothing: %q", got)
	}
}

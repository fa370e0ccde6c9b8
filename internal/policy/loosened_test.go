package policy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/config"
)

func TestWhatAConfigurationLoosensIsSaid(t *testing.T) {
	for text, want := range map[string][]string{
		`{}`:                          {},
		`{"network_policy": "allow"}`: {"network_policy"},
		`{"sandbox_mode": "read-only", "command_policy": "enforce"}`:        {},
		`{"command_policy": "audit", "sandbox_mode": "danger-full-access"}`: {"sandbox_mode", "command_policy"},
	} {
		cfg, err := config.Parse(config.FileName, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for _, s := range Loosened(cfg.NetworkPolicy, cfg.SandboxMode, cfg.CommandPolicy) {
			field, _, _ := strings.Cut(s, " ")
			got = append(got, field)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

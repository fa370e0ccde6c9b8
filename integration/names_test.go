//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// What a patch does to names and symlinks can depend on what it does not touch.
func TestAPatchIsJudgedBesideWhatItLeaves(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, command string
		want          []string // "severity rule evidence"
		status        task.Status
	}{
		{
			"names that are one elsewhere", `mkdir SRC && echo 1 >SRC/evil.js && echo 2 >readme.md && echo 3 >STRASSE && echo 4 >$'cafe\u0301' && echo 5 >$'\u212aelvin'`,
			[]string{
				"error case-collision SRC/evil.js", "error case-collision STRASSE", "error case-collision cafe\u0301",
				"error case-collision readme.md", "error case-collision \u212aelvin",
			},
			task.Failed,
		},
		{
			"a way out that was there", `ln -s out/passwd a && mkdir docs && ln -s ../deep/up/../x docs/b && echo x >Out`,
			[]string{"error case-collision Out", "error symlink-escapes a", "error symlink-escapes docs/b"},
			task.Failed,
		},
		{"a symlink led elsewhere", `unlink deep/dir/keep && rmdir deep/dir && ln -s . deep/dir`, []string{"error symlink-escapes turn"}, task.Failed},
		{"files below what was a symlink", `unlink deep/up && mkdir deep/up && mv old.txt deep/up/new.txt`, []string{"warning symlink-replaced deep/up/new.txt"}, task.Success},
		{"nothing of the kind", `echo 1 >>src/sum.js && echo 2 >src/new.js && mv README.md readme.md && ln -s src/new.js link`, nil, task.Success},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, does(c.command))
			for name, content := range map[string]string{"stra\u00dfe": "s", "caf\u00e9": "c", "kelvin": "k", "deep/dir/keep": ""} {
				h.write(name, content)
			}
			for name, target := range map[string]string{"out": "/etc", "deep/up": "..", "turn": "deep/dir/../../old.txt"} {
				if err := os.Symlink(target, filepath.Join(h.repo, name)); err != nil {
					t.Fatal(err)
				}
			}
			h.commit("names and symlinks")
			r := h.serve().run("x")
			var got []string
			for _, f := range r.Findings {
				if slices.Contains([]string{"case-collision", "symlink-escapes", "symlink-replaced"}, f.Rule) {
					got = append(got, string(f.Severity)+" "+f.Rule+" "+f.Evidence)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if r.Status != c.status || !r.PatchApplicable {
				t.Errorf("%s, want %s: %+v %s\n%s", r.Status, c.status, r.Failure, r.ApplyCheckLog, h.heard())
			}
		})
	}
}

package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func TestATaskIsAppliedWithAllThatItDependsOn(t *testing.T) {
	p := newPastWithCommit(t)
	p.diamond(t)
	if out, code, err := p.run(t, "verify", "d"); code != exitOK {
		t.Errorf("verify: code %d, %v\n%s", code, err, out)
	}
	out, code, err := p.run(t, "apply", "d", "bottom", "--json")
	if code != exitOK {
		t.Fatalf("apply: code %d, %v\n%s", code, err, out)
	}
	var got task.ApplyResult
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	subjects := strings.Split(p.git(t, "log", "--reverse", "--format=%(trailers:key=Codex-Task,valueonly,separator=)", "HEAD..codex/d"), "\n")
	if diff := cmp.Diff([]string{"top", "left", "right", "bottom"}, subjects); diff != "" || !got.Applied || got.Head != p.git(t, "rev-parse", "codex/d") {
		t.Errorf("%+v\n%s", got, diff)
	}
	if text := p.git(t, "show", "codex/d:top"); text != "top\nright" {
		t.Errorf("top holds %q", text)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(p.runs), ".apply*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	if _, err := os.Lstat(filepath.Join(p.runs, "d", "seen")); err != nil {
		t.Errorf("what was applied counts as unseen: %v", err)
	}
}

// restorer makes a directory again what it is now.
func restorer(t *testing.T, dir string) func() {
	t.Helper()
	kept := filepath.Join(t.TempDir(), "kept")
	if err := os.CopyFS(kept, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := errors.Join(os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(kept))); err != nil {
			t.Fatal(err)
		}
	}
}

// What was judged is what is applied, or nothing is.
func TestApplyRefusesAJournalThatWasChanged(t *testing.T) {
	edit := func(name, old, repl string) func(t *testing.T, dir journal.Dir) {
		return func(t *testing.T, dir journal.Dir) {
			t.Helper()
			b, err := os.ReadFile(dir.Path(name))
			if err != nil || !strings.Contains(string(b), old) {
				t.Fatalf("%v, no %q in\n%s", err, old, b)
			}
			if err := os.WriteFile(dir.Path(name), []byte(strings.ReplaceAll(string(b), old, repl)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	p := newPastWithCommit(t)
	dir := p.diamond(t)
	restore := restorer(t, dir.Path(""))
	for name, c := range map[string]struct {
		change func(t *testing.T, dir journal.Dir)
		want   string
	}{
		"a dependency's patch": {edit("tasks/top/task.patch", "+top", "+evil"), `"top" does not verify: the patch is not the one`},
		"the task's own patch": {edit("tasks/bottom/task.patch", "+bottom", "+evil"), `"bottom" does not verify: the patch is not the one`},
		"no attestation": {func(t *testing.T, dir journal.Dir) {
			t.Helper()
			if err := os.Remove(dir.Path("tasks/left/attestation.json")); err != nil {
				t.Fatal(err)
			}
		}, `"left" does not verify: there is a patch and no attestation`},
		"a genuine attempt that was not chosen": {func(t *testing.T, dir journal.Dir) {
			t.Helper()
			chosen, err := os.ReadFile(dir.Path("tasks/right/task.patch"))
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range []string{"1", "2"} {
				other, err := os.ReadFile(dir.Path("tasks/right/attempts/" + n + "/task.patch"))
				if err != nil {
					t.Fatal(err)
				}
				if string(other) == string(chosen) {
					continue
				}
				for _, name := range []string{"task.patch", "attestation.json", "result.json"} {
					b, err := os.ReadFile(dir.Path("tasks/right/attempts/" + n + "/" + name))
					if err := errors.Join(err, os.WriteFile(dir.Path("tasks/right/"+name+".new"), b, 0o600), os.Rename(dir.Path("tasks/right/"+name+".new"), dir.Path("tasks/right/"+name))); err != nil {
						t.Fatal(err)
					}
				}
			}
		}, `"bottom" does not verify: its patch is attested for the commit`},
		"a dependency more": {edit("run.json", `"depends_on": []`, `"depends_on": ["nothing"]`), `"top" does not verify: the spec in run.json`},
		"a cycle":           {edit("run.json", `"top"`, `"bottom"`), `does not verify`},
		"another base":      {edit("run.json", `"base_commit": "`, `"base_commit": "0`), `does not verify`},
	} {
		t.Run(name, func(t *testing.T) {
			restore()
			c.change(t, dir)
			before := p.git(t, "for-each-ref")
			out, code, err := p.run(t, "apply", "d", "bottom")
			if code != exitRefused || !strings.Contains(err.Error(), c.want) || out != "" {
				t.Errorf("code %d, %v\n%s", code, err, out)
			}
			if after := p.git(t, "for-each-ref"); after != before {
				t.Errorf("refs:\n%s\n%s", before, after)
			}
		})
	}
}

func TestApplyIsAllOrNothing(t *testing.T) {
	p := newPastWithCommit(t)
	p.happened(t, "r", map[string]func(string, int) error{
		"good": does("new", "x"),
		"clash": func(dir string, _ int) error {
			return os.WriteFile(filepath.Join(dir, "shared"), []byte("codex\n"), 0o644)
		},
	}, task.RequestTask{ID: "good", Prompt: "good"}, task.RequestTask{ID: "clash", Prompt: "clash"})
	base := p.git(t, "rev-parse", "HEAD")
	if err := os.WriteFile(filepath.Join(p.repo, "shared"), []byte("mine\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, code, err := p.run(t, "apply", "r", "--checkout"); code != exitRefused || !strings.Contains(err.Error(), "shared") {
		t.Errorf("a dirty checkout: code %d, %v", code, err)
	}
	p.git(t, "commit", "-q", "-am", "mine")
	mine := p.git(t, "rev-parse", "HEAD")
	for _, args := range [][]string{{"--checkout", "--dry-run"}, {"--checkout"}} {
		out, code, err := p.run(t, append([]string{"apply", "r"}, args...)...)
		if code != exitNo || !strings.Contains(out, "shared") || p.git(t, "rev-parse", "HEAD") != mine || p.git(t, "status", "--porcelain") != "" {
			t.Errorf("%v: code %d, %v\n%s", args, code, err, out)
		}
	}
	out, code, err := p.run(t, "apply", "r", "good", "--checkout", "--json")
	var got task.ApplyResult
	if jerr := json.Unmarshal([]byte(out), &got); jerr != nil || code != exitOK || !got.Applied || got.Start != mine || got.Head != p.git(t, "rev-parse", "HEAD") {
		t.Errorf("one that fits: code %d, %v, %v\n%s", code, err, jerr, out)
	}
	if _, err := os.Lstat(filepath.Join(p.repo, "new")); err != nil {
		t.Error(err)
	}
	if out, code, err := p.run(t, "apply", "r", "--branch", "both"); code != exitOK || p.git(t, "merge-base", "both", base) != base {
		t.Errorf("on a branch: code %d, %v\n%s", code, err, out)
	}
	if _, code, err := p.run(t, "apply", "r", "--branch", "both"); code != exitRefused || !strings.Contains(err.Error(), "both") {
		t.Errorf("a branch that is taken: code %d, %v", code, err)
	}
	if _, code, err := p.run(t, "apply", "r", "nope"); code != exitRefused || !strings.Contains(err.Error(), "It has good, clash.") {
		t.Errorf("an unknown task: code %d, %v", code, err)
	}
}

func TestApplySaysThatTheBaseIsGone(t *testing.T) {
	p := newPastWithCommit(t)
	p.happened(t, "r", map[string]func(string, int) error{"good": does("new", "x")}, task.RequestTask{ID: "good", Prompt: "good"})
	p.git(t, "commit", "-q", "--amend", "-m", "another")
	p.git(t, "reflog", "expire", "--expire=now", "--all")
	p.git(t, "gc", "-q", "--prune=now")
	if _, code, err := p.run(t, "apply", "r"); code != exitRefused || !strings.Contains(err.Error(), "not in the repository any more") {
		t.Errorf("code %d, %v", code, err)
	}
}

func TestApplyLeavesOutWhatIsNoSuccess(t *testing.T) {
	p := newPast(t)
	p.good(t)
	_, code, err := p.run(t, "apply", "r1", "bad-path")
	if code != exitRefused || !strings.Contains(err.Error(), `"bad-path" is failed, no success`) {
		t.Errorf("code %d, %v", code, err)
	}
	_, code, err = p.run(t, "apply", "r1", "never", "--accept-unsuccessful", "never")
	if code != exitRefused || !strings.Contains(err.Error(), `"never" has no patch (no outcome to attest: skipped)`) {
		t.Errorf("code %d, %v", code, err)
	}
}

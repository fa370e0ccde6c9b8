package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofrs/flock"
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

// lost makes a run one whose process was killed before the tasks named had a result.
func lost(t *testing.T, dir journal.Dir, without ...string) {
	t.Helper()
	record, err := os.ReadFile(dir.Path("run.json"))
	err = errors.Join(err, os.Remove(dir.Path("result.json")),
		os.WriteFile(dir.Path("run.json"), []byte(strings.Replace(string(record), `"state": "done"`, `"state": "running"`, 1)), 0o600))
	for _, id := range without {
		err = errors.Join(err, os.RemoveAll(dir.Path("tasks/"+id)))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A server that is killed takes nothing with it of what was a success by then.
func TestWhatALostRunHasDoneIsApplied(t *testing.T) {
	p := newPastWithCommit(t)
	dir := p.diamond(t)
	lost(t, dir, "bottom", "right")
	if out, code, err := p.run(t, "verify", "d"); code != exitOK || !strings.Contains(out, "no outcome to attest: the run is lost") {
		t.Errorf("verify: code %d, %v\n%s", code, err, out)
	}
	for _, args := range [][]string{{"bottom"}, {"right", "left"}, {"right", "--accept-unsuccessful", "right"}} {
		_, code, err := p.run(t, append([]string{"apply", "d"}, args...)...)
		if code != exitRefused || !strings.Contains(err.Error(), `"right" of run "d" has no result; the run is lost`) {
			t.Errorf("%v: code %d, %v", args, code, err)
		}
	}
	if _, code, err := p.run(t, "diff", "d", "right"); code != exitRefused || !strings.Contains(err.Error(), "it will not get one") {
		t.Errorf("diff: code %d, %v", code, err)
	}
	if out, code, err := p.run(t, "show", "d"); code != exitOK || !strings.Contains(out, "runs apply d") {
		t.Errorf("show: code %d, %v\n%s", code, err, out)
	}
	if out, code, err := p.run(t, "apply", "d"); code != exitOK {
		t.Fatalf("code %d, %v\n%s", code, err, out)
	}
	if files := p.git(t, "ls-tree", "--name-only", "codex/d"); files != "left\nshared\ntop" {
		t.Errorf("applied: %s", files)
	}
	patch := dir.Path("tasks/top/task.patch")
	b, err := os.ReadFile(patch)
	if err := errors.Join(err, os.WriteFile(patch, []byte(strings.Replace(string(b), "+top", "+evil", 1)), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, code, err := p.run(t, "apply", "d", "left", "--branch", "b"); code != exitRefused || !strings.Contains(err.Error(), `"top" does not verify`) {
		t.Errorf("a patch that was changed: code %d, %v", code, err)
	}
}

func TestARunThatGoesOnIsNotApplied(t *testing.T) {
	p := newPastWithCommit(t)
	dir := p.diamond(t)
	lost(t, dir, "bottom")
	held := flock.New(dir.Path("lock"))
	if ok, err := held.TryLock(); err != nil || !ok {
		t.Fatal(ok, err)
	}
	defer held.Unlock()
	if _, code, err := p.run(t, "apply", "d"); code != exitRefused || !strings.Contains(err.Error(), `The run "d" goes on. Wait until it is done`) {
		t.Errorf("code %d, %v", code, err)
	}
	if out, code, err := p.run(t, "show", "d"); code != exitOK || strings.Contains(out, "runs apply") || !strings.Contains(out, "watch d") {
		t.Errorf("show: code %d, %v\n%s", code, err, out)
	}
}

func TestApplyToACheckoutWithoutACommit(t *testing.T) {
	p := newPastWithCommit(t)
	p.happened(t, "r", map[string]func(string, int) error{"good": does("new", "x")}, task.RequestTask{ID: "good", Prompt: "good"})
	p.git(t, "checkout", "-q", "--orphan", "unborn")
	_, code, err := p.run(t, "apply", "r", "--checkout")
	if code != exitRefused || !strings.Contains(err.Error(), "has no commit yet") || strings.Contains(err.Error(), "base_ref") {
		t.Errorf("code %d, %v", code, err)
	}
	if out, code, err := p.run(t, "apply", "r"); code != exitOK {
		t.Errorf("a branch: code %d, %v\n%s", code, err, out)
	}
}

// All checkouts of a repository have its runs, and each takes them for itself.
func TestALinkedWorktreeSharesTheRunsOfItsRepository(t *testing.T) {
	p := newPastWithCommit(t)
	linked := p
	linked.repo = filepath.Join(t.TempDir(), "lwt")
	p.git(t, "worktree", "add", "-q", "-b", "side", linked.repo)
	p.happened(t, "m", map[string]func(string, int) error{"a": does("of-main", "x")}, task.RequestTask{ID: "a", Prompt: "a"})
	linked.happened(t, "l", map[string]func(string, int) error{"b": does("of-linked", "x")}, task.RequestTask{ID: "b", Prompt: "b"})
	for _, from := range []past{p, linked} {
		if out, code, err := from.run(t, "list"); code != exitOK || !strings.Contains(out, "\nm ") || !strings.Contains(out, "\nl ") {
			t.Errorf("%s: code %d, %v\n%s", from.repo, code, err, out)
		}
	}
	main := p.git(t, "rev-parse", "HEAD")
	if out, code, err := linked.run(t, "apply", "m", "--checkout"); code != exitOK {
		t.Fatalf("code %d, %v\n%s", code, err, out)
	}
	if _, err := os.Lstat(filepath.Join(linked.repo, "of-main")); err != nil {
		t.Error(err)
	}
	if p.git(t, "rev-parse", "HEAD") != main || p.git(t, "status", "--porcelain") != "" || linked.git(t, "status", "--porcelain") != "" {
		t.Errorf("the main checkout: %s\nthe linked: %s", p.git(t, "status", "--porcelain"), linked.git(t, "status", "--porcelain"))
	}
}

// The server of one checkout does not take a run of another's for one that is lost.
func TestARunOfAnotherCheckoutIsNotRecovered(t *testing.T) {
	p := newPastWithCommit(t)
	linked := filepath.Join(t.TempDir(), "lwt")
	p.git(t, "worktree", "add", "-q", linked)
	alive, _ := p.begun(t, "alive", task.Running)
	dead, _ := p.begun(t, "dead", task.Running)
	if err := os.Remove(dead.Path("lock")); err != nil { // as if its process had died
		t.Fatal(err)
	}
	svc := p.service(t)
	for _, dir := range []string{linked, p.repo} {
		svc.recoverHere(t.Context(), &rootFlags{repo: dir})
	}
	runs, err := svc.Runs(t.Context(), linked)
	if err != nil || len(runs) != 2 {
		t.Fatalf("%+v, %v", runs, err)
	}
	for _, r := range runs {
		if want := map[string]task.RunStatus{"alive": task.RunRunning, "dead": task.RunLost}[r.RunID]; r.Status != want {
			t.Errorf("%s is %s", r.RunID, r.Status)
		}
	}
	if len(svc.recovered) != 2 {
		t.Errorf("an apply that was killed is looked for in %v", svc.recovered)
	}
	if err := alive.Finish(task.RunResult{RunID: "alive", Status: task.RunDone}); err != nil {
		t.Errorf("its lock was taken away: %v", err)
	}
}

// What is removed after a lost run is where its worktrees are: its record names no
// directory.
func TestWhatIsLeftOfALostRunIsRemoved(t *testing.T) {
	p := newPastWithCommit(t)
	work := filepath.Join(filepath.Dir(p.runs), "work", "r")
	if err := os.MkdirAll(work, 0o700); err != nil {
		t.Fatal(err)
	}
	run, _ := p.begun(t, "r", task.Running)
	if err := os.Remove(run.Path("lock")); err != nil {
		t.Fatal(err)
	}
	p.service(t).recoverHere(t.Context(), &rootFlags{repo: p.repo})
	if _, err := os.Lstat(work); err == nil {
		t.Error("it is still there")
	}
}

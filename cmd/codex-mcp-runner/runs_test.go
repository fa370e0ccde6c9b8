package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/attest"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/workspace"
)

// past is a repository with a journal, as the runner leaves it.
type past struct {
	repo, state, runs string // runs is the journal's directory of runs
}

const commit = "0123456789abcdef0123456789abcdef01234567"

func newPast(t *testing.T) past {
	t.Helper()
	p := past{repo: t.TempDir(), state: t.TempDir()}
	t.Setenv("XDG_STATE_HOME", p.state)
	if out, err := exec.CommandContext(t.Context(), "git", "init", "-q", p.repo).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	repo, err := workspace.Open(t.Context(), p.repo, workspace.Options{})
	if err != nil {
		t.Fatal(err)
	}
	home, err := journal.Home(os.Getenv, repo.CommonDir())
	if err != nil {
		t.Fatal(err)
	}
	p.runs = filepath.Join(home, "runs")
	return p
}

// ended is one task of a run, as it came out.
type ended struct {
	id      string
	verdict task.Verdict
	patch   string
	// without leaves the task as one that was never judged.
	without bool
	result  *task.Result // in the run's result, if another
}

var (
	succeeded = task.Verdict{Status: task.Success, Findings: []task.Finding{{Rule: "mode-change"}, {Rule: "mode-change"}}}
	ruledOut  = task.Verdict{
		Status: task.Failed, Failure: &task.Failure{Kind: task.FailRule}, Findings: []task.Finding{{Rule: "path-not-allowed"}},
	}
	timedOut = task.Verdict{Status: task.Timeout, Failure: &task.Failure{Kind: task.FailTimeout}}
)

// keep writes a run the way the runner does: patch, attestation, result.
func (p past) keep(t *testing.T, id string, at time.Time, tasks ...ended) *journal.Run {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	a, err := newAttester(os.Getenv)
	check(err)
	j, err := journal.Open(filepath.Dir(p.runs), filepath.Join(p.repo, ".git"), p.repo)
	check(err)
	plan := task.Plan{RunID: id}
	for _, e := range tasks {
		plan.Tasks = append(plan.Tasks, task.Spec{
			RunID: id, ID: e.id, Prompt: "<do> \u2028 it", Env: map[string]string{"LANG": "\xff"}, AllowedPaths: []string{"src/**"},
		})
	}
	run, err := j.Begin(plan, commit, at)
	check(err)
	result := task.RunResult{RunID: id, BaseCommit: commit}
	for i, e := range tasks {
		r := task.Result{TaskID: e.id, Status: e.verdict.Status, Failure: e.verdict.Failure, Findings: e.verdict.Findings}
		if !e.without {
			dir, err := run.Task(e.id)
			check(err)
			if e.patch != "" {
				check(dir.Write("task.patch", []byte(e.patch)))
			}
			ev := task.Evidence{Spec: plan.Tasks[i], Exit: task.Exit{ImageID: "sha256:ab"}}
			b, err := a.attest(commit, ev, e.verdict, commit, []byte(e.patch), at)
			check(err)
			check(dir.Write(task.FileAttestation, b))
			b, err = json.Marshal(r)
			check(err)
			check(dir.Write("result.json", b))
		}
		if e.result != nil {
			r = *e.result
		}
		result.Results = append(result.Results, r)
	}
	check(run.Finish(result))
	return run
}

// good is a run with every kind of task that is in order.
func (p past) good(t *testing.T) *journal.Run {
	t.Helper()
	broken := task.Verdict{Status: task.Failed, Failure: &task.Failure{Kind: task.FailInternal}}
	return p.keep(t, "r1", time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC),
		ended{id: "fix", verdict: succeeded, patch: "diff\xff\x00"},
		ended{id: "bad-path", verdict: ruledOut, patch: "diff 2"},
		ended{id: "nothing-changed", verdict: succeeded},
		ended{id: "slow", verdict: timedOut},
		ended{id: "never", verdict: task.Verdict{Status: task.Skipped}, without: true},
		ended{id: "broken", verdict: broken, without: true},
		ended{id: "not-removed", verdict: succeeded, patch: "diff 3", result: &task.Result{
			TaskID: "not-removed", Status: task.Failed, Failure: &task.Failure{Kind: task.FailInternal},
		}},
	)
}

// run gives what a command of runs prints and its exit code.
func (p past) run(t *testing.T, args ...string) (out string, code int, err error) {
	t.Helper()
	return execute(t, nil, append([]string{"--repo", p.repo, "runs"}, args...)...)
}

// execute gives what a command line prints and its exit code.
func execute(t *testing.T, stdin io.Reader, args ...string) (out string, code int, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := newRoot(nil)
	cmd.SetArgs(args)
	cmd.SetIn(stdin)
	cmd.SetOut(&stdout)
	cmd.SetErr(&stderr)
	err = cmd.ExecuteContext(t.Context())
	return stdout.String(), exitCode(t.Context(), err), err
}

var attested = regexp.MustCompile(`attested \d{4}-\d\d-\d\d \d\d:\d\d:\d\d`)

func TestVerifySaysThatAllIsInOrder(t *testing.T) {
	p := newPast(t)
	p.good(t)
	want := `fix              ok  success, attested WHEN
bad-path         ok  failed, attested WHEN
nothing-changed  ok  success, attested WHEN
slow             ok  timeout, attested WHEN
never            ok  no outcome to attest: skipped
broken           ok  no outcome to attest: failed (internal)
not-removed      ok  success, attested WHEN
`
	for _, args := range [][]string{{"verify"}, {"verify", "r1"}} {
		out, code, err := p.run(t, args...)
		if diff := cmp.Diff(want, attested.ReplaceAllString(out, "attested WHEN")); diff != "" || code != exitOK {
			t.Errorf("%v: code %d, %v\n%s", args, code, err, diff)
		}
	}
}

func TestVerifyJSON(t *testing.T) {
	p := newPast(t)
	p.good(t)
	out, code, err := p.run(t, "verify", "--json")
	var got runCheck
	if derr := json.Unmarshal([]byte(out), &got); derr != nil || code != exitOK {
		t.Fatalf("code %d, %v, %v\n%s", code, err, derr, out)
	}
	key, err := attest.PublicKey(filepath.Join(p.state, "codex-mcp-runner"))
	if err != nil {
		t.Fatal(err)
	}
	if got.RunID != "r1" || !got.OK || got.KeyID != attest.KeyID(key) || len(got.Tasks) != 7 {
		t.Errorf("got %s", out)
	}
	st := got.Tasks[0].Attested
	if st == nil || st.Subject[0].Digest["sha256"] != attest.Describe("", []byte("diff\xff\x00")).Digest["sha256"] || len(st.Predicate.Policies) < 4 {
		t.Errorf("attested %+v", st)
	}
	if age := time.Since(st.Predicate.FinishedOn); age < 0 || age > time.Hour || !st.Predicate.StartedOn.Equal(time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)) {
		t.Errorf("times %v, %v", st.Predicate.StartedOn, st.Predicate.FinishedOn)
	}
}

func TestVerifyARunThatIsNotDone(t *testing.T) {
	p := newPast(t)
	run := p.keep(t, "r1", time.Unix(1, 0), ended{id: "fix", verdict: succeeded, patch: "x"}, ended{id: "later", without: true})
	b, err := os.ReadFile(run.Path("run.json"))
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(os.Remove(run.Path("result.json")),
		os.WriteFile(run.Path("run.json"), bytes.Replace(b, []byte(`"done"`), []byte(`"lost"`), 1), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	out, code, err := p.run(t, "verify")
	if code != exitOK || !strings.Contains(out, "fix    ok  success, attested") || !strings.Contains(out, "later  ok  no outcome to attest: the run is lost") {
		t.Errorf("code %d, %v\n%s", code, err, out)
	}
	if out, code, err := p.run(t, "show"); code != exitOK || !strings.Contains(out, "run r1, lost when its process died") {
		t.Errorf("show: code %d, %v\n%s", code, err, out)
	}
	if err := plant(run.Path(""), "later", "task.patch"); err != nil {
		t.Fatal(err)
	}
	if out, code, _ := p.run(t, "verify"); code != exitFault || !strings.Contains(out, "later  WRONG  there is a patch and no attestation") {
		t.Errorf("code %d\n%s", code, out)
	}
}

func TestVerifyWithAnotherKey(t *testing.T) {
	p := newPast(t)
	p.good(t)
	key := filepath.Join(p.state, "codex-mcp-runner", attest.KeyFile)
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, code, err := p.run(t, "verify"); code != exitRefused || !strings.Contains(err.Error(), "0644") {
		t.Errorf("a key that all can read: code %d, %v", code, err)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if _, code, err := p.run(t, "verify"); code != exitRefused || !strings.Contains(err.Error(), "no attestation key") {
		t.Errorf("no key: code %d, %v", code, err)
	}
	if _, err := os.Lstat(key); err == nil {
		t.Error("to verify made a key")
	}
	if _, err := newAttester(os.Getenv); err != nil {
		t.Fatal(err)
	}
	if out, code, _ := p.run(t, "verify"); code != exitFault || strings.Count(out, "signed with another key") != 5 {
		t.Errorf("a new key: code %d\n%s", code, out)
	}
}

func TestARunThatIsNotThere(t *testing.T) {
	p := newPast(t)
	for _, command := range []string{"verify", "show"} {
		if _, code, err := p.run(t, command); code != exitRefused || !strings.Contains(err.Error(), "no runs") {
			t.Errorf("%s, no runs: code %d, %v", command, code, err)
		}
	}
	if _, err := os.Lstat(p.runs); err == nil {
		t.Error("to look for runs made the journal")
	}
	p.good(t)
	for _, command := range []string{"verify", "show"} {
		for _, id := range []string{"nope", "..", "../runs/r1", "\x1b[2J"} {
			_, code, err := p.run(t, command, id)
			if code != exitRefused || !strings.Contains(err.Error(), `It has "r1".`) || strings.ContainsRune(err.Error(), '\x1b') {
				t.Errorf("%s %q: code %d, %v", command, id, code, err)
			}
		}
		for _, args := range [][]string{{command, ""}, {command, "r1", "r2"}} {
			if _, code, err := p.run(t, args...); code != exitRefused {
				t.Errorf("%q: code %d, %v", args, code, err)
			}
		}
	}
}

func TestListAndShow(t *testing.T) {
	p := newPast(t)
	p.good(t)
	p.keep(t, "r0-later", time.Date(2026, 5, 7, 0, 0, 0, 0, time.UTC), ended{id: "a", verdict: succeeded})
	out, code, err := p.run(t, "list")
	lines := strings.Split(out, "\n")
	if code != exitOK || len(lines) != 4 || !strings.HasPrefix(lines[0], "RUN ") || !strings.HasPrefix(lines[1], "r0-later  done ") || !strings.HasPrefix(lines[2], "r1        done ") {
		t.Errorf("list: code %d, %v\n%s", code, err, out)
	}
	if out, code, err := p.run(t, "show"); code != exitOK || !strings.Contains(out, "success") || strings.Contains(out, "bad-path") {
		t.Errorf("show: code %d, %v\n%s", code, err, out)
	}
	if out, code, err := p.run(t, "show", "r1"); code != exitOK || !strings.Contains(out, "bad-path") {
		t.Errorf("show r1: code %d, %v\n%s", code, err, out)
	}
	result := filepath.Join(p.runs, "r1", "result.json")
	b, err := os.ReadFile(result)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(result, bytes.ReplaceAll(b, []byte(`"failed"`), []byte(`"\u001b[2J"`)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code, err := p.run(t, "show", "r1"); code != exitOK || !strings.Contains(out, `\x1b[2J`) || strings.ContainsRune(out, '\x1b') {
		t.Errorf("a hostile status: code %d, %v\n%q", code, err, out)
	}
	if err := os.WriteFile(filepath.Join(p.runs, "r1", "run.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code, err := p.run(t, "list"); code != exitFault || !strings.Contains(out, "r0-later") {
		t.Errorf("a broken run: code %d, %v\n%s", code, err, out)
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

const aPatch = "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-x\r\n+y\x1b[2J\r\n"

// withPatches is a journal with one run: a patch, a task that failed with one, and
// one that changed nothing.
func withPatches(t *testing.T) past {
	t.Helper()
	p := newPast(t)
	results := map[string]*task.Result{
		"fix": {TaskID: "fix", Status: task.Success, PatchPath: "/p"},
		"bad": {TaskID: "bad", Status: task.Failed, Failure: ruledOut.Failure, Findings: ruledOut.Findings, PatchPath: "/p"},
	}
	p.keep(t, "r1", time.Unix(1, 0),
		ended{id: "fix", verdict: task.Verdict{Status: task.Success}, patch: aPatch, result: results["fix"]},
		ended{id: "bad", verdict: ruledOut, patch: aPatch, result: results["bad"]},
		ended{id: "none", verdict: succeeded})
	return p
}

func TestDiff(t *testing.T) {
	p := withPatches(t)
	shown := strings.NewReplacer("\x1b", `\x1b`, "\r", `\r`).Replace(aPatch)
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "# fix: success\n" + shown + "# bad: failed\n" + shown},
		{[]string{"r1", "bad"}, "# bad: failed\n" + shown},
		{[]string{"r1", "none"}, "# none: success\n"},
		{[]string{"r1", "fix", "--raw"}, aPatch},
		{[]string{"r1", "--raw"}, aPatch + aPatch},
	} {
		out, code, err := p.run(t, append([]string{"diff"}, c.args...)...)
		if diff := cmp.Diff(c.want, out); code != exitOK || diff != "" {
			t.Errorf("%v: code %d, %v (-want +got):\n%s", c.args, code, err, diff)
		}
	}
	if _, code, err := p.run(t, "diff", "r1", "nope"); code != exitRefused || !strings.Contains(err.Error(), `It has fix, bad, none.`) {
		t.Errorf("no such task: code %d, %v", code, err)
	}
	out, code, err := p.run(t, "diff", "--json")
	var pages []task.Page
	if jerr := json.Unmarshal([]byte(out), &pages); jerr != nil || code != exitOK || len(pages) != 2 {
		t.Fatalf("code %d, %v, %v\n%s", code, err, jerr, out)
	}
	if pages[0].Text != aPatch || pages[0].RunID != "r1" || pages[0].Section != task.SectionPatch || pages[0].More {
		t.Errorf("got %+v", pages[0])
	}
}

// What looks like a secret goes to nobody who has not asked for the bytes.
func TestDiffHidesSecrets(t *testing.T) {
	const key = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJ"
	p := newPast(t)
	patch := strings.Replace(aPatch, "+y", "+key = \""+key+"\"", 1)
	p.keep(t, "r1", time.Unix(1, 0), ended{
		id: "fix", verdict: task.Verdict{Status: task.Success}, patch: patch,
		result: &task.Result{TaskID: "fix", Status: task.Success, PatchPath: "/p"},
	})
	for args, want := range map[string]bool{"diff": false, "diff --json": false, "diff --raw": true} {
		out, code, err := p.run(t, strings.Fields(args)...)
		if code != exitOK || strings.Contains(out, key) != want || !strings.Contains(out, "key = ") {
			t.Errorf("%s: code %d, %v\n%s", args, code, err, out)
		}
	}
}

func TestOpen(t *testing.T) {
	p := newPast(t)
	run := p.keep(t, "r1", time.Unix(1, 0), ended{id: "a", verdict: succeeded})
	path := run.Path(task.FileReport)
	// A browser is not sent elsewhere by a link in the journal.
	elsewhere := filepath.Join(t.TempDir(), "x")
	if err := errors.Join(os.WriteFile(elsewhere, nil, 0o600), os.Symlink(elsewhere, path)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	t.Setenv("WSL_DISTRO_NAME", "")
	for _, args := range [][]string{{"open", "--print"}, {"open", "r1"}} {
		if out, code, err := p.run(t, args...); code != exitOK || out != path+"\n" {
			t.Errorf("%v: code %d, %v, %q", args, code, err, out)
		}
	}
	info, err := os.Lstat(path)
	html, rerr := os.ReadFile(path)
	if err != nil || rerr != nil || !info.Mode().IsRegular() || info.Mode().Perm() != 0o600 || !strings.Contains(string(html), "r1") {
		t.Errorf("the report: %v, %v, %v, %.100q", info, err, rerr, html)
	}
	if b, err := os.ReadFile(elsewhere); err != nil || len(b) > 0 {
		t.Errorf("it was written through a link: %q %v", b, err)
	}
}

func TestHasDisplay(t *testing.T) {
	for _, c := range []struct {
		goos, name string
		want       bool
	}{{"darwin", "", true}, {"linux", "", false}, {"linux", "DISPLAY", true}, {"linux", "WAYLAND_DISPLAY", true}, {"linux", "WSL_DISTRO_NAME", true}} {
		got := hasDisplay(c.goos, func(name string) string {
			if name == c.name {
				return "x"
			}
			return ""
		})
		if got != c.want {
			t.Errorf("%s with %q: %t", c.goos, c.name, got)
		}
	}
}

func TestWatchARunThatIsOver(t *testing.T) {
	p := withPatches(t)
	out, code, err := execute(t, nil, "--repo", p.repo, "watch", "r1")
	if code != exitNo || !strings.Contains(out, "bad") || !strings.Contains(err.Error(), "1 of 3 tasks are no success") {
		t.Errorf("done: code %d, %v\n%s", code, err, out)
	}
	if _, code, err := execute(t, nil, "--repo", p.repo, "watch"); code != exitRefused || !strings.Contains(err.Error(), "No run goes on") {
		t.Errorf("none goes on: code %d, %v", code, err)
	}
	lose(t, filepath.Join(p.runs, "r1"))
	out, code, err = execute(t, nil, "--repo", p.repo, "watch", "r1", "--json")
	var got task.RunResult
	if jerr := json.Unmarshal([]byte(out), &got); jerr != nil || code != exitNo || got.Status != task.RunLost || !strings.Contains(err.Error(), "was lost") {
		t.Errorf("lost: code %d, %v, %v\n%s", code, err, jerr, out)
	}
}

// lose makes a run what its owner's death leaves.
func lose(t *testing.T, dir string) {
	t.Helper()
	file := filepath.Join(dir, "run.json")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(os.Remove(filepath.Join(dir, "result.json")),
		os.WriteFile(file, []byte(strings.Replace(string(b), `"done"`, `"running"`, 1)), 0o600))
	if err != nil {
		t.Fatal(err)
	}
}

// A state directory in which nothing can be read is not one without runs. (To root
// everything is readable: here a file is in the way.)
func TestAStateDirectoryThatCannotBeUsed(t *testing.T) {
	p := newPast(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_STATE_HOME", file)
	t.Setenv("DOCKER_HOST", "unix:///nonexistent")
	for _, args := range []string{"runs list", "runs list --json", "runs show", "runs show r1", "runs diff", "watch", "gc --dry-run", "gc --dry-run --all"} {
		out, code, err := execute(t, nil, append([]string{"--repo", p.repo}, strings.Fields(args)...)...)
		var told bytes.Buffer
		complain(&told, err)
		if code != exitRefused || out != "" || strings.Count(told.String(), "point XDG_STATE_HOME at one") != 1 || strings.Contains(told.String(), "no runs") {
			t.Errorf("%s: code %d, stdout %q, stderr:\n%s", args, code, out, &told)
		}
		if n := strings.Count(told.String(), "\n"); n != 1 && !strings.HasPrefix(args, "gc") { // gc asks the engine too
			t.Errorf("%s: %d complaints:\n%s", args, n, &told)
		}
	}
}

func TestGCOutsideARepositoryNamesTheWayOut(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	_, code, err := execute(t, nil, "--repo", t.TempDir(), "gc", "--dry-run")
	if code != exitRefused || !strings.Contains(err.Error(), "With --all") {
		t.Errorf("code %d, %v", code, err)
	}
}

func TestTheDiffOfARunThatGoesOnSaysSo(t *testing.T) {
	p := newPast(t)
	j, err := journal.Open(filepath.Dir(p.runs), p.repo, p.repo)
	if err != nil {
		t.Fatal(err)
	}
	run, err := j.Begin(task.Plan{RunID: "r1"}, commit, time.Unix(1, 0))
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"--json=false", "--json", "--raw"} {
		var stdout, stderr bytes.Buffer
		cmd := newRoot(nil)
		cmd.SetArgs([]string{"--repo", p.repo, "runs", "diff", flag})
		cmd.SetOut(&stdout)
		cmd.SetErr(&stderr)
		if err := cmd.ExecuteContext(t.Context()); err != nil || !strings.Contains(stderr.String(), "r1 is still running") || strings.Contains(stdout.String(), "running") {
			t.Errorf("%s: %v, %q, %q", flag, err, &stdout, &stderr)
		}
	}
	if err := run.Finish(task.RunResult{RunID: "r1", Status: task.RunDone}); err != nil {
		t.Fatal(err)
	}
}

func TestARunIsFoundByTheBeginningOfItsID(t *testing.T) {
	p := newPast(t)
	for i, id := range []string{"20260101-a", "20260102-b", "20260102"} {
		p.keep(t, id, time.Unix(int64(i), 0), ended{id: "a", verdict: succeeded})
	}
	for id, want := range map[string]string{"20260101": "20260101-a", "20260102": "20260102", "20260102-": "20260102-b"} {
		out, code, err := p.run(t, "verify", id, "--json")
		if code != exitOK || !strings.Contains(out, `"run_id": "`+want+`"`) {
			t.Errorf("%s: code %d, %v\n%s", id, code, err, out)
		}
	}
	if _, code, err := p.run(t, "show", "2026"); code != exitRefused || !strings.Contains(err.Error(), `3 runs begin with "2026". Give more of the id; the newest two are 20260102 and 20260102-b.`) {
		t.Errorf("ambiguous: code %d, %v", code, err)
	}
	if _, code, err := p.run(t, "apply", "20260101"); code != exitRefused || !strings.Contains(err.Error(), "no run") {
		t.Errorf("apply: code %d, %v", code, err)
	}
	if _, code, err := p.run(t, "apply"); code != exitRefused || !strings.Contains(err.Error(), "the newest is 20260102,") {
		t.Errorf("apply without a run: code %d, %v", code, err)
	}
}

func TestListAsJSON(t *testing.T) {
	p := newPast(t)
	type list struct {
		Runs  []task.RunSummary `json:"runs"`
		Total int               `json:"total"`
	}
	var none, two list
	out, _, err := p.run(t, "list", "--json")
	if jerr := json.Unmarshal([]byte(out), &none); err != nil || jerr != nil || none.Runs == nil || len(none.Runs) != 0 {
		t.Errorf("no runs: %v, %v\n%s", err, jerr, out)
	}
	p.keep(t, "r1", time.Unix(1, 0), ended{id: "a", verdict: succeeded}, ended{id: "b", verdict: timedOut})
	p.keep(t, "r2", time.Unix(2, 0), ended{id: "a", verdict: succeeded})
	out, _, err = p.run(t, "list", "--json")
	if jerr := json.Unmarshal([]byte(out), &two); err != nil || jerr != nil || two.Total != 2 || two.Runs[0].RunID != "r2" || two.Runs[1].Succeeded != 1 {
		t.Errorf("two runs: %v, %v\n%s", err, jerr, out)
	}
}

func TestCompletion(t *testing.T) {
	p := withPatches(t)
	p.keep(t, "r2", time.Unix(2, 0), ended{id: "a", verdict: succeeded})
	for _, c := range []struct {
		words string
		want  []string
	}{
		{"runs show _", []string{"r2", "r1"}},
		{"runs show r1 _", nil},
		{"runs diff r1 _", []string{"fix", "bad", "none"}},
		{"runs diff r1 bad _", []string{"fix", "none"}},
		{"runs apply _", []string{"r2", "r1"}},
		{"runs apply r1 --accept-unsuccessful _", []string{"fix", "bad", "none"}},
		{"watch _", []string{"r2", "r1"}},
		{"run --resource-policy _", []string{"conservative", "normal"}},
		{"run --base-ref _", nil},
		{"doctor --log-level _", []string{"debug", "info", "warn", "error"}},
	} {
		args := append([]string{"__complete", "--repo", p.repo}, strings.Fields(c.words)...)
		args[len(args)-1] = "" // the word at which the person stands
		out, _, err := execute(t, nil, args...)
		var got []string
		for line := range strings.Lines(out) {
			word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
			if word != "" && !strings.HasPrefix(word, ":") {
				got = append(got, word)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, %v", c.words, got, err)
		}
	}
}

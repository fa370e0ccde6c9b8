package journal_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func open(t *testing.T) (*journal.Journal, string) {
	t.Helper()
	home := filepath.Join(t.TempDir(), "home")
	j, err := journal.Open(home, "/src/app/.git", "/src/app")
	if err != nil {
		t.Fatal(err)
	}
	return j, filepath.Join(home, "runs")
}

func begin(t *testing.T, j *journal.Journal, id string, at time.Time) *journal.Run {
	t.Helper()
	run, err := j.Begin(task.Plan{RunID: id}, "abc", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { runtime.KeepAlive(run) }) // a run that is collected as garbage has lost its lock
	return run
}

func TestHomeIsStableAndTellsRepositoriesApart(t *testing.T) {
	env := func(kv map[string]string) func(string) string { return func(k string) string { return kv[k] } }
	a, err := journal.Home(env(map[string]string{"HOME": "/home/u"}), "/src/app/.git")
	if err != nil || !strings.HasPrefix(a, "/home/u/.local/state/codex-mcp-runner/app-") {
		t.Fatalf("got %q, %v", a, err)
	}
	b, _ := journal.Home(env(map[string]string{"HOME": "/home/u"}), "/other/app/.git")
	if a == b {
		t.Error("two repositories of one name share a home")
	}
	if bare, _ := journal.Home(env(map[string]string{"HOME": "/home/u"}), "/src/app.git"); !strings.HasPrefix(bare, "/home/u/.local/state/codex-mcp-runner/app.git-") {
		t.Errorf("a bare repository: %q", bare)
	}
	c, _ := journal.Home(env(map[string]string{"HOME": "/home/u", "XDG_STATE_HOME": "/state"}), "/src/app")
	if filepath.Dir(c) != "/state/codex-mcp-runner" {
		t.Errorf("XDG_STATE_HOME is not used: %q", c)
	}
	if _, err := journal.Home(env(nil), "/src/app"); len(task.Refusals(err)) != 1 {
		t.Errorf("no HOME gave %v, want a refusal", err)
	}
}

func TestARunIsWrittenForItsOwnerOnly(t *testing.T) {
	j, dir := open(t)
	run := begin(t, j, "r1", time.Now())
	td, err := run.Task("t1")
	if err != nil {
		t.Fatal(err)
	}
	w, err := td.Append("transcript.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("{}\n")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := td.Write("task.patch", []byte("diff")); err != nil {
		t.Fatal(err)
	}
	if err := run.Finish(task.RunResult{RunID: "r1"}); err != nil {
		t.Fatal(err)
	}
	var files int
	err = filepath.Walk(dir, func(path string, fi os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		want := os.FileMode(0o600)
		if fi.IsDir() {
			want = 0o700
		} else {
			files++
		}
		if fi.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", path, fi.Mode().Perm(), want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// run.json, result.json, lock, transcript, patch: and no temporary file.
	if files != 5 {
		t.Errorf("got %d files, want 5", files)
	}
}

func TestARunIDIsUsedOnce(t *testing.T) {
	j, _ := open(t)
	if err := j.CheckNew("r1"); err != nil {
		t.Errorf("before: %v", err)
	}
	begin(t, j, "r1", time.Now())
	_, err := j.Begin(task.Plan{RunID: "r1"}, "abc", time.Now())
	for _, err := range []error{err, j.CheckNew("r1")} {
		if r := task.Refusals(err); len(r) != 1 || r[0].Where != "run_id" {
			t.Errorf("got %v, want a refusal of run_id", err)
		}
	}
}

func TestRecoverMarksDeadRunsLostAndLeavesLiveOnesAlone(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	j, err := journal.Open(home, "/src/app/.git", "/src/app")
	if err != nil {
		t.Fatal(err)
	}
	live := begin(t, j, "live", time.Now())
	if err := begin(t, j, "done", time.Now()).Finish(task.RunResult{}); err != nil {
		t.Fatal(err)
	}
	// A dead process leaves what a live one has, but no lock.
	dead := begin(t, j, "dead", time.Now())
	if err := os.Remove(dead.Path("lock")); err != nil {
		t.Fatal(err)
	}

	refuse := errors.New("cannot clean yet")
	if _, err := j.Recover(func(journal.Record) error { return refuse }); !errors.Is(err, refuse) {
		t.Fatalf("got %v, want %v", err, refuse)
	}
	var cleaned []string
	lost, err := j.Recover(func(r journal.Record) error { cleaned = append(cleaned, r.RunID); return nil })
	if err != nil {
		t.Fatal(err)
	}
	if len(lost) != 1 || lost[0].RunID != "dead" || len(cleaned) != 1 || cleaned[0] != "dead" {
		t.Errorf("lost %v, cleaned %v; want dead alone", lost, cleaned)
	}
	if lost, err := j.Recover(func(journal.Record) error { return nil }); err != nil || len(lost) != 0 {
		t.Errorf("a second time: %v, %v", lost, err)
	}
	if err := live.Finish(task.RunResult{}); err != nil {
		t.Error(err)
	}
}

// A run that ends while Recover looks at it is done and not lost.
func TestRecoverLeavesARunThatJustEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, _ := open(t)
		run := begin(t, j, "r", time.Now())
		go func() {
			time.Sleep(7 * time.Millisecond) // when the lock has been asked for, and will be again
			if err := run.Finish(task.RunResult{}); err != nil {
				t.Error(err)
			}
		}()
		lost, err := j.Recover(func(journal.Record) error { return nil })
		if err != nil || len(lost) != 0 {
			t.Errorf("lost %v, %v", lost, err)
		}
		if saved := load(t, j, "r"); saved.Status != task.RunDone {
			t.Errorf("the run is %s", saved.Status)
		}
	})
}

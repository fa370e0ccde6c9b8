package journal_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// kept is a journal with a done run, a live one and the beginnings of a third.
func kept(t *testing.T) (*journal.Journal, string) {
	t.Helper()
	j, dir := open(t)
	t0 := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	done := begin(t, j, "zz-old", t0)
	td, err := done.Task("t1")
	if err != nil {
		t.Fatal(err)
	}
	if err := td.Write("task.patch", []byte("diff\xff")); err != nil {
		t.Fatal(err)
	}
	if err := done.Finish(task.RunResult{RunID: "zz-old", BaseCommit: "abc"}); err != nil {
		t.Fatal(err)
	}
	begin(t, j, "aa-new", t0.Add(time.Hour))
	if err := os.Mkdir(filepath.Join(dir, "just-begun"), 0o700); err != nil {
		t.Fatal(err)
	}
	return journal.At(filepath.Dir(dir)), dir
}

func ids(records []journal.Record) (ids []string) {
	for _, r := range records {
		ids = append(ids, r.RunID)
	}
	return ids
}

func TestReadingMakesNothing(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	if records, err := journal.At(home).List(); err != nil || len(records) != 0 {
		t.Errorf("got %v, %v from a home that is not there", records, err)
	}
	for _, id := range []string{"", "r"} {
		if _, err := journal.At(home).Load(id); len(task.Refusals(err)) != 1 {
			t.Errorf("Load(%q): %v, want a refusal", id, err)
		}
	}
	if _, err := os.Lstat(home); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading made the home: %v", err)
	}
}

func TestRunsAreListedTheNewestFirst(t *testing.T) {
	j, _ := kept(t)
	records, err := j.List()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"aa-new", "zz-old"}, ids(records)); diff != "" {
		t.Error(diff)
	}
}

func TestABrokenRecordHidesNoOtherRun(t *testing.T) {
	for name, spoil := range map[string]func(run string) error{
		"no JSON":  func(run string) error { return os.WriteFile(filepath.Join(run, "run.json"), []byte("{"), 0o600) },
		"a folder": func(run string) error { return replaceByDir(filepath.Join(run, "run.json")) },
		"a copy":   func(run string) error { return os.Rename(run, run+"-copy") },
		"a link":   func(run string) error { return linkAway(filepath.Join(run, "run.json")) },
	} {
		t.Run(name, func(t *testing.T) {
			j, dir := kept(t)
			if err := spoil(filepath.Join(dir, "aa-new")); err != nil {
				t.Fatal(err)
			}
			records, err := j.List()
			if err == nil {
				t.Error("the broken run goes unmentioned")
			}
			if diff := cmp.Diff([]string{"zz-old"}, ids(records)); diff != "" {
				t.Error(diff)
			}
			if saved, err := j.Load(""); err != nil || saved.Record.RunID != "zz-old" {
				t.Errorf("the newest that can be read: %v, %v", saved, err)
			}
			if name != "a copy" {
				if _, err := j.Load("aa-new"); err == nil || len(task.Refusals(err)) != 0 {
					t.Errorf("Load of the broken one: %v, want a fault and no refusal", err)
				}
			}
		})
	}
}

func replaceByDir(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) }

// linkAway makes the file a symbolic link to a good copy of itself.
func linkAway(path string) error {
	return errors.Join(os.Rename(path, path+".real"), os.Symlink(path+".real", path))
}

func TestLoad(t *testing.T) {
	j, dir := kept(t)
	saved, err := j.Load("zz-old")
	if err != nil {
		t.Fatal(err)
	}
	if saved.Record.State != task.RunDone || saved.Result == nil || saved.Result.BaseCommit != "abc" {
		t.Errorf("got %+v", saved)
	}
	tasks, err := saved.Tasks()
	if diff := cmp.Diff([]string{"t1"}, tasks); err != nil || diff != "" {
		t.Error(err, diff)
	}
	td, err := saved.Task("t1")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := td.Read("task.patch"); err != nil || string(b) != "diff\xff" {
		t.Errorf("got %q, %v", b, err)
	}
	if _, err := td.Read("other"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want that it does not exist", err)
	}

	live, err := j.Load("")
	if err != nil || live.Record.RunID != "aa-new" || live.Result != nil {
		t.Errorf("the newest is %+v, %v", live, err)
	}
	if tasks, err := live.Tasks(); err != nil || tasks != nil {
		t.Errorf("a run that has no tasks yet: %v, %v", tasks, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "zz-old", "result.json"), []byte("[]"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Load("zz-old"); err == nil {
		t.Error("a result that is none goes unmentioned")
	}
}

func TestLoadNamesTheRunsThatThereAre(t *testing.T) {
	j, _ := kept(t)
	for _, id := range []string{"nope", "..", ".", "../runs/zz-old", "zz-old/", "zz-old/tasks", "-h", "\x1b[2J", "ZZ-OLD"} {
		_, err := j.Load(id)
		refusals := task.Refusals(err)
		if len(refusals) != 1 || !strings.Contains(refusals[0].Mend, `"aa-new", "zz-old"`) {
			t.Errorf("%q: got %v, want a refusal that names both runs", id, err)
			continue
		}
		if strings.ContainsRune(err.Error(), '\x1b') {
			t.Errorf("%q reaches the terminal as it is", id)
		}
	}
}

func TestManyRunsAreNotAllNamed(t *testing.T) {
	j, dir := open(t)
	for i := range 13 {
		begin(t, j, "r"+string(rune('a'+i)), time.Unix(int64(i), 0))
	}
	_, err := journal.At(filepath.Dir(dir)).Load("x")
	if err == nil || !strings.Contains(err.Error(), `"rm", "rl"`) || !strings.Contains(err.Error(), `"rd", and 3 older ones.`) {
		t.Errorf("got %v", err)
	}
}

func TestATaskIsReadInsideItsRunOnly(t *testing.T) {
	j, dir := kept(t)
	saved, err := j.Load("zz-old")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"", ".", "..", "../..", "a/b", "/etc", "t1/../../x"} {
		if td, err := saved.Task(id); err == nil {
			t.Errorf("%q leads to %s", id, td.Path(""))
		}
	}
	patch := filepath.Join(dir, "zz-old", "tasks", "t1", "task.patch")
	if err := linkAway(patch); err != nil {
		t.Fatal(err)
	}
	td, err := saved.Task("t1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := td.Read("task.patch"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a symbolic link was read as a patch: %v", err)
	}
}

// What cannot be read is refused once, whoever asks.
func TestAJournalThatCannotBeRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a\x1b[2J")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	j := journal.At(filepath.Join(file, "home"))
	_, list := j.List()
	_, summaries := j.Summaries()
	_, newest := j.Load("")
	_, one := j.Load("r1")
	_, garbage := j.Garbage(1)
	_, homes := journal.Homes(file)
	for name, err := range map[string]error{"List": list, "Summaries": summaries, "newest": newest, "Load": one, "Garbage": garbage, "Homes": homes} {
		all := task.Refusals(err)
		if len(all) != 1 || !strings.Contains(all[0].What, "cannot be read") || !strings.Contains(all[0].Mend, "XDG_STATE_HOME") || strings.ContainsRune(err.Error(), '\x1b') {
			t.Errorf("%s: %v", name, err)
		}
	}
}

package journal_test

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
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

func finished(t *testing.T, j *journal.Journal, id string, at time.Time) *journal.Run {
	t.Helper()
	run := begin(t, j, id, at)
	if err := run.Finish(task.RunResult{RunID: id}); err != nil {
		t.Fatal(err)
	}
	return run
}

func left(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func TestPruneKeepsWhatLivesAndWhatNobodyHasSeen(t *testing.T) {
	j, dir := open(t)
	t0 := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	live := begin(t, j, "0-live", t0)
	finished(t, j, "0-work", t0)
	made := filepath.Join(dir, "0-work", "tasks", "a")
	if err := os.MkdirAll(made, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(made, "task.patch"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, id := range []string{"1-unseen", "2-seen", "3-unseen", "4-seen", "5-seen", "6-unseen"} {
		finished(t, j, id, t0.Add(time.Duration(i+1)*time.Hour))
		if strings.HasSuffix(id, "-seen") {
			for range 2 {
				if err := j.MarkSeen(id); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, step := range []struct {
		keep int
		want string
	}{
		{8, "0-live 0-work 1-unseen 2-seen 3-unseen 4-seen 5-seen 6-unseen"},
		{3, "0-live 0-work 1-unseen 3-unseen 4-seen 5-seen 6-unseen"}, // 1-unseen is the sixth, and six is twice three
		{2, "0-live 0-work 3-unseen 5-seen 6-unseen"},
		{0, "0-live 0-work"},
	} {
		if err := j.Prune(step.keep); err != nil {
			t.Fatal(err)
		}
		if got := left(t, dir); got != step.want {
			t.Errorf("keep %d leaves\n%s, want\n%s", step.keep, got, step.want)
		}
	}
	if err := live.Finish(task.RunResult{}); err != nil {
		t.Fatal(err)
	}
	if got := left(t, filepath.Dir(dir)); got != "checkout repository runs" {
		t.Errorf("the home has %s", got)
	}
}

func TestALiveRunIsNotSeen(t *testing.T) {
	j, dir := open(t)
	run := begin(t, j, "r", time.Now())
	if err := j.MarkSeen("r"); err != nil {
		t.Fatal(err)
	}
	if got := left(t, filepath.Join(dir, "r")); got != "lock run.json" {
		t.Errorf("the run has %s", got)
	}
	if err := run.Finish(task.RunResult{}); err != nil {
		t.Fatal(err)
	}
	if err := j.MarkSeen(".."); len(task.Refusals(err)) != 1 {
		t.Errorf("got %v, want a refusal", err)
	}
}

// paths is everything below a directory.
func paths(t *testing.T, dir string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	if err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		all[path] = true
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func below(path string, items []journal.Item) bool {
	return slices.ContainsFunc(items, func(i journal.Item) bool {
		return path == i.Path || strings.HasPrefix(path, i.Path+"/")
	})
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Whatever a home holds, Garbage changes nothing, Remove removes what it listed
// and nothing else, and after that there is nothing to list. Live runs keep all
// that they have.
func TestADryRunListsExactlyWhatARealOneRemoves(t *testing.T) {
	for seed := range uint64(25) {
		r := rand.New(rand.NewPCG(seed, 1))
		j, dir := open(t)
		home := filepath.Dir(dir)
		var live []string
		for i := range r.IntN(12) {
			id := fmt.Sprintf("%sr%d", []string{"", "."}[r.IntN(2)], i)
			run := begin(t, j, id, time.Unix(int64(r.IntN(5)), 0))
			if _, err := run.Attempt("t", 1); err != nil {
				t.Fatal(err)
			}
			if r.IntN(2) == 0 {
				put(t, filepath.Join(home, "work", id, "t", "file"), "12345")
			}
			if r.IntN(2) == 0 {
				put(t, run.Path("tasks/t/attempts/1/.task.patch.123"), "part")
			}
			switch r.IntN(4) {
			case 0:
				live = append(live, id)
			case 1: // its process died
				if err := os.Remove(run.Path("lock")); err != nil {
					t.Fatal(err)
				}
			default:
				if err := run.Finish(task.RunResult{}); err != nil {
					t.Fatal(err)
				}
			}
			if r.IntN(2) == 0 {
				if err := j.MarkSeen(id); err != nil {
					t.Fatal(err)
				}
			}
		}
		if r.IntN(2) == 0 {
			put(t, filepath.Join(home, "work", "no-run", "t", "file"), "12345")
			put(t, filepath.Join(home, ".removing.77", "r", "run.json"), "{}")
			put(t, filepath.Join(home, ".repository.5"), "of this very moment")
			put(t, filepath.Join(home, ".repository.6"), "old")
			if err := os.Chtimes(filepath.Join(home, ".repository.6"), time.Time{}, time.Now().Add(-2*time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
		keep := r.IntN(6)

		before := paths(t, home)
		items, err := j.Garbage(keep)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, paths(t, home)); diff != "" {
			t.Fatalf("seed %d: a dry run changed something:\n%s", seed, diff)
		}
		removed, err := j.Remove(items, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(items, removed); diff != "" {
			t.Fatalf("seed %d: listed (-) and removed (+):\n%s", seed, diff)
		}
		want := maps.Clone(before)
		maps.DeleteFunc(want, func(path string, _ bool) bool { return below(path, items) })
		after := paths(t, home)
		for path := range after { // the lock of a dead run is made anew by whoever takes it
			if strings.HasSuffix(path, "/lock") {
				want[path] = true
			}
		}
		if diff := cmp.Diff(want, after); diff != "" {
			t.Fatalf("seed %d, keep %d: what should be left (-) and is (+):\n%s", seed, keep, diff)
		}
		for path := range before {
			for _, id := range live {
				if strings.Contains(path, "/"+id+"/") && below(path, items) {
					t.Fatalf("seed %d: %s of a live run went", seed, path)
				}
			}
		}
		if again, err := j.Garbage(keep); err != nil || len(again) != 0 {
			t.Fatalf("seed %d: a second time there is %v, %v", seed, again, err)
		}
	}
}

// What a command that was killed kept beside the runs goes, that of one at work
// does not.
func TestGarbageHasDirectoriesOfCommandsThatWereKilled(t *testing.T) {
	j, dir := open(t)
	home := filepath.Dir(dir)
	for name, age := range map[string]time.Duration{".apply.1": 2 * time.Hour, ".apply.2": 0, "apply": 2 * time.Hour} {
		put(t, filepath.Join(home, name, "store", "x"), "x")
		if err := os.Chtimes(filepath.Join(home, name), time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	items, err := j.Garbage(1)
	if err != nil || len(items) != 1 || filepath.Base(items[0].Path) != ".apply.1" || items[0].Bytes != 1 {
		t.Fatalf("got %+v, %v", items, err)
	}
	if removed, err := j.Remove(items, nil); err != nil || len(removed) != 1 {
		t.Fatalf("removed %+v, %v", removed, err)
	}
	if _, err := os.Lstat(items[0].Path); err == nil {
		t.Error("it is still there")
	}
}

func TestGarbageHasSizesAndLeavesKeptWorktrees(t *testing.T) {
	j, dir := open(t)
	home := filepath.Dir(dir)
	finished(t, j, "kept", time.Now())
	put(t, filepath.Join(home, "work", "kept", "t", "file"), "12345")
	put(t, filepath.Join(home, "work", "orphan", "t", "file"), "12345")
	if err := os.Symlink("/", filepath.Join(home, "work", "orphan", "t", "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(home, "work", "orphan", "t", "file"), filepath.Join(home, "work", "orphan", "second")); err != nil {
		t.Fatal(err)
	}
	items, err := j.Garbage(10)
	if err != nil {
		t.Fatal(err)
	}
	want := []journal.Item{{Kind: journal.ItemWork, Path: filepath.Join(home, "work", "orphan"), RunID: "orphan", Bytes: 5}}
	if diff := cmp.Diff(want, items); diff != "" {
		t.Error(diff)
	}
	var asked []string
	removed, err := j.Remove(items, func(dir string) error { asked = append(asked, dir); return fs.ErrPermission })
	if err == nil || len(removed) != 0 || len(asked) != 1 || asked[0] != want[0].Path {
		t.Errorf("removed %v, asked for %v, %v", removed, asked, err)
	}
}

// Between the list and the removal, a run of that name may have been made anew.
func TestRemoveLeavesWhatIsNotWhatWasListed(t *testing.T) {
	j, dir := open(t)
	finished(t, j, "a", time.Unix(1, 0))
	put(t, filepath.Join(filepath.Dir(dir), "work", "a", "t"), "")
	items, err := j.Garbage(0)
	if err != nil || len(items) != 2 {
		t.Fatal(items, err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "a")); err != nil {
		t.Fatal(err)
	}
	again := begin(t, j, "a", time.Unix(2, 0))
	for _, state := range []string{"live", "done"} {
		if removed, err := j.Remove(items, nil); err != nil || len(removed) != 0 {
			t.Errorf("%s: removed %v, %v", state, removed, err)
		}
		if state == "live" {
			if err := again.Finish(task.RunResult{}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestHomes(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	env := func(key string) string {
		return map[string]string{"XDG_STATE_HOME": filepath.Dir(root), "HOME": root}[key]
	}
	root = filepath.Join(filepath.Dir(root), "codex-mcp-runner")
	if homes, err := journal.Homes(root); err != nil || len(homes) != 0 {
		t.Errorf("no root: %v, %v", homes, err)
	}
	there, gone := t.TempDir(), filepath.Join(t.TempDir(), "line\nend")
	want := []journal.HomeInfo{}
	for _, repo := range []string{there, gone} {
		home, err := journal.Home(env, repo)
		if err != nil {
			t.Fatal(err)
		}
		j, err := journal.Open(home, repo, "/first")
		if err != nil {
			t.Fatal(err)
		}
		finished(t, j, "r", time.Now())
		if _, err := journal.Open(home, repo, "/last"); err != nil {
			t.Fatal(err)
		}
		want = append(want, journal.HomeInfo{Path: home, Repository: repo, Checkout: "/last", Gone: repo == gone, Runs: 1})
	}
	put(t, filepath.Join(root, "images", "blob"), "")
	liar := filepath.Join(root, "liar-0123456789ab")
	put(t, filepath.Join(liar, "repository"), "/etc\n")
	want = append(want, journal.HomeInfo{Path: liar})
	slices.SortFunc(want, func(a, b journal.HomeInfo) int { return strings.Compare(a.Path, b.Path) })

	got, err := journal.Homes(root)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if got[i].Bytes == 0 {
			t.Errorf("%s has no size", got[i].Path)
		}
		got[i].Bytes = 0
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}

	home, _ := journal.Home(env, gone)
	live := begin(t, journal.At(home), "live", time.Now())
	if err := journal.RemoveHome(home); len(task.Refusals(err)) != 1 {
		t.Errorf("got %v, want a refusal while a run lives", err)
	}
	if err := live.Finish(task.RunResult{}); err != nil {
		t.Fatal(err)
	}
	if err := journal.RemoveHome(home); err != nil {
		t.Fatal(err)
	}
	if got, err := journal.Homes(root); err != nil || len(got) != 2 {
		t.Errorf("left %v, %v", got, err)
	}
}

package journal

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func attempt(t *testing.T) (*Run, Dir, Dir) {
	t.Helper()
	j, err := Open(t.TempDir(), "/src/app/.git", "/src/app")
	if err != nil {
		t.Fatal(err)
	}
	run, err := j.Begin(task.Plan{RunID: "r"}, "abc", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = run.Finish(task.RunResult{}) })
	from, err := run.Attempt("t", 2)
	if err != nil {
		t.Fatal(err)
	}
	to, err := run.Task("t")
	if err != nil {
		t.Fatal(err)
	}
	return run, from, to
}

func files(t *testing.T, d Dir) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(d.path)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, e := range entries {
		if e.Type().IsRegular() {
			b, err := d.Read(e.Name())
			if err != nil {
				t.Fatal(err)
			}
			found[e.Name()] = string(b)
		}
	}
	return found
}

func TestAdopt(t *testing.T) {
	run, from, to := attempt(t)
	outside := filepath.Join(t.TempDir(), "outside")
	err := errors.Join(
		from.Write("task.patch", []byte("diff")), from.Write("verify.log", []byte("ok")), to.Write("task.patch", []byte("old")),
		os.WriteFile(from.Path(".result.json.17"), []byte("{"), 0o600), os.Mkdir(from.Path("dir"), 0o700),
		os.WriteFile(outside, []byte("secret"), 0o600), os.Symlink(outside, from.Path("link")),
	)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // once more after an interruption does no harm
		if err := run.Adopt("t", 2); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{"task.patch": "diff", "verify.log": "ok"}, files(t, to)); diff != "" {
			t.Fatal(diff)
		}
	}
	if same, err := sameFile(from.Path("task.patch"), to.Path("task.patch")); err != nil || !same {
		t.Errorf("it was copied where a link would do: %v", err)
	}
	// What the task's own directory gets later is not the attempt's.
	if err := to.Write("task.patch", []byte("newer")); err != nil {
		t.Fatal(err)
	}
	if b, err := from.Read("task.patch"); err != nil || string(b) != "diff" {
		t.Errorf("the attempt has %q, %v", b, err)
	}
	for _, bad := range []struct {
		id string
		n  int
	}{{"t", 3}, {"t", 0}, {"..", 2}, {"", 2}, {"a/b", 2}} {
		if err := run.Adopt(bad.id, bad.n); err == nil {
			t.Errorf("attempt %d of %q was adopted", bad.n, bad.id)
		}
		if bad.n == 2 || bad.n == 0 {
			if dir, err := run.Attempt(bad.id, bad.n); err == nil {
				t.Errorf("attempt %d of %q is in %s", bad.n, bad.id, dir.path)
			}
		}
	}
}

func TestAdoptCopiesWhereThereAreNoHardLinks(t *testing.T) {
	_, from, to := attempt(t)
	if err := errors.Join(from.Write("f", []byte("new")), to.Write("f", []byte("old"))); err != nil {
		t.Fatal(err)
	}
	noLinks := func(string, string) error { return errors.ErrUnsupported }
	if err := to.adopt(from.Path("f"), "f", noLinks); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(to.Path("f"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v", info, err)
	}
	if same, err := sameFile(from.Path("f"), to.Path("f")); err != nil || same {
		t.Errorf("the same file: %t, %v", same, err)
	}
	if diff := cmp.Diff(map[string]string{"f": "new"}, files(t, to)); diff != "" {
		t.Error(diff)
	}
}

// An adoption that stops at any point leaves the old file or the new one, never
// none and never a part, and a later one mends it.
func TestAnInterruptedAdoptLosesNothing(t *testing.T) {
	_, from, to := attempt(t)
	if err := errors.Join(from.Write("f", []byte("new")), to.Write("f", []byte("old"))); err != nil {
		t.Fatal(err)
	}
	died := func(oldname, newname string) error {
		if err := os.Link(oldname, newname); err != nil {
			return err
		}
		panic("the process dies here")
	}
	func() {
		defer func() { _ = recover() }()
		_ = to.adopt(from.Path("f"), "f", died)
	}()
	got := files(t, to)
	if got["f"] != "old" || len(got) != 2 {
		t.Errorf("there is %v", got)
	}
	for name := range got {
		if name != "f" && (!isTemp(name) || !strings.HasPrefix(name, ".f.")) {
			t.Errorf("%s is not known as a leftover", name)
		}
	}
	if err := to.adopt(from.Path("f"), "f", os.Link); err != nil {
		t.Fatal(err)
	}
	if got := files(t, to)["f"]; got != "new" {
		t.Errorf("there is %q", got)
	}
}

package journal_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func taskDir(t testing.TB) journal.Dir {
	t.Helper()
	j, err := journal.Open(t.TempDir(), "/src/app/.git", "/src/app")
	if err != nil {
		t.Fatal(err)
	}
	run, err := j.Begin(task.Plan{RunID: "r"}, "abc", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = run.Finish(task.RunResult{}) })
	dir, err := run.Task("t")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestReadPage(t *testing.T) {
	dir := taskDir(t)
	if err := dir.Write("f", []byte("aé日🚀\xff\xe6\x97z")); err != nil { // at 0 1 3 6 10 11 12 13, 14 in all
		t.Fatal(err)
	}
	for _, c := range []struct {
		cursor int64
		limit  int
		text   string
		next   int64
		more   bool
	}{
		{0, 0, "aé日🚀\ufffd\ufffd\ufffdz", 14, false},
		{0, 1, "a", 1, true},
		{1, 1, "é", 3, true}, // at least one character
		{2, 1, "é", 3, true}, // from within one
		{0, 5, "aé", 3, true},
		{0, 6, "aé日", 6, true},
		{5, 4, "日", 6, true},
		{9, 1, "🚀", 10, true},
		{10, 2, "\ufffd\ufffd", 12, true},
		{11, 100, "\ufffd\ufffdz", 14, false},
		{13, 1, "z", 14, false},
		{14, 5, "", 14, false},
		{1 << 62, 5, "", 1 << 62, false},
		{0, int(^uint(0) >> 1), "aé日🚀\ufffd\ufffd\ufffdz", 14, false},
	} {
		text, next, total, more, err := dir.ReadPage("f", c.cursor, c.limit)
		if err != nil || text != c.text || next != c.next || total != 14 || more != c.more {
			t.Errorf("%d+%d: %q, next %d of %d, more %t, %v; want %q, %d, %t", c.cursor, c.limit, text, next, total, more, err, c.text, c.next, c.more)
		}
	}
	for _, c := range []struct {
		cursor int64
		limit  int
	}{{-1, 1}, {1, -1}} {
		if _, _, _, _, err := dir.ReadPage("f", c.cursor, c.limit); len(task.Refusals(err)) != 1 {
			t.Errorf("%d+%d: %v, want a refusal", c.cursor, c.limit, err)
		}
	}
}

func TestOnlyRegularFilesOfTheDirectoryAreRead(t *testing.T) {
	dir := taskDir(t)
	secret := t.TempDir() + "/secret"
	put(t, secret, "secret")
	if err := errors.Join(os.Symlink(secret, dir.Path("link")), os.Mkdir(dir.Path("dir"), 0o700), syscall.Mkfifo(dir.Path("pipe"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"link", "dir", "pipe", "../../run.json", secret, "", "."} {
		if text, _, _, _, err := dir.ReadPage(name, 0, 10); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("page of %q: %q, %v", name, text, err)
		}
		if b, err := dir.Read(name); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %q, %v", name, b, err)
		}
	}
	if _, _, _, _, err := dir.ReadPage("none", 0, 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want that it does not exist", err)
	}
}

// Whatever a file holds and however large the pages are, they are UTF-8, and
// together the whole text once. From any cursor, a page begins with the character
// that the cursor is in.
func FuzzReadPage(f *testing.F) {
	f.Add([]byte("aé日🚀\xff\xe6\x97z"), 3, int64(5))
	f.Add([]byte("\xf0\x9f\x9a\xf0\x9f\x9a\x80\x80"), 1, int64(2))
	f.Add([]byte("\ufffd\xef\xbf"), 2, int64(4))
	dir := taskDir(f)
	f.Fuzz(func(t *testing.T, content []byte, limit int, from int64) {
		limit, from = 1+int(uint(limit)%40), int64(uint64(from)%uint64(len(content)+1))
		if err := os.WriteFile(dir.Path("f"), content, 0o600); err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		starts := map[int64]bool{int64(len(content)): true}
		for i := range string(content) {
			starts[int64(i)] = true
		}
		for cursor, more := int64(0), len(content) > 0; more; {
			text, next, total, m, err := dir.ReadPage("f", cursor, limit)
			switch {
			case err != nil:
				t.Fatal(err)
			case total != int64(len(content)) || m != (next < total):
				t.Fatalf("total %d, next %d, more %t of %d bytes", total, next, m, len(content))
			case next <= cursor || next-cursor > int64(max(limit, utf8.UTFMax)) || !starts[next]:
				t.Fatalf("limit %d: from %d to %d", limit, cursor, next)
			case !utf8.ValidString(text):
				t.Fatalf("%q is no UTF-8", text)
			}
			all.WriteString(text)
			cursor, more = next, m
		}
		whole := string([]rune(string(content)))
		if all.String() != whole {
			t.Fatalf("limit %d: got %q, want %q", limit, all.String(), whole)
		}
		rest, _, _, _, err := dir.ReadPage("f", from, len(content)+1)
		for !starts[from] {
			from--
		}
		if want := string([]rune(string(content[from:]))); err != nil || rest != want {
			t.Fatalf("from %d: %q, %v, want %q", from, rest, err, want)
		}
	})
}

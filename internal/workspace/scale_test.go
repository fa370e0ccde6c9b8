package workspace_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/workspace"
)

// bigRepo has many files in 200 directories. git fast-import makes it at once.
func bigRepo(tb testing.TB, files int) string {
	tb.Helper()
	dir := newRepo(tb, nil)
	stream := filepath.Join(tempDir(tb), "stream")
	f, err := os.Create(stream)
	must(tb, err)
	fmt.Fprintf(f, "commit refs/heads/main\ncommitter T <t@localhost> 1700000000 +0000\ndata 3\nbig\nfrom refs/heads/main^0\n")
	for i := range files {
		content := fmt.Sprintf("package p%d\n\nfunc F%d() int { return %d }\n", i, i, i)
		fmt.Fprintf(f, "M 100644 inline d%d/f%d.go\ndata %d\n%s\n", i%200, i, len(content), content)
	}
	must(tb, f.Close())
	git(tb, dir, "-c", "core.autocrlf=false", "config", "fastimport.unpackLimit", "0")
	shell(tb, dir, "git fast-import --quiet < "+stream)
	git(tb, dir, "reset", "--quiet", "--hard")
	return dir
}

// runCounter counts runs of git by the debug line that each has.
type runCounter struct {
	slog.Handler
	runs atomic.Int64
}

func (c *runCounter) Enabled(context.Context, slog.Level) bool { return true }

func (c *runCounter) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "git" {
		c.runs.Add(1)
	}
	return nil
}

// Time depends on the machine; the number of processes must not depend on the
// number of files, changed ones included.
func TestTheNumberOfProcessesDoesNotGrow(t *testing.T) {
	counter := &runCounter{Handler: slog.DiscardHandler}
	r, err := workspace.Open(context.Background(), bigRepo(t, 1000), workspace.Options{Log: slog.New(counter)})
	must(t, err)
	commit, err := r.Resolve(context.Background(), "")
	must(t, err)
	counter.runs.Store(0)
	w := create(t, r)
	if n := counter.runs.Load(); n > 14 {
		t.Errorf("creating ran git %d times", n)
	}
	dir := w.Tree().Dir
	for i := range 300 {
		must(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("d%d/new%d", i%200, i)), []byte("new\n"), 0o644))
		must(t, os.Remove(filepath.Join(dir, fmt.Sprintf("d%d/f%d.go", i%200, i))))
		must(t, os.Symlink("target", filepath.Join(dir, fmt.Sprintf("d%d/link%d", i%200, i))))
	}
	counter.runs.Store(0)
	c := collect(t, w)
	if n := counter.runs.Load(); n > 12 {
		t.Errorf("collecting ran git %d times", n)
	}
	if len(c.Files) != 900 || !c.Applicable {
		t.Errorf("%d files at %s, want 900: %s", len(c.Files), commit, c.ApplyLog)
	}
}

func BenchmarkCreate(b *testing.B) {
	r := open(b, bigRepo(b, 20_000))
	ctx := context.Background()
	commit, err := r.Resolve(ctx, "")
	must(b, err)
	uid, gid := sandboxUID()
	base, st := tempDir(b), store(b, r)
	for i := 0; b.Loop(); i++ {
		w, err := st.Create(ctx, workspace.CreateOptions{Name: "n", Commit: commit, Dir: filepath.Join(base, fmt.Sprint(i)), UID: uid, GID: gid})
		must(b, err)
		b.StopTimer()
		must(b, w.Remove(ctx, false))
		b.StartTimer()
	}
}

func BenchmarkCreateOnTopOfAnother(b *testing.B) {
	r := open(b, bigRepo(b, 20_000))
	ctx := context.Background()
	s := store(b, r)
	commit, err := s.Commit(ctx, head(b, r), []byte(rawPatch("100644", "new", "x\n")), "m")
	must(b, err)
	uid, gid := sandboxUID()
	base := tempDir(b)
	for i := 0; b.Loop(); i++ {
		w, err := s.Create(ctx, workspace.CreateOptions{Name: "n", Commit: commit, Dir: filepath.Join(base, fmt.Sprint(i)), UID: uid, GID: gid})
		must(b, err)
		b.StopTimer()
		must(b, w.Remove(ctx, false))
		b.StartTimer()
	}
}

func BenchmarkCollect(b *testing.B) {
	w := create(b, open(b, bigRepo(b, 20_000)))
	write(b, w.Tree().Dir, map[string]string{"d7/f7.go": "package changed\n", "new": "new\n"})
	for b.Loop() {
		if c := collect(b, w); len(c.Files) != 2 {
			b.Fatal(c.Files)
		}
	}
}

func BenchmarkPublishCheckout(b *testing.B) {
	r := open(b, bigRepo(b, 20_000))
	ctx := context.Background()
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		s, base := store(b, r), head(b, r)
		commit, err := s.Commit(ctx, base, []byte(rawPatch("100644", fmt.Sprintf("new%d", i), "x\n")), "m")
		must(b, err)
		st, err := s.Stack(ctx, base, []workspace.Step{{TaskID: "t", Start: base, Commit: commit, Message: "m"}})
		must(b, err)
		b.StartTimer()
		must(b, s.PublishCheckout(ctx, st))
	}
}

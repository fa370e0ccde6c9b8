package workspace_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/workspace"
)

func TestConflictsOfEveryKindAreNamed(t *testing.T) {
	ctx := context.Background()
	r := open(t, newRepo(t, map[string]string{"a": "a\n", "b": "b\n", "d/x": "x1\nx2\nx3\nx4\n", "d/y": "y1\ny2\ny3\ny4\n", "bin": "\x00\x01"}))
	s := storeIn(t, r)
	base := head(t, r)
	for name, tt := range map[string]struct {
		one, two map[string]string
		want     []string
	}{
		"content":            {map[string]string{"a": "1\n"}, map[string]string{"a": "2\n"}, []string{"a"}},
		"binary":             {map[string]string{"bin": "\x00\x02"}, map[string]string{"bin": "\x00\x03"}, []string{"bin"}},
		"both add":           {map[string]string{"n": "1\n"}, map[string]string{"n": "2\n"}, []string{"n"}},
		"edit and delete":    {map[string]string{"a": "1\n"}, map[string]string{"a": ""}, []string{"a"}},
		"file and directory": {map[string]string{"n": "1\n"}, map[string]string{"n/x": "2\n"}, []string{"n"}},
		"directory and file": {map[string]string{"n/x": "1\n"}, map[string]string{"n": "2\n"}, []string{"n"}},
		"link and file below": {
			map[string]string{"n": "->/etc"}, map[string]string{"n/passwd": "x\n"}, []string{"n"},
		},
		"directory renamed": {
			map[string]string{"d": "", "e/x": "x1\nx2\nx3\nx4\n", "e/y": "y1\ny2\ny3\ny4\n"}, map[string]string{"d/new": "n\n"}, []string{"e/new"},
		},
		"renamed twice": {
			map[string]string{"d/x": "", "one": "x1\nx2\nx3\nx4\n"}, map[string]string{"d/x": "", "two": "x1\nx2\nx3\nx4\n"}, []string{"d/x", "one", "two"},
		},
		"mode":           {map[string]string{"a!": "a\n"}, map[string]string{"a": "->b"}, []string{"a"}},
		"two of several": {map[string]string{"b": "1\n", "a": "1\n", "n": "n\n"}, map[string]string{"a": "2\n", "b": "2\n", "d/x": "X\n"}, []string{"a", "b"}},
		"both the same":  {map[string]string{"a": "1\n"}, map[string]string{"a": "1\n", "b": "2\n"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			one, two := change(t, s.Store, base, "one", tt.one), change(t, s.Store, base, "two", tt.two)
			for _, order := range [][]string{{one, two}, {two, one}} {
				got, conflicts, err := s.Merge(ctx, order, "m")
				must(t, err)
				wantSame(t, "conflicts", conflicts, tt.want)
				if (got == "") != (tt.want != nil) {
					t.Errorf("commit is %q", got)
				}
			}
		})
	}
}

func TestAHugeNumberOfConflictsIsNamed(t *testing.T) {
	const many = 1000
	ctx := context.Background()
	r := open(t, newRepo(t, nil))
	s := storeIn(t, r)
	base := head(t, r)
	var made []string
	for _, content := range []string{"one\n", "two\n"} {
		var patch strings.Builder
		for i := range many {
			patch.WriteString(rawPatch("100644", fmt.Sprintf("dir%d/%s%d", i%50, strings.Repeat("long", 50), i), content))
		}
		commit, err := s.Commit(ctx, base, []byte(patch.String()), "m")
		must(t, err)
		made = append(made, commit)
	}
	_, conflicts, err := s.Merge(ctx, made, "m")
	must(t, err)
	if len(conflicts) != many || !slices.IsSorted(conflicts) {
		t.Errorf("%d conflicts, want %d, sorted", len(conflicts), many)
	}
}

// Attributes may name a merge driver or filter that the user has configured.
func TestMergingRunsNothing(t *testing.T) {
	ctx := context.Background()
	canary := filepath.Join(tempDir(t), "canary")
	repo := newRepo(t, map[string]string{".gitattributes": "a merge=evil\n", "a": "a\n"})
	run := "touch " + canary + "; cat"
	shell(t, repo, "git config --global merge.evil.driver 'touch "+canary+"'")
	t.Cleanup(func() { shell(t, repo, "git config --global --remove-section merge.evil") })
	for key, value := range map[string]string{
		"merge.evil.driver": "touch " + canary, "merge.default": "evil", "filter.evil.clean": run, "filter.evil.smudge": run,
		"diff.evil.textconv": run, "diff.external": run, "core.fsmonitor": run, "merge.renormalize": "true",
	} {
		git(t, repo, "config", key, value)
	}
	for _, hook := range []string{"post-merge", "pre-merge-commit", "pre-commit", "commit-msg", "post-commit", "reference-transaction", "post-index-change", "post-checkout"} {
		write(t, repo, map[string]string{".git/hooks/" + hook + "!": "#!/bin/sh\ntouch " + canary + "\n"})
	}
	must(t, os.RemoveAll(canary))
	r := open(t, repo)
	s := storeIn(t, r)
	base := head(t, r)
	must(t, os.WriteFile(filepath.Join(repo, ".git/info/attributes"), []byte("* merge=evil\n"), 0o600))
	one, err := s.Commit(ctx, base, []byte("diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-a\n+one\n"+rawPatch("100644", "n", "one\n")), "one")
	must(t, err)
	two, err := s.Commit(ctx, base, []byte(rawPatch("100644", "d/.gitattributes", "* merge=evil filter=evil diff=evil\n")+rawPatch("100644", "n", "two\n")+
		"diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-a\n+two\n"), "two")
	must(t, err)
	_, conflicts, err := s.Merge(ctx, []string{one, two}, "m")
	must(t, err)
	wantSame(t, "conflicts", conflicts, []string{"a", "n"})
	st, err := s.Stack(ctx, base, []workspace.Step{{TaskID: "1", Start: base, Commit: one, Message: "m"}, {TaskID: "2", Start: base, Commit: two, Message: "m"}})
	must(t, err)
	wantSame(t, "conflicts of a stack", st.Steps[1].Conflicts, []string{"a", "n"})
	wantUntouched(t, canary)
	// A union merge, which needs no driver, is no conflict to git merge; to us it is.
	clean, err := s.Stack(ctx, base, []workspace.Step{{TaskID: "1", Start: base, Commit: one, Message: "m"}})
	must(t, err)
	must(t, s.PublishBranch(ctx, "b", clean))
	wantUntouched(t, canary)
}

func TestAStoreIsSafeForManyAtOnce(t *testing.T) {
	ctx := context.Background()
	r := open(t, newRepo(t, map[string]string{"a": "a\n"}))
	s := storeIn(t, r)
	base := head(t, r)
	var g errgroup.Group
	var made [10]string
	for i := range made {
		g.Go(func() (err error) {
			made[i], err = s.Commit(ctx, base, []byte(rawPatch("100644", fmt.Sprint(i), "x\n")), "m")
			return err
		})
	}
	must(t, g.Wait())
	var merged atomic.Int64
	for i := range made {
		for j := range i {
			g.Go(func() error {
				commit, conflicts, err := s.Merge(ctx, []string{made[i], made[j]}, "m")
				if commit != "" && len(conflicts) == 0 {
					merged.Add(1)
				}
				return err
			})
		}
	}
	must(t, g.Wait())
	wantSame(t, "pairs that merge", merged.Load(), int64(45))
	all, _, err := s.Merge(ctx, made[:], "all")
	must(t, err)
	wantSame(t, "files of all", strings.Count(inStore(t, s, "ls-tree", "--name-only", all), "\n"), 11)
	left, err := os.ReadDir(filepath.Join(s.dir, "calls"))
	must(t, err)
	wantSame(t, "what calls left", len(left), 0)
}

func BenchmarkMerge(b *testing.B) {
	r := open(b, bigRepo(b, 20_000))
	ctx := context.Background()
	base := head(b, r)
	s := storeIn(b, r)
	var made []string
	for i := range 10 {
		commit, err := s.Commit(ctx, base, []byte(rawPatch("100644", fmt.Sprintf("d%d/new%d", i, i), "x\n")), "m")
		must(b, err)
		made = append(made, commit)
	}
	b.Run("pair", func(b *testing.B) {
		for b.Loop() {
			_, _, err := s.Merge(ctx, made[:2], "m")
			must(b, err)
		}
	})
	b.Run("45 pairs", func(b *testing.B) {
		for b.Loop() {
			for i := range made {
				for j := range i {
					_, _, err := s.Merge(ctx, []string{made[i], made[j]}, "m")
					must(b, err)
				}
			}
		}
	})
	b.Run("commit", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			_, err := s.Commit(ctx, base, []byte(rawPatch("100644", "n", fmt.Sprintf("%d\n", i))), "m")
			must(b, err)
		}
	})
}

package workspace_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// replacing is a patch that gives a file of the checkout, or a new one, other content.
func replacing(t testing.TB, repo, name, content, canary string) string {
	t.Helper()
	content = strings.ReplaceAll(content, "CANARY", canary)
	was, err := os.ReadFile(filepath.Join(repo, name))
	if err != nil {
		return rawPatch("100644", name, content)
	}
	lines := strings.Split(strings.TrimSuffix(string(was), "\n"), "\n")
	if len(was) == 0 {
		return fmt.Sprintf("diff --git a/%[1]s b/%[1]s\n--- a/%[1]s\n+++ b/%[1]s\n@@ -0,0 +1 @@\n+%[2]s", name, content)
	}
	return fmt.Sprintf("diff --git a/%[1]s b/%[1]s\n--- a/%[1]s\n+++ b/%[1]s\n@@ -1,%[2]d +1 @@\n-%[3]s\n+%[4]s",
		name, len(lines), strings.Join(lines, "\n-"), content)
}

// What a task has made is as hostile in the worktree of the next one, or in the
// checkout of its verify commands, as it was in its own: it must not choose the
// filters of the user's that run on the host, nor replace what they load.
func TestACommitOfATaskRunsNothingWhenItIsCheckedOut(t *testing.T) {
	ctx := context.Background()
	for name, tt := range map[string]struct {
		attributes string // of the base
		patch      map[string]string
	}{
		"switches a filter on":           {"", map[string]string{".gitattributes": "* filter=evil\n", "sub/.gitattributes": "* filter=evil\n", "sub/x": "x\n"}},
		"replaces what a filter loads":   {"*.nb filter=rel\n", map[string]string{"a.sh": "touch CANARY; cat\n", "z.nb": "z\n"}},
		"widens a filter and replaces":   {"*.nb filter=rel\n", map[string]string{".gitattributes": "* filter=rel\n", "a.sh": "touch CANARY; cat\n", "z": "z\n"}},
		"replaces with a filter running": {"*.nb filter=rel\n", map[string]string{"a.sh": "touch CANARY; cat\n", "b.nb": "other\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			canary := filepath.Join(tempDir(t), "canary")
			repo := newRepo(t, map[string]string{"a.sh": "cat\n", "a": "a\n"})
			run := "touch " + canary + "; cat"
			for key, value := range map[string]string{
				"filter.evil.clean": run, "filter.evil.smudge": run, "filter.evil.required": "true",
				"filter.rel.clean": "cat", "filter.rel.smudge": "sh ./a.sh", "filter.rel.required": "true",
			} {
				git(t, repo, "config", key, value)
			}
			write(t, repo, map[string]string{".gitattributes": tt.attributes, "b.nb": "b\n", "c.nb": "c\n"})
			git(t, repo, "add", "-A")
			git(t, repo, "commit", "--quiet", "--allow-empty", "-m", "attributes")
			r := open(t, repo)
			s := storeIn(t, r)
			base := head(t, r)
			patch := ""
			for file, content := range tt.patch {
				patch += replacing(t, repo, file, content, canary)
			}
			made, err := s.Commit(ctx, base, []byte(patch), "hostile")
			must(t, err)
			w := createAt(t, s.Store, made)
			wantUntouched(t, canary)
			wantSame(t, "fresh", paths(collect(t, w)), []string(nil))
			write(t, w.Tree().Dir, map[string]string{"new": "new\n", "sub/y": "y\n", "c.nb": "changed\n"})
			collect(t, w)
			wantUntouched(t, canary)
		})
	}
}

// The filters of the base are for the files of a task too: what comes next has
// them as the user's own checkout would.
func TestFilesOfATaskGoThroughTheFiltersOfTheBase(t *testing.T) {
	ctx := context.Background()
	repo := newRepo(t, map[string]string{"a.up": "a\n", "b.up": "b\n", "gone.up": "x\n", "lfs/c.up": "c\n", "plain": "p\n", "d": "d\n"})
	for key, value := range map[string]string{
		"filter.upper.smudge": "tr a-z A-Z", "filter.upper.clean": "tr A-Z a-z", "filter.upper.required": "true",
		"filter.broken.smudge": "false", "filter.broken.clean": "cat", "filter.broken.required": "true",
	} {
		git(t, repo, "config", key, value)
	}
	write(t, repo, map[string]string{".gitattributes": "*.up filter=upper\n*.broken filter=broken\n"})
	git(t, repo, "add", "-A")
	git(t, repo, "commit", "--quiet", "-m", "attributes")
	s := store(t, open(t, repo))
	base := head(t, open(t, repo))
	made := change(t, s, base, "one", map[string]string{
		"a.up": "CHANGED\n", "new.up!": "NEW\n", "gone.up": "", "x.broken": "left\n", "plain": "Plain\n", "d": "", "d/in.up": "IN\n", "link.up": "->plain",
	})
	w := createAt(t, s, made)
	for name, want := range map[string]string{
		"a.up": "CHANGED\n", "b.up": "B\n", "lfs/c.up": "C\n", "new.up": "NEW\n", "x.broken": "left\n", "plain": "Plain\n", "d/in.up": "IN\n",
	} {
		wantSame(t, name, readFile(t, filepath.Join(w.Tree().Dir, name)), want)
	}
	info, err := os.Stat(filepath.Join(w.Tree().Dir, "new.up"))
	must(t, err)
	if info.Mode().Perm()&0o100 == 0 {
		t.Errorf("the mode of a filtered file is %v", info.Mode())
	}
	if _, err := os.Lstat(filepath.Join(w.Tree().Dir, "gone.up")); !os.IsNotExist(err) {
		t.Errorf("a removed file is there: %v", err)
	}
	wantSame(t, "fresh", paths(collect(t, w)), []string(nil))
	write(t, w.Tree().Dir, map[string]string{"a.up": "AGAIN\n"})
	two, err := s.Commit(ctx, made, collect(t, w).Patch, "two")
	must(t, err)
	wantSame(t, "the next one", readFile(t, filepath.Join(createAt(t, s, two).Tree().Dir, "a.up")), "AGAIN\n")
}

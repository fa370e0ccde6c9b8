package workspace_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/workspace"
)

// session writes a file as the sandbox's user would.
func session(t *testing.T, w *workspace.Workspace, name, content string) {
	t.Helper()
	write(t, w.Tree().Sessions, map[string]string{name: content})
	must(t, os.Lchown(filepath.Join(w.Tree().Sessions, name), w.Tree().UID, w.Tree().GID))
}

func rollout(t *testing.T, w *workspace.Workspace, limit int64) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	content, err := w.Rollout(ctx, limit)
	must(t, err)
	if content == nil {
		return "none"
	}
	return string(content)
}

func TestTheNewestRolloutIsRead(t *testing.T) {
	w := create(t, open(t, newRepo(t, map[string]string{"a": "a\n"})))
	info, err := os.Lstat(w.Tree().Sessions)
	must(t, err)
	if st := info.Sys().(*syscall.Stat_t); int(st.Uid) != w.Tree().UID || info.Mode().Perm() != 0o700 {
		t.Errorf("sessions belongs to %d, %v", st.Uid, info.Mode())
	}
	wantSame(t, "none", rollout(t, w, 100), "none")
	session(t, w, "2026/01/02/rollout-2026-01-02T10-00-00-b.jsonl", "new\n")
	session(t, w, "2026/01/01/rollout-2026-01-01T23-00-00-z.jsonl", "old\n")
	session(t, w, "2026/01/02/other-9.jsonl", "other\n")
	session(t, w, "2026/01/02/rollout-9.json", "other\n")
	session(t, w, "1/2/3/4/5/rollout-9.jsonl", "too deep\n")
	wantSame(t, "newest", rollout(t, w, 100), "new\n")
	wantSame(t, "cut", rollout(t, w, 2), "ne")
	must(t, w.Remove(context.Background(), false))
}

func TestHostileSessionsAreNotFollowed(t *testing.T) {
	secret := filepath.Join(tempDir(t), "dir")
	write(t, secret, map[string]string{"rollout-secret.jsonl": "TOP SECRET\n", "2/3/rollout-secret.jsonl": "TOP SECRET\n"})
	for name, do := range map[string]func(t *testing.T, w *workspace.Workspace, dir string){
		"symlink": func(t *testing.T, _ *workspace.Workspace, dir string) {
			write(t, dir, map[string]string{"rollout-9.jsonl": "->" + secret + "/rollout-secret.jsonl"})
		},
		"symlink within": func(t *testing.T, w *workspace.Workspace, dir string) {
			session(t, w, "x", "inside\n")
			write(t, dir, map[string]string{"rollout-9.jsonl": "->x"})
		},
		"directory is a symlink": func(t *testing.T, _ *workspace.Workspace, dir string) {
			write(t, dir, map[string]string{"2": "->" + secret})
		},
		"loop of symlinks": func(t *testing.T, _ *workspace.Workspace, dir string) {
			write(t, dir, map[string]string{"2": "->."})
		},
		"hard link": func(t *testing.T, _ *workspace.Workspace, dir string) {
			must(t, os.Link(filepath.Join(secret, "rollout-secret.jsonl"), filepath.Join(dir, "rollout-9.jsonl")))
		},
		"pipe": func(t *testing.T, _ *workspace.Workspace, dir string) {
			must(t, syscall.Mkfifo(filepath.Join(dir, "rollout-9.jsonl"), 0o666))
		},
		"directory of that name": func(t *testing.T, _ *workspace.Workspace, dir string) {
			must(t, os.Mkdir(filepath.Join(dir, "rollout-9.jsonl"), 0o755))
		},
		"shut directory": func(t *testing.T, _ *workspace.Workspace, dir string) {
			must(t, os.Mkdir(filepath.Join(dir, "2"), 0))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := create(t, open(t, newRepo(t, nil)))
			do(t, w, w.Tree().Sessions)
			wantSame(t, "content", rollout(t, w, 100), "none")
			session(t, w, "rollout-1.jsonl", "honest\n")
			wantSame(t, "content beside it", rollout(t, w, 100), "honest\n")
		})
	}
}

func TestAFloodOfSessionsIsBounded(t *testing.T) {
	w := create(t, open(t, newRepo(t, nil)))
	dir := w.Tree().Sessions
	for i := range 12_000 {
		must(t, os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), nil, 0o644))
	}
	session(t, w, "rollout-huge.jsonl", "")
	must(t, os.Truncate(filepath.Join(dir, "rollout-huge.jsonl"), 1<<40))
	// Whether it is found depends on the order of the directory; what is read does not.
	if got := rollout(t, w, 1000); got != "none" && got != strings.Repeat("\x00", 1000) {
		t.Errorf("%d bytes", len(got))
	}
}

package workspace_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/workspace"
)

// asChild says that this process is one that a test has started of itself, and
// in which repository it is to work.
const asChild = "WORKSPACE_TEST_CHILD"

// A process that is killed half-way cannot clean up. Another one does.
func TestACrashHalfWayIsUndoneOrFinished(t *testing.T) {
	if repo := os.Getenv(asChild); repo != "" {
		publishAsChild(t, repo)
		return
	}
	for name, tt := range map[string]struct {
		pattern, before, after string
		meanwhile              map[string]string
		finished               bool
		rescued                int
	}{
		"before git writes":      {"*read-tree*-u*", "kill -9 $PPID; exit 1", "", nil, false, 0},
		"after git has written":  {"*read-tree*-u*", "", "kill -9 $PPID", nil, false, 0},
		"half-written":           {"*read-tree*-u*", "echo hal > f; mkdir new; echo x > new/x; rm d/x; kill -9 $PPID; exit 1", "", nil, false, 1},
		"and the user worked on": {"*read-tree*-u*", "", "kill -9 $PPID", map[string]string{"f": "mine\n", "new/mine": "mine\n"}, false, 1},
		"after the branch":       {"*update-ref*apply*", "", "kill -9 $PPID", nil, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			repo := applyRepo(t)
			write(t, repo, map[string]string{"g": "mine\n"})
			before := withoutObjects(t, repo)
			cmd := exec.Command(os.Args[0], "-test.run=^TestACrashHalfWayIsUndoneOrFinished$", "-test.count=1")
			cmd.Env = append(os.Environ(), asChild+"="+repo, asChild+"_GIT="+gitThat(t, tt.pattern, tt.before, tt.after))
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("the child was not killed: %v\n%s", err, out)
			}
			write(t, repo, tt.meanwhile)
			r := open(t, repo)
			rescued, err := r.RecoverCheckout(context.Background())
			must(t, err)
			wantSame(t, "files rescued", len(rescued), tt.rescued)
			if tt.finished {
				wantSame(t, "status", git(t, repo, "status", "--porcelain"), " M g\n")
				wantSame(t, "new file", readFile(t, filepath.Join(repo, "new/x")), "x\n")
				return
			}
			if tt.meanwhile != nil {
				wantSame(t, "what the user wrote", readFile(t, rescued[0]), "mine\n")
				wantSame(t, "and what was new", readFile(t, filepath.Join(repo, "new/mine")), "mine\n")
				must(t, os.RemoveAll(filepath.Join(repo, "new")))
			}
			must(t, os.RemoveAll(filepath.Join(repo, ".git/codex-mcp-runner-rescued")))
			wantSame(t, "repository", withoutObjects(t, repo), before)
			again, err := r.RecoverCheckout(context.Background())
			must(t, err)
			wantSame(t, "rescued again", again, []string(nil))
		})
	}
}

func publishAsChild(t *testing.T, repo string) {
	ctx := context.Background()
	plain := open(t, repo)
	patch := patchOf(t, store(t, plain), head(t, plain), moves())
	r, err := workspace.Open(ctx, repo, workspace.Options{Git: os.Getenv(asChild + "_GIT")})
	must(t, err)
	s := store(t, r)
	base := head(t, r)
	commit, err := s.Commit(ctx, base, patch, "m")
	must(t, err)
	st, err := s.Stack(ctx, base, []workspace.Step{{TaskID: "t", Start: base, Commit: commit, Message: "m"}})
	must(t, err)
	must(t, s.PublishCheckout(ctx, st))
}

//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// changes says that the test itself changes the repository.
func (h *host) changes() { h.before = nil }

func (s *server) apply(args map[string]any) (got task.ApplyResult) {
	s.t.Helper()
	s.tool("apply_codex_patches", args).into(&got)
	return got
}

// log is the subjects and trailers of commits, the oldest first.
func (h *host) log(commits string) []string {
	out := h.git(h.repo, "log", "--reverse", "--format=%s|%(trailers:key=Codex-Run,valueonly,separator=)|%(trailers:key=Codex-Task,valueonly,separator=)|%(trailers:key=Codex-Attestation,valueonly,separator=)|%an", commits)
	return strings.Split(out, "\n")
}

func TestPatchesGoOntoANewBranchInTheOrderOfDependencies(t *testing.T) {
	t.Parallel()
	h := newHost(t, works("a", "echo a >a; sed -i s/one/ONE/ old.txt"), works("b", "cat a; echo b >b"), works("c", "sed -i s/six/SIX/ old.txt"))
	h.git(h.repo, "config", "user.name", "Somebody")
	h.git(h.repo, "config", "user.email", "some@body")
	base := h.git(h.repo, "rev-parse", "HEAD")
	s := h.serve()
	run := s.start(tasks("r1", job("b", on("a")), job("a", nil), job("c", nil))).result()
	for _, r := range run.Results {
		if r.Status != task.Success {
			t.Fatalf("%s: %s %+v", r.TaskID, r.Status, r.Failure)
		}
	}
	tried := s.apply(map[string]any{"run_id": "r1", "dry_run": true})
	if !tried.Applied || tried.Branch != "codex/r1" || len(tried.Tasks) != 3 {
		t.Errorf("dry run: %+v", tried)
	}
	h.unchanged()

	got := s.apply(map[string]any{"run_id": "r1"})
	if !got.Applied || got.Start != base || got.Branch != "codex/r1" || h.git(h.repo, "rev-parse", "codex/r1") != got.Head {
		t.Fatalf("got %+v", got)
	}
	log := h.log(base + "..codex/r1")
	if len(log) != 3 || !strings.HasPrefix(log[0], "a: prompt of a.|r1|a|sha256:") || !strings.HasPrefix(log[1], "b: ") || !strings.HasPrefix(log[2], "c: ") || !strings.HasSuffix(log[0], "|Somebody") {
		t.Errorf("commits: %q", log)
	}
	if files := h.git(h.repo, "ls-tree", "--name-only", "codex/r1"); files != ".mcp-codex.json\nREADME.md\na\nb\nold.txt\nsrc" {
		t.Errorf("files: %s", files)
	}
	if text := h.git(h.repo, "show", "codex/r1:old.txt"); text != "ONE\ntwo\nthree\nfour\nfive\nSIX" {
		t.Errorf("old.txt: %q", text)
	}
	if status := h.git(h.repo, "status", "--porcelain"); status != "" || h.git(h.repo, "rev-parse", "HEAD") != base {
		t.Errorf("the checkout was touched: %s", status)
	}
	h.git(h.repo, "fsck", "--full", "--strict")
	if text := s.tool("apply_codex_patches", map[string]any{"run_id": "r1"}).refusal(); !strings.Contains(text, "codex/r1") {
		t.Errorf("twice: %s", text)
	}
	h.changes()
}

func TestPatchesGoOntoTheCheckout(t *testing.T) {
	t.Parallel()
	h := newHost(t, works("a", "sed -i s/one/ONE/ old.txt; echo a >a"))
	s := h.serve()
	s.start(tasks("r1", job("a", nil))).result()
	h.changes()
	// The user has gone on meanwhile: a commit elsewhere in the same file, and a
	// change that is not committed in another one.
	h.write("old.txt", "one\ntwo\nthree\nfour\nfive\nsechs\n")
	h.commit("sechs")
	h.write("README.md", "# mine\n")
	got := s.apply(map[string]any{"run_id": "r1", "target": "checkout"})
	if !got.Applied || got.Branch != "main" || !got.Tasks[0].Merged || h.git(h.repo, "rev-parse", "HEAD") != got.Head {
		t.Fatalf("got %+v", got)
	}
	for name, want := range map[string]string{"old.txt": "ONE\ntwo\nthree\nfour\nfive\nsechs\n", "README.md": "# mine\n", "a": "a\n"} {
		if b, err := os.ReadFile(filepath.Join(h.repo, name)); err != nil || string(b) != want {
			t.Errorf("%s: %q %v", name, b, err)
		}
	}
	if status := h.git(h.repo, "status", "--porcelain"); status != "M README.md" {
		t.Errorf("status: %q", status)
	}
}

// All or nothing: with one patch that does not fit, the others stay away too.
func TestAPatchThatDoesNotFitLeavesEverythingAsItWas(t *testing.T) {
	t.Parallel()
	h := newHost(t, works("good", "echo g >g"), works("bad", "sed -i s/one/ONE/ old.txt"))
	s := h.serve()
	s.start(tasks("r1", job("good", nil), job("bad", nil))).result()
	h.write("old.txt", "eins\ntwo\nthree\nfour\nfive\nsix\n")
	h.commit("eins")
	h.before = h.snapshot()
	got := s.apply(map[string]any{"run_id": "r1", "target": "checkout"})
	if got.Applied || !cmp.Equal(got.Conflicts, []string{"old.txt"}) || got.Head != got.Start {
		t.Errorf("got %+v", got)
	}
	h.unchanged()
	h.write("old.txt", "mine\n") // not committed, and in the way of no conflict: of an overwrite
	h.git(h.repo, "checkout", "-q", "HEAD~1", "--", "old.txt")
	h.git(h.repo, "commit", "-q", "-m", "back")
	h.write("old.txt", "mine\n")
	h.before = h.snapshot()
	for _, dry := range []bool{true, false} {
		args := map[string]any{"run_id": "r1", "target": "checkout", "dry_run": dry}
		if text := s.tool("apply_codex_patches", args).refusal(); !strings.Contains(text, "old.txt") {
			t.Errorf("over a dirty file, dry run %t: %s", dry, text)
		}
		h.unchanged()
	}
}

func TestWhatNobodyVouchesForIsNotApplied(t *testing.T) {
	t.Parallel()
	h := newHost(t, works("good", "echo g >g"), works("bad", "echo b >b"))
	s := h.serve()
	run := s.start(tasks("r1", job("good", nil), job("bad", map[string]any{"allowed_paths": []string{"src/**"}}))).result()
	if text := s.tool("apply_codex_patches", map[string]any{"run_id": "r1", "tasks": []string{"bad"}}).refusal(); !strings.Contains(text, "accept_unsuccessful") {
		t.Errorf("a failed task: %s", text)
	}
	got := s.apply(map[string]any{"run_id": "r1", "tasks": []string{"bad"}, "accept_unsuccessful": []string{"bad"}, "dry_run": true})
	if !got.Applied || len(got.Tasks) != 1 || got.Tasks[0].TaskID != "bad" {
		t.Errorf("accepted by name: %+v", got)
	}
	path := run.Results[0].PatchPath
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, []byte(strings.Replace(string(b), "+g", "+evil", 1)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if text := s.tool("apply_codex_patches", map[string]any{"run_id": "r1"}).refusal(); !strings.Contains(text, "attestation of task \"good\"") {
		t.Errorf("an edited patch: %s", text)
	}
	h.unchanged()
}

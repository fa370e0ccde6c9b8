package workspace

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Resolve finds the commit that ref names; "" means HEAD. Any commit-ish will
// do. It returns a *task.Refusal if ref names nothing or something that is no
// commit, and never asks a remote.
func (r *Repository) Resolve(ctx context.Context, ref string) (string, error) {
	if ref == "" {
		ref = "HEAD"
	}
	if strings.HasPrefix(ref, "-") || strings.ContainsAny(ref, "\x00\n") {
		return "", noSuchRef(ref, nil)
	}
	// In two steps: after ":/text" anything more would belong to the text.
	object, err := r.revParse(ctx, ref)
	if err == nil {
		commit, err := r.revParse(ctx, object+"^{commit}")
		if err == nil {
			return commit, nil
		}
		out, typeErr := r.git.run(ctx, call{dir: r.root, env: noFetch, args: []string{"cat-file", "-t", object}})
		switch {
		case exitCode(err) < 0:
			return "", fmt.Errorf("resolve %s: %w", show(ref), err)
		case exitCode(typeErr) > 0: // a well-formed name of something that is not here
			return "", noSuchRef(ref, err)
		case typeErr != nil:
			return "", fmt.Errorf("resolve %s: %w", show(ref), typeErr)
		}
		return "", &task.Refusal{
			Where: "base_ref",
			What:  fmt.Sprintf("%s names a %s, not a commit.", show(ref), strings.TrimSpace(string(out.stdout))),
			Mend:  "Name a branch, a tag or a commit.",
			Err:   err,
		}
	}
	if exitCode(err) < 0 {
		return "", fmt.Errorf("resolve %s: %w", show(ref), err)
	}
	out, listErr := r.git.run(ctx, call{dir: r.root, env: noFetch, args: []string{"rev-list", "--all", "--max-count=1"}})
	if listErr == nil && len(out.stdout) == 0 {
		return "", &task.Refusal{
			Where: "base_ref",
			What:  "The repository has no commit yet.",
			Mend:  "Commit something first: every task starts from a commit.",
			Err:   err,
		}
	}
	return "", noSuchRef(ref, err)
}

// noFetch keeps git 2.45 and newer from filling a partial clone in passing.
var noFetch = []string{"GIT_NO_LAZY_FETCH=1"}

func (r *Repository) revParse(ctx context.Context, rev string) (string, error) {
	out, err := r.git.run(ctx, call{dir: r.root, env: noFetch, args: []string{
		"rev-parse", "--verify", "--quiet", "--end-of-options", rev,
	}})
	if err != nil {
		return "", err
	}
	oid := strings.TrimSuffix(string(out.stdout), "\n")
	if !isObjectID(oid) {
		return "", errors.New("git answered something else than an object name")
	}
	return oid, nil
}

func isObjectID(s string) bool {
	if len(s) != 40 && len(s) != 64 {
		return false
	}
	return strings.Trim(s, "0123456789abcdef") == ""
}

func noSuchRef(ref string, err error) error {
	return &task.Refusal{
		Where: "base_ref",
		What:  fmt.Sprintf("%s names nothing in the repository.", show(ref)),
		Mend:  "Name a branch, a tag or a commit that exists here; git fetch may bring it.",
		Err:   err,
	}
}

package workspace

import (
	"context"
	"fmt"
	"strings"
)

// CurrentBranch is the branch that the user has checked out, empty for a
// detached HEAD.
func (r *Repository) CurrentBranch(ctx context.Context) (string, error) {
	ref, _, err := r.head(ctx)
	if err != nil {
		return "", fmt.Errorf("find the current branch: %w", err)
	}
	return strings.TrimPrefix(ref, "refs/heads/"), nil
}

// CheckNewBranch returns a *task.Refusal if PublishBranch would not make a branch
// of that name.
func (r *Repository) CheckNewBranch(ctx context.Context, name string) error {
	if err := r.CheckBranchName(ctx, name); err != nil {
		return err
	}
	return r.refuseTaken(ctx, "refs/heads/"+name)
}

// Package workspace gives every task a git worktree of its own, with a private
// git directory for its container, and afterwards says what the task changed:
// files, a patch, and proof that the patch gives the same tree.
//
// After a run the worktree is hostile. Collecting never runs git with the
// worktree's own .git, configuration or filters, never follows its symlinks and
// never runs what lies in it. When a workspace is removed, the user's
// repository is byte for byte what it was.
//
// What the tasks of a run made lies in a Store as commits, to be merged and
// built on. It reaches the user's repository by PublishBranch and
// PublishCheckout, and in no other way.
package workspace

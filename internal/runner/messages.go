package runner

// Commits of a store are equal if their parents, trees and messages are. Whoever
// makes a task's commits again, to apply them, needs the same messages.

// CommitMessage is the message of the commit that has a task's patch.
func CommitMessage(taskID string) string { return "codex: " + taskID }

// DependencyMessage is the message of the commit that a task with several
// dependencies starts from.
func DependencyMessage(taskID string) string { return "codex: what " + taskID + " depends on" }

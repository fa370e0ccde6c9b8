package task

import "time"

// State is where a task stands while its run lives.
type State string

// The states of a task, in the order in which it passes through them.
const (
	Queued    State = "queued"
	Preparing State = "preparing" // worktree, container
	Running   State = "running"   // Codex is at work
	Checking  State = "checking"  // collecting and judging
	Done      State = "done"
)

// Progress is a snapshot of a run. Each is whole: a reader that misses one
// loses nothing.
type Progress struct {
	RunID string
	Tasks []TaskProgress
}

// TaskProgress is one task's part of a Progress.
type TaskProgress struct {
	ID    string
	State State
	// Activity is what the task is doing, in a few words: "npm test".
	Activity string
	// StartedAt is when the task left the queue; zero before.
	StartedAt time.Time
	// Duration is set when State is Done.
	Duration time.Duration
	Usage    Usage
	// Status is set when State is Done.
	Status Status
}

// DoneCount says how many tasks have ended.
func (p Progress) DoneCount() int {
	n := 0
	for _, t := range p.Tasks {
		if t.State == Done {
			n++
		}
	}
	return n
}

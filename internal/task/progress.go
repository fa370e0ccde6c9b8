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
	ID    string `json:"task_id"`
	State State  `json:"state"`
	// Activity is what the task is doing, in a few words: "npm test".
	Activity string `json:"activity,omitempty"`
	// StartedAt is when the task left the queue; zero before.
	StartedAt time.Time `json:"started_at,omitzero"`
	// DurationMS is set when State is Done.
	DurationMS int64 `json:"duration_ms,omitempty"`
	Usage      Usage `json:"usage"`
	// Status is set when State is Done.
	Status Status `json:"status,omitempty"`
}

// Duration is how long a task took; zero before State is Done.
func (p TaskProgress) Duration() time.Duration { return time.Duration(p.DurationMS) * time.Millisecond }

// Event is one line of a run's event log: where one task stands from then on.
// All events of a run, applied in order, give its Progress.
type Event struct {
	// N counts from 1 without a gap.
	N    int64        `json:"n"`
	Time time.Time    `json:"time"`
	Task TaskProgress `json:"task"`
}

// Apply brings a Progress up to date with one event.
func (p *Progress) Apply(e Event) {
	for i := range p.Tasks {
		if p.Tasks[i].ID == e.Task.ID {
			p.Tasks[i] = e.Task
			return
		}
	}
	p.Tasks = append(p.Tasks, e.Task)
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

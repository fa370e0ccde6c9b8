package task

// Command is one command that Codex ran, as its transcript tells.
type Command struct {
	// Cmd is the whole line, wrapper included: /bin/bash -lc 'npm test'.
	Cmd string `json:"cmd"`
	// ExitCode is -1 if the command never ended.
	ExitCode int `json:"exit_code"`
}

// ChangeKind is what happened to a path between the base and the worktree.
type ChangeKind string

// The kinds of change.
const (
	Added    ChangeKind = "added"
	Modified ChangeKind = "modified"
	Deleted  ChangeKind = "deleted"
	Renamed  ChangeKind = "renamed"
	// TypeChanged: a file became a symlink or the other way round.
	TypeChanged ChangeKind = "type-changed"
)

// Change is one path that differs from the base. Names are bytes: they need
// not be UTF-8 and may hold anything but NUL.
type Change struct {
	Path string
	// OldPath is where a renamed file was; empty otherwise.
	OldPath string
	Kind    ChangeKind
	// OldMode and NewMode are git's: 100644, 100755, 120000, 160000; 0 where there is no file.
	OldMode, NewMode uint32
	Binary           bool
	// LinkTarget is where a symlink points.
	LinkTarget string
}

// Neighbour is a path that did not change. Two kinds are told: those that a file
// system may take for a new path or for a directory above one (internal/folding),
// at most one for each; and, if a symlink came, went or changed, all symlinks.
type Neighbour struct {
	Path string
	// Mode is git's, as in Change, or 040000 for a directory.
	Mode uint32
	// LinkTarget is where a symlink points. It is empty if the user's partial
	// clone does not have it.
	LinkTarget string
}

// Changes is what a worktree holds beyond its base.
type Changes struct {
	Files []Change
	// Neighbours are entries of the collected tree that did not change but that
	// a change may meet, in no order that means anything.
	Neighbours []Neighbour
	// Patch is binary-safe, in git's format, against the base. Empty if Files is.
	Patch []byte
	// Applicable says that the patch, applied to the base in a clean place,
	// gives exactly the collected tree; ApplyLog is what git said.
	Applicable bool
	ApplyLog   string
	// Findings are what the collector met and would not take: special files,
	// nested repositories, files over the size limit.
	Findings []Finding
}

// Turn is what a Codex transcript says about how its turn ended.
type Turn struct {
	// Completed is true after turn.completed.
	Completed bool
	// Failed holds the message of turn.failed; empty otherwise.
	Failed string
	// Message is the last thing that the agent said.
	Message  string
	Commands []Command
	Usage    Usage
	// Warnings are item errors and bad lines, each once, at most 20.
	Warnings []string
}

// Usage counts tokens over a whole task.
type Usage struct {
	InputTokens       int64 `json:"input_tokens"`
	CachedInputTokens int64 `json:"cached_input_tokens"`
	OutputTokens      int64 `json:"output_tokens"`
	ReasoningTokens   int64 `json:"reasoning_tokens"`
	ModelRequests     int64 `json:"model_requests"`
}

// Plus is what both used together.
func (u Usage) Plus(v Usage) Usage {
	return Usage{
		InputTokens:       u.InputTokens + v.InputTokens,
		CachedInputTokens: u.CachedInputTokens + v.CachedInputTokens,
		OutputTokens:      u.OutputTokens + v.OutputTokens,
		ReasoningTokens:   u.ReasoningTokens + v.ReasoningTokens,
		ModelRequests:     u.ModelRequests + v.ModelRequests,
	}
}

// Tokens counts what was sent and received: of these, the others are parts.
func (u Usage) Tokens() int64 { return u.InputTokens + u.OutputTokens }

// GatewayReport is what the gateway saw of one task.
type GatewayReport struct {
	// Requests counts the model calls that went out.
	Requests int64
	Usage    Usage
	// LastStatus is the status of the last model call that upstream answered; 0 if none was.
	LastStatus int
	// LastError is why the last model call had no answer; empty if it had one.
	LastError string
	// Findings are what the sandbox asked for and did not get.
	Findings []Finding
}

// Evidence is all that is known about a task when its container is gone.
type Evidence struct {
	Spec    Spec
	Exit    Exit
	Turn    Turn
	Changes Changes
	Gateway GatewayReport
	// Refused are the guard's refusals: what Codex wanted to do and was told not to.
	Refused []Finding
	// Unasked are commands of the transcript that the guard did not allow before
	// they ran, if it is there to be asked.
	Unasked []string
	Stopped Stop
	// Verification is what the verify commands said; empty if none was run.
	Verification []Verification
}

// Stop says that a task was ended from outside, before Codex was done. The zero
// value says that it was not.
type Stop struct {
	// Kind is FailTimeout, FailIdle, FailOutputLimit, FailBudget or FailCancelled;
	// the limits that go with it are the Spec's.
	Kind FailureKind
	// Detail is what else is known, as a clause: who cancelled, say. May be empty.
	Detail string
}

// Verdict is what follows from the evidence.
type Verdict struct {
	Status Status
	// Failure is nil if Status is Success.
	Failure  *Failure
	Findings []Finding
	// Sentences has one plain sentence for each thing that was checked.
	Sentences []string
	// Notes is what to know or do next, in plain words.
	Notes string
}

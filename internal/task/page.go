package task

// Section is a part of what the journal keeps.
type Section string

// The sections of a run. Those without a note belong to one task.
const (
	SectionResult     Section = "result" // of a run or of a task, as JSON
	SectionEvents     Section = "events" // of a run; the cursor counts events
	SectionTranscript Section = "transcript"
	SectionStdout     Section = "stdout" // the same as transcript
	SectionStderr     Section = "stderr"
	SectionPatch      Section = "patch"
	SectionReport     Section = "report" // of a run or of a task, as text
	SectionGuard      Section = "guard"
	SectionGateway    Section = "gateway"
	SectionVerify     Section = "verify"
	SectionRollout    Section = "rollout"
)

// PageRequest asks for a piece of a section.
type PageRequest struct {
	RunID string
	// TaskID may be empty for sections of a run.
	TaskID  string
	Section Section
	// Cursor is where to start: an offset in bytes, or for events the number of
	// the last one known. 0 is the beginning.
	Cursor int64
	// Limit bounds the piece, in bytes; 0 means 20,000.
	Limit int
}

// Page is a piece of a section. Its text is UTF-8 and redacted.
type Page struct {
	RunID   string  `json:"run_id"`
	TaskID  string  `json:"task_id,omitempty"`
	Section Section `json:"section"`
	Text    string  `json:"text"`
	// Next is the cursor of what follows; it is the same cursor again if a run
	// that lives may yet write more.
	Next int64 `json:"next_cursor"`
	// Total is how much there is now, in the cursor's unit.
	Total int64 `json:"total"`
	// More is true if there is more to read now.
	More bool `json:"more"`
	// Path is the file itself, absolute; empty if there is none.
	Path string `json:"path"`
}

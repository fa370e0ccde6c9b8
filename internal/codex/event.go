package codex

import "github.com/codex-mcp-runner/codex-mcp-runner/internal/task"

// Event is one line of Codex's JSONL: ThreadStarted, TurnStarted, TurnCompleted,
// TurnFailed, Error, Item, Unknown or Noise.
type Event interface{ event() }

// ThreadStarted is the first event.
type ThreadStarted struct{}

// TurnStarted says that Codex begins to work on the prompt. Warnings may come before it.
type TurnStarted struct{}

// TurnCompleted is one of the two ends of a turn. Failed commands do not fail a turn.
type TurnCompleted struct {
	// Usage is that of the whole thread.
	Usage task.Usage
}

// TurnFailed is the other end of a turn.
type TurnFailed struct{ Message string }

// Error is a complaint of Codex that ends nothing; it also tells of retries.
type Error struct{ Message string }

// Unknown is an event that this package does not know.
type Unknown struct {
	Type string
	// ItemType is set if the event is known and its item is not.
	ItemType string
}

// Noise is a line that is no event.
type Noise struct {
	// Reason is why, in a few words.
	Reason string
	// Sample is how the line begins: printable, at most 80 runes.
	Sample string
}

// Phase says how far an item is.
type Phase string

// The phases of an item. Messages have only the last; a command that outlives
// its turn never gets there.
const (
	Started   Phase = "started"
	Updated   Phase = "updated"
	Completed Phase = "completed"
)

// ItemType says which fields of an Item are set.
type ItemType string

// The types of item that Codex 0.169 prints.
const (
	AgentMessage     ItemType = "agent_message"     // Text
	Reasoning        ItemType = "reasoning"         // Text
	CommandExecution ItemType = "command_execution" // Command
	FileChange       ItemType = "file_change"       // Changes
	MCPToolCall      ItemType = "mcp_tool_call"     // Call
	CollabToolCall   ItemType = "collab_tool_call"  // Call, without a server
	WebSearch        ItemType = "web_search"        // Text is the query
	TodoList         ItemType = "todo_list"         // none
	ItemError        ItemType = "error"             // Text
)

// Item is one thing that Codex does or says.
type Item struct {
	Phase Phase
	// ID joins the phases of an item.
	ID      string
	Type    ItemType
	Text    string
	Command *Execution
	Changes []FileUpdate
	Call    *Call
}

// Execution is a command_execution.
type Execution struct {
	// Line is the whole argv, quoted; see Script.
	Line string
	// ExitCode is nil while it runs.
	ExitCode *int
}

// FileUpdate is one file of a file_change.
type FileUpdate struct {
	// Path is absolute in the container. Of a move it is the old one.
	Path string `json:"path"`
}

// Call is an mcp_tool_call or a collab_tool_call.
type Call struct {
	Server, Tool string
}

func (ThreadStarted) event() {}
func (TurnStarted) event()   {}
func (TurnCompleted) event() {}
func (TurnFailed) event()    {}
func (Error) event()         {}
func (Item) event()          {}
func (Unknown) event()       {}
func (Noise) event()         {}

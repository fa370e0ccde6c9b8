package codex

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// maxWarnings bounds task.Turn.Warnings.
const maxWarnings = 20

// TurnBuilder folds the events of one turn into a task.Turn, and says what is
// going on meanwhile. It is safe for concurrent use.
type TurnBuilder struct {
	mu   sync.Mutex
	turn task.Turn
	// settled: the turn has ended, one way or the other.
	settled bool
	// running maps the id of an item that has started and not completed to what
	// it is doing. Order has the ids, the oldest first.
	running map[string]activity
	order   []string
	// commands maps the id of a running command to its place in turn.Commands.
	commands map[string]int
	// idle is the activity while no item runs.
	idle       string
	reconnects int
	reconnect  string
	complaints []string
}

type activity struct {
	text    string
	command bool
}

// NewTurn is a turn that has not started.
func NewTurn() *TurnBuilder {
	return &TurnBuilder{
		running:  map[string]activity{},
		commands: map[string]int{},
		idle:     "starting",
	}
}

// Handle takes the next event. It fits NewDecoder.
func (b *TurnBuilder) Handle(e Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := e.(type) {
	case ThreadStarted, TurnStarted:
		b.idle = "thinking"
	case TurnCompleted:
		b.settled, b.idle = true, "finished"
		b.turn.Usage = e.Usage
		b.turn.Completed = b.turn.Failed == "" // nothing mends a failed turn
	case TurnFailed:
		b.settled, b.idle = true, "failed"
		b.turn.Completed = false
		b.turn.Failed = e.Message
		if b.turn.Failed == "" {
			b.turn.Failed = "the turn failed without a message"
		}
	case Error:
		b.complain(e.Message)
	case Item:
		b.item(e)
	case Unknown:
		if e.ItemType != "" {
			b.warn(fmt.Sprintf("unknown item type %q", e.ItemType))
		} else {
			b.warn(fmt.Sprintf("unknown event type %q", e.Type))
		}
	case Noise:
		b.warn(fmt.Sprintf("%s: %q", e.Reason, e.Sample))
	}
}

// complain takes a top-level error. One that tells of a retry is counted, not
// kept: a bad network makes hundreds.
func (b *TurnBuilder) complain(message string) {
	if strings.HasPrefix(message, "Reconnecting...") {
		b.reconnects++
		b.reconnect = oneLine(message, 300)
		b.idle = "reconnecting to the model"
		return
	}
	// The message of turn.failed comes as an error first.
	if !slices.Contains(b.complaints, message) && len(b.complaints) < maxWarnings {
		b.complaints = append(b.complaints, message)
	}
}

func (b *TurnBuilder) warn(text string) {
	text = oneLine(text, 300)
	if len(b.turn.Warnings) < maxWarnings && !slices.Contains(b.turn.Warnings, text) {
		b.turn.Warnings = append(b.turn.Warnings, text)
	}
}

func (b *TurnBuilder) item(it Item) {
	if !b.settled {
		b.idle = "thinking"
	}
	switch it.Type {
	case AgentMessage:
		if it.Phase == Completed {
			b.turn.Message = it.Text
		}
	case ItemError:
		b.warn(it.Text)
	case CommandExecution:
		b.command(it)
	}
	if it.Phase == Completed {
		delete(b.running, it.ID)
		b.order = slices.DeleteFunc(b.order, func(id string) bool { return id == it.ID })
		return
	}
	if text, ok := describe(it); ok {
		if _, again := b.running[it.ID]; !again {
			b.order = append(b.order, it.ID)
		}
		b.running[it.ID] = activity{
			text:    text,
			command: it.Type == CommandExecution || it.Type == MCPToolCall,
		}
	}
}

func (b *TurnBuilder) command(it Item) {
	at, known := b.commands[it.ID]
	if !known || it.Phase == Started {
		at = len(b.turn.Commands)
		b.turn.Commands = append(b.turn.Commands, task.Command{Cmd: it.Command.Line, ExitCode: -1})
		b.commands[it.ID] = at
	}
	if it.Phase != Completed {
		return
	}
	delete(b.commands, it.ID)
	if it.Command.Line != b.turn.Commands[at].Cmd {
		// Not the command that was announced: keep both.
		at = len(b.turn.Commands)
		b.turn.Commands = append(b.turn.Commands, task.Command{Cmd: it.Command.Line, ExitCode: -1})
	}
	if it.Command.ExitCode != nil {
		b.turn.Commands[at].ExitCode = *it.Command.ExitCode
	}
}

// Turn is what is known so far. A command that has not ended has ExitCode -1.
func (b *TurnBuilder) Turn() task.Turn {
	b.mu.Lock()
	defer b.mu.Unlock()
	turn := b.turn
	turn.Commands = slices.Clone(turn.Commands)
	turn.Warnings = slices.Clone(turn.Warnings)
	add := func(text string) {
		if len(turn.Warnings) < maxWarnings && !slices.Contains(turn.Warnings, text) {
			turn.Warnings = append(turn.Warnings, text)
		}
	}
	for _, message := range b.complaints {
		if message != turn.Failed {
			add(oneLine(message, 300))
		}
	}
	if b.reconnects > 0 {
		add(fmt.Sprintf("calls to the model API that broke off and were made again: %d; the last: %s", b.reconnects, b.reconnect))
	}
	return turn
}

// Settled says that the turn has ended. Codex itself should follow at once.
func (b *TurnBuilder) Settled() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.settled
}

// CommandRunning says that Codex waits for a command or a tool, and not for the
// model: silence is then no sign of trouble.
func (b *TurnBuilder) CommandRunning() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range b.running {
		if a.command && !b.settled {
			return true
		}
	}
	return false
}

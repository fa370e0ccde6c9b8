package policies

import (
	_ "embed" // commands.json
	"sync"
)

// Commands are the rules for what Codex may type into a shell beside the
// prefixes that a task allows. They are shared: do not change them.
type Commands struct {
	// Exact are whole commands that may be run to look around.
	Exact []string `json:"exact"`
	// Inspection are the programs that may be run to look around, by name.
	Inspection map[string]Inspection `json:"inspection"`
	// Summary names the most useful of them, for Codex.
	Summary string `json:"summary"`
	// Hints say, by command, what to do instead.
	Hints map[string]string `json:"hints"`
	// Editing are Codex's own means to change files. The path rules judge them.
	Editing []string `json:"editing"`
	// Shells may be in a prefix only with the script that they run.
	Shells []string `json:"shells"`
	// Never are words that change the shell or run what follows them; no prefix
	// may begin with one.
	Never []string `json:"never"`
	// RunsOthers are the flags with which a program runs another one that is
	// named on its command line. They are refused unless the prefix has them.
	RunsOthers map[string]Flags `json:"runs_others"`
}

// Inspection is what a program may be given while it only looks.
type Inspection struct {
	// Refuse are flags that make it write or run something. A long one also
	// covers its abbreviations, a short one also clusters such as "-no".
	Refuse []string `json:"refuse,omitempty"`
	// Values are the short flags that take a value, so that "-to" is not "-t -o".
	Values string `json:"values,omitempty"`
	// Only, if not nil, are the only words with a leading dash that it may have.
	Only []string `json:"only,omitempty"`
	// MaxOperands, if not nil, bounds the words without a leading dash.
	MaxOperands *int `json:"max_operands,omitempty"`
	// Check names a rule in code: "sed" or "directory".
	Check string `json:"check,omitempty"`
	// Subcommands, if not nil, are what may follow; Global may come before.
	Subcommands map[string]Inspection `json:"subcommands,omitempty"`
	Global      []string              `json:"global,omitempty"`
}

// Free says that every argument is harmless.
func (i Inspection) Free() bool {
	return i.Refuse == nil && i.Only == nil && i.MaxOperands == nil && i.Check == "" && i.Subcommands == nil
}

// Flags are flags of one program.
type Flags struct {
	// First are refused before the first word without a dash, Anywhere everywhere.
	First    []string `json:"first,omitempty"`
	Anywhere []string `json:"anywhere,omitempty"`
}

//go:embed commands.json
var commandsJSON []byte

var commands = sync.OnceValues(func() (*Commands, error) {
	c, err := decode[Commands]("commands.json", commandsJSON)
	return &c, err
})

// CommandRules gives commands.json.
func CommandRules() (*Commands, error) { return commands() }

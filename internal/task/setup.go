package task

// SetupCheck is one thing that a run needs.
type SetupCheck struct {
	// Name is stable: engine, image, tools, codex, git, repository, config, model,
	// login, disk, leftovers.
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Detail is what was found, or what is wrong.
	Detail string `json:"detail"`
	// Mend is what to do; empty if OK.
	Mend string `json:"mend,omitempty"`
}

// Setup is what a client is told about this machine.
type Setup struct {
	// Ready is true if every check is OK.
	Ready  bool         `json:"ready"`
	Checks []SetupCheck `json:"checks"`
}

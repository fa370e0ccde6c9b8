// Command sandbox-init is the one binary of ours inside a container. It has
// three faces: PID 1 (run), the near end of the tunnel (bridge), and the program
// that Codex asks before it runs a command (guard). What else runs in the
// container is hostile to it: run and bridge cannot be signalled to death,
// traced or read from there, and guard says no whenever anything is odd.
package main

import (
	"fmt"
	"io"
	"os"
)

// Exit codes of our own. The rest are the command's.
const (
	exitUsage    = 64  // sysexits' EX_USAGE: the host and the image disagree about our arguments
	exitNotReady = 125 // the bridge never came, or the sandbox is not what it should be
	exitNotExec  = 126
	exitNotFound = 127
)

const usage = `usage:
  sandbox-init run [--wait-for ADDR] [--sessions DIR] -- CMD [ARG...]
  sandbox-init bridge ADDR
  sandbox-init guard ADDR
`

func main() {
	os.Exit(dispatch(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// dispatch runs a verb and gives the exit code. A guard that was called
// wrongly says no, like one that failed: its usage error is exit code 2 too.
func dispatch(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	verb, rest := "", args
	if len(args) > 0 {
		verb, rest = args[0], args[1:]
	}
	switch {
	case verb == "run":
		if o, argv, ok := parseRun(rest); ok {
			return run(o, argv, stderr)
		}
	case verb == "bridge" && len(rest) == 1:
		return bridge(rest[0], stderr)
	case verb == "guard" && len(rest) == 1:
		return guard(rest[0], guardTimeout, stdin, stdout, stderr)
	case verb == "guard":
		say(stderr, "%s", usage)
		return exitDenied
	}
	say(stderr, "%s", usage)
	return exitUsage
}

// runOptions are what run is told beside the command.
type runOptions struct {
	// waitFor is an address that must accept connections before the command starts.
	waitFor string
	// sessions is where $CODEX_HOME/sessions shall lead; empty: nowhere.
	sessions string
}

// parseRun takes the options in front of "--" from the command behind it.
func parseRun(args []string) (o runOptions, argv []string, ok bool) {
	for len(args) >= 2 {
		switch args[0] {
		case "--":
			return o, args[1:], true
		case "--wait-for":
			o.waitFor = args[1]
		case "--sessions":
			o.sessions = args[1]
		default:
			return o, nil, false
		}
		args = args[2:]
	}
	return o, nil, false
}

// say writes one line for a person. There is nobody to tell if that fails.
func say(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, "sandbox-init: "+format+"\n", args...)
}

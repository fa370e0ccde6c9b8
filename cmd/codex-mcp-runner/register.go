package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// desktopPatience is how long a call may wait under Claude Desktop, which cuts
// calls after 60 seconds in some of its parts.
const desktopPatience = "45"

// showWelcome is what a person gets who starts the server in a terminal.
func showWelcome(out io.Writer) error {
	_, err := io.WriteString(out, `This is an MCP server: a client such as Claude starts it and talks to it in JSON-RPC.
In a terminal it has nobody to talk to, so it does not wait for one.
`)
	if err == nil {
		err = showRegistration(out)
	}
	if err == nil {
		_, err = io.WriteString(out, `
"codex-mcp-runner doctor" says whether all is there that it needs, "codex-mcp-runner run"
runs tasks without a client, and "codex-mcp-runner --help" has the rest.
`)
	}
	return err
}

// showRegistration says how clients learn of this binary.
func showRegistration(out io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		self = "codex-mcp-runner"
	}
	server := map[string]any{"command": self, "args": []string{"--repo", "/path/to/repository"}}
	other, err := snippet(server)
	if err != nil {
		return err
	}
	server["env"] = map[string]string{waitSecondsEnv: desktopPatience, "CODEX_API_KEY": "sk-..."}
	desktop, err := snippet(server)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, `
Register it, after "codex login" or with CODEX_API_KEY in its environment:

  Claude Code, in the repository:
    claude mcp add codex -- %s

  Claude Desktop, in claude_desktop_config.json; it cuts calls short, hence %s:
    %s

  Cursor (.cursor/mcp.json) and other clients that start a server over stdio:
    %s
`, shellWord(self), waitSecondsEnv, desktop, other)
	return err
}

func snippet(server map[string]any) (string, error) {
	b, err := json.Marshal(map[string]any{"mcpServers": map[string]any{"codex": server}})
	if err != nil {
		return "", fmt.Errorf("write a client's configuration: %w", err)
	}
	return string(b), nil
}

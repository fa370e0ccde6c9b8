package mcpserver

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

//go:embed check_codex_setup.input.json
var checkCodexSetupInput []byte

const checkCodexSetupDescription = `Say whether this machine and repository have what a Codex run needs: container engine, image, Codex, git, login, model, configuration, disk. For each thing that is missing it says how to mend it. Use it before the first run, or when a run says that something is missing. It changes nothing.`

func (s *Server) checkCodexSetup() (server.ServerTool, error) {
	return tool[struct{}, task.Setup]{
		name: "check_codex_setup", title: "Check the set-up for Codex", description: checkCodexSetupDescription,
		input:  checkCodexSetupInput,
		hints:  hints{readOnly: true, idempotent: true},
		search: "check Docker, image, login, model, config for Codex runs; diagnose",
		do: func(ctx context.Context, repo string, _ struct{}) (*mcp.CallToolResult, error) {
			setup, err := s.backend.CheckSetup(ctx, repo)
			if err != nil {
				return nil, err
			}
			return setupResult(setup), nil
		},
	}.build(s)
}

// setupResult tells a set-up in both forms. What is missing is no error: it is
// what was asked for.
func setupResult(r task.Setup) *mcp.CallToolResult {
	r = tidy(r)
	return fitted(nil, func(c caps) task.Setup {
		cut := r
		cut.Checks = slices.Clone(r.Checks)
		for i := range cut.Checks {
			cut.Checks[i].Detail = clip(cut.Checks[i].Detail, c.text)
			cut.Checks[i].Mend = clip(cut.Checks[i].Mend, c.list)
		}
		return cut
	}, setupText)
}

// setupText tells a set-up as text: every fact of the structured form.
func setupText(r task.Setup) string {
	var b strings.Builder
	missing := 0
	for _, c := range r.Checks {
		if !c.OK {
			missing++
		}
	}
	if r.Ready {
		b.WriteString("Everything that a run needs is there.\n")
	} else {
		fmt.Fprintf(&b, "Not ready: %d of %d checks found something to mend.\n", missing, len(r.Checks))
	}
	for _, c := range r.Checks {
		state := "ok"
		if !c.OK {
			state = "not ok"
		}
		fact(&b, c.Name, state+": "+c.Detail)
		fact(&b, "  to mend it", c.Mend)
	}
	return b.String()
}

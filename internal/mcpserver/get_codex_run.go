package mcpserver

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

//go:embed get_codex_run.input.json
var getCodexRunInput []byte

const getCodexRunDescription = `Look at a run, or at one of its tasks, without waiting: where it stands, the results so far or at the end. With section it reads what is kept of the run beyond the result, such as a whole patch, a transcript or the output of the verify commands.

Sections come in pages. While more is true, call again with cursor set to next_cursor. Of a run that is still running, events and the transcript grow: call again later with the same next_cursor to read only what is new.`

const (
	// defaultPage is what a page holds if the call does not say, in bytes.
	defaultPage = 20_000
	// smallPage is how far a page is made smaller until it fits: JSON writes a
	// byte in six characters at most, so this one always does.
	smallPage = 1000
)

// getInput is the arguments of get_codex_run.
type getInput struct {
	RunID   string       `json:"run_id"`
	TaskID  string       `json:"task_id"`
	Section task.Section `json:"section"`
	Cursor  int64        `json:"cursor"`
	Limit   int          `json:"limit"`
}

// getResult is what get_codex_run tells: one of the two.
type getResult struct {
	Run  *task.RunResult `json:"run,omitempty"`
	Page *task.Page      `json:"page,omitempty"`
}

func (s *Server) getCodexRun() (server.ServerTool, error) {
	return tool[getInput, getResult]{
		name: "get_codex_run", title: "Look at a Codex run", description: getCodexRunDescription,
		input:  getCodexRunInput,
		hints:  hints{readOnly: true, idempotent: true},
		search: "read a Codex run's status, task result, patch, transcript, logs",
		check:  func(tree any) []problem { return append(checkIDs(tree), checkPaging(tree)...) },
		do: func(ctx context.Context, repo string, in getInput) (*mcp.CallToolResult, error) {
			if in.Section != "" {
				return s.page(ctx, repo, in)
			}
			r, err := s.look(ctx, repo, in.RunID)
			if err != nil {
				return nil, err
			}
			if r, err = onlyTask(r, in.TaskID); err != nil {
				return nil, err
			}
			return wrappedRun(r, func(r task.RunResult) getResult { return getResult{Run: &r} },
				func(g getResult) string { return runText(*g.Run) }), nil
		},
	}.build(s)
}

// checkPaging finds a cursor or a limit of nothing.
func checkPaging(tree any) []problem {
	args, _ := tree.(map[string]any)
	if args["section"] != nil {
		return nil
	}
	var problems []problem
	for _, name := range []string{"cursor", "limit"} {
		if args[name] != nil {
			problems = append(problems, problem{[]string{name}, "is of use with section only; say which section to read, or leave it out."})
		}
	}
	return problems
}

// page tells a piece of a section that fits.
func (s *Server) page(ctx context.Context, repo string, in getInput) (result *mcp.CallToolResult, err error) {
	req := task.PageRequest{RunID: in.RunID, TaskID: in.TaskID, Section: in.Section, Cursor: in.Cursor, Limit: in.Limit}
	if req.Limit == 0 {
		req.Limit = defaultPage
	}
	_, err = s.fittingPage(ctx, repo, req, func(p task.Page) (whole bool) {
		result, whole = pageResult(p)
		return whole
	})
	return result, err
}

// fittingPage reads a page that fits into an answer. A shorter one is read anew,
// since only the backend knows where that one ends.
func (s *Server) fittingPage(ctx context.Context, repo string, req task.PageRequest, fits func(task.Page) bool) (task.Page, error) {
	for {
		p, err := s.readPage(ctx, repo, req)
		if err != nil {
			return p, err
		}
		if p = tidy(p); fits(p) || req.Limit <= smallPage {
			return p, nil
		}
		req.Limit = max(smallPage, req.Limit/2)
	}
}

// pageResult tells a page, and whether it had room for all of its text.
func pageResult(p task.Page) (result *mcp.CallToolResult, whole bool) {
	p = tidy(p)
	result = fitted(nil, func(c caps) getResult {
		cut := p
		cut.Text = clip(p.Text, c.text)
		whole = cut.Text == p.Text
		return getResult{Page: &cut}
	}, func(g getResult) string { return pageText(*g.Page) })
	return result, whole
}

// pageText tells a page as text: every fact of the structured form.
func pageText(p task.Page) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Run %s", p.RunID)
	if p.TaskID != "" {
		fmt.Fprintf(&b, ", task %s", p.TaskID)
	}
	fmt.Fprintf(&b, ", section %s\ntotal: %d\nnext_cursor: %d ", p.Section, p.Total, p.Next)
	if p.More {
		b.WriteString("(there is more: call again with it as cursor)\n")
	} else {
		b.WriteString("(there is no more now)\n")
	}
	fact(&b, "file", p.Path)
	fact(&b, "text", p.Text)
	return b.String()
}

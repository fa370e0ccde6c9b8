package mcpserver

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// metRun is what has to be known of a run to tell it to somebody who has but its
// id: the methods of tasks and resources name no repository.
type metRun struct {
	id, repo string
	created  time.Time
	// show tells the run as the tool does that started it.
	show func(task.RunResult) (*mcp.CallToolResult, error)
}

// metRuns are the runs that this server has had to do with. What it holds for each
// is small, next to the run.
type metRuns struct {
	mu   sync.Mutex
	runs map[string]metRun
}

// add keeps a run. own is false if another repository's run has the id: then that
// one keeps it.
func (m *metRuns) add(r metRun) (kept metRun, own bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, ok := m.runs[r.id]; ok && old.repo != r.repo {
		return old, false
	}
	if m.runs == nil {
		m.runs = map[string]metRun{}
	}
	m.runs[r.id] = r
	return r, true
}

func (m *metRuns) get(id string) (metRun, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.runs[id]
	return r, ok
}

// meet finds a run by its id: among those met, else among those that the journal
// of the likely repository has from before this server was started. A run that is
// not there is a refusal.
func (s *Server) meet(ctx context.Context, id string) (metRun, error) {
	if r, ok := s.met.get(id); ok {
		return r, nil
	}
	unknown := &task.Refusal{What: fmt.Sprintf("There is no run %q.", oneLine(id, 80)), Mend: "list_codex_runs names those that are kept."}
	if !validID(id) {
		return metRun{}, unknown
	}
	repo, err := s.likelyRepository(ctx)
	if err != nil {
		return metRun{}, err
	}
	runs, err := s.backend.Runs(ctx, repo)
	if err != nil {
		return metRun{}, err
	}
	for _, r := range runs {
		if r.RunID == id {
			kept, _ := s.met.add(metRun{id: id, repo: repo, created: r.CreatedAt, show: showAny})
			return kept, nil
		}
	}
	return metRun{}, unknown
}

// showAny tells a run of which nobody knows any more which tool started it.
func showAny(r task.RunResult) (*mcp.CallToolResult, error) {
	if r.Review != nil {
		return reviewOf(r)
	}
	return runResult(r), nil
}

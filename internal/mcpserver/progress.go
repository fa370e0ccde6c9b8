package mcpserver

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

const (
	// minInterval bounds the rate: clients ask for restraint.
	minInterval = 200 * time.Millisecond
	// heartbeat keeps clients' idle clocks from running out and the elapsed
	// time moving.
	heartbeat = 15 * time.Second
)

// reporter tells one call's progress to its client. Snapshots that come faster
// than they can be told are dropped, oldest first.
type reporter struct {
	// total is how many tasks there are; 0 until a snapshot tells.
	total int
	kick  chan struct{}

	mu     sync.Mutex
	latest task.Progress
	// show is the task whose activity changed last.
	show string
	shut bool

	cancel context.CancelFunc
	done   sync.WaitGroup
}

// progressNote is a notifications/progress message.
type progressNote struct {
	JSONRPC string         `json:"jsonrpc"`
	Method  string         `json:"method"`
	Params  progressParams `json:"params"`
}

type progressParams struct {
	Token    json.RawMessage `json:"progressToken"`
	Progress float64         `json:"progress"`
	Total    float64         `json:"total"`
	Message  string          `json:"message"`
}

// startProgress begins to report a call on total tasks, if its client wants to
// know; 0 means as many as the first snapshot has. The caller must call stop
// before the call returns.
func startProgress(ctx context.Context, total int) *reporter {
	ctx, cancel := context.WithCancel(ctx)
	p := &reporter{total: total, kick: make(chan struct{}, 1), cancel: cancel}
	s, ok := server.ClientSessionFromContext(ctx).(*session)
	if ok && s.req.progressToken != nil {
		p.done.Go(func() { p.run(ctx, s) })
	}
	return p
}

// update takes a snapshot. It never blocks and may be called after stop.
func (p *reporter) update(snapshot task.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shut {
		return
	}
	before := map[string]task.TaskProgress{}
	for _, t := range p.latest.Tasks {
		before[t.ID] = t
	}
	for _, t := range snapshot.Tasks {
		if old := before[t.ID]; t.State != task.Queued && t.State != task.Done && (old.Activity != t.Activity || old.State != t.State) {
			p.show = t.ID
		}
	}
	p.latest = snapshot
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

// stop ends the reports: when it returns, none will follow.
func (p *reporter) stop() {
	p.mu.Lock()
	p.shut = true
	p.mu.Unlock()
	p.cancel()
	p.done.Wait()
}

func (p *reporter) run(ctx context.Context, s *session) {
	started := time.Now()
	var last float64
	beat := time.NewTimer(heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
		case <-p.kick:
		}
		if ctx.Err() != nil { // select picks any that is ready
			return
		}
		p.mu.Lock()
		snapshot, show := p.latest, p.show
		p.mu.Unlock()
		now, tasks := time.Now(), max(p.total, len(snapshot.Tasks))
		total := float64(max(tasks, 1))
		last = nextValue(last, total, snapshot, now)
		err := s.notify(ctx, progressNote{
			JSONRPC: mcp.JSONRPC_VERSION, Method: "notifications/progress",
			Params: progressParams{
				Token: s.req.progressToken, Progress: last, Total: total,
				Message: progressLine(snapshot, tasks, show, started, now),
			},
		})
		if err != nil {
			return // the call is over, or the client is gone
		}
		beat.Reset(heartbeat)
		pause := time.NewTimer(minInterval)
		select {
		case <-ctx.Done():
			pause.Stop()
			return
		case <-pause.C:
		}
	}
}

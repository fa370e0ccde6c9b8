package mcpserver

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

const (
	// maxListened is how many tasks one subscription may name.
	maxListened = 100
	// methodTasksChanged is the notification of a task's state.
	methodTasksChanged = "notifications/tasks"
)

// taskNote is a notifications/tasks message.
type taskNote struct {
	JSONRPC string  `json:"jsonrpc"`
	Method  string  `json:"method"`
	Params  mcpTask `json:"params"`
}

// listenToTasks is subscriptions/listen for those that name tasks; nil for others,
// which are mcp-go's. It lasts until the client cancels it. Nothing else can be
// listened to on the same stream: our lists do not change (see New), so nothing
// else would be acknowledged.
func (s *Server) listenToTasks(ctx context.Context, c *session) *reply {
	var p struct {
		Notifications struct {
			TaskIDs []string `json:"taskIds"`
		} `json:"notifications"`
	}
	if err := json.Unmarshal(c.req.params, &p); err != nil || len(p.Notifications.TaskIDs) == 0 {
		return nil
	}
	if !takesTasks(ctx) {
		return needsTasks()
	}
	if n := len(p.Notifications.TaskIDs); n > maxListened {
		return faultReply(mcp.INVALID_PARAMS, fmt.Sprintf("taskIds names %d tasks; at most %d can be listened to at once", n, maxListened), nil)
	}
	runs, ids := []metRun{}, []string{}
	for _, id := range p.Notifications.TaskIDs {
		m, err := s.meet(ctx, id)
		if err != nil || slices.Contains(ids, id) {
			continue
		}
		runs, ids = append(runs, m), append(ids, id)
	}
	ack := mcp.JSONRPCNotification{JSONRPC: mcp.JSONRPC_VERSION, Notification: mcp.Notification{
		Method: mcp.MethodNotificationSubscriptionsAcknowledged,
		Params: mcp.NotificationParams{
			Meta:             map[string]any{mcp.MetaKeySubscriptionID: c.req.id.raw},
			AdditionalFields: map[string]any{"notifications": map[string]any{"taskIds": ids}},
		},
	}}
	if err := c.notify(ctx, ack); err == nil && len(ids) > 0 {
		var following sync.WaitGroup
		for _, m := range runs {
			following.Go(func() { s.follow(ctx, c, m) })
		}
		<-ctx.Done()
		following.Wait()
	}
	result := s.resultOf(mcp.ResultTypeComplete)
	result.Meta.SetSubscriptionID(c.req.id.raw)
	return &reply{result: result}
}

// follow tells where a task stands, now and after every change, until it has ended
// or ctx has.
func (s *Server) follow(ctx context.Context, c *session, m metRun) {
	var before []task.TaskProgress
	for until, first := time.Now(), true; ; until, first = time.Now().Add(pollInterval), false {
		r, err := s.await(ctx, m.repo, m.id, until, nil)
		if ctx.Err() != nil {
			return
		}
		t := s.taskOf(ctx, m, r, err)
		if !first && !t.ended() && reflect.DeepEqual(before, r.Progress) {
			continue
		}
		before = r.Progress
		t.Result.EnsureResultMeta().SetSubscriptionID(c.req.id.raw)
		if err := c.notify(ctx, taskNote{mcp.JSONRPC_VERSION, methodTasksChanged, t}); err != nil || t.ended() {
			return
		}
	}
}

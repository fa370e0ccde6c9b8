package mcpserver

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// rootsTimeout is how long a client may take to name its roots. A client that
// is slower is asked again with the next call.
const rootsTimeout = 3 * time.Second

var errNoRoots = errors.New("the client did not name its roots in time")

// rootsCache keeps a client's roots until it says that they changed.
type rootsCache struct {
	mu      sync.Mutex
	known   bool
	roots   []mcp.Root
	asked   int                       // how many questions so far; names the next one
	changes int                       // how often the client said that they changed
	waiting map[string]chan<- message // by requestID.key
	// last is what a client of the 2026-07-28 era answered last.
	last string
}

// listRoots asks a client of the initialize era for its roots. A client that
// answers with an error has none.
func (c *conn) listRoots(ctx context.Context) ([]mcp.Root, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, rootsTimeout, errNoRoots)
	defer cancel()

	r := &c.roots
	r.mu.Lock()
	if r.known {
		defer r.mu.Unlock()
		return r.roots, nil
	}
	if r.waiting == nil {
		r.waiting = map[string]chan<- message{}
	}
	r.asked++
	id, changes := "roots-"+strconv.Itoa(r.asked), r.changes
	answer := make(chan message, 1)
	r.waiting["s"+id] = answer
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.waiting, "s"+id)
	}()

	question := mcp.JSONRPCRequest{
		JSONRPC: mcp.JSONRPC_VERSION, ID: mcp.NewRequestId(id),
		Request: mcp.Request{Method: string(mcp.MethodListRoots)},
	}
	if err := c.w.send(ctx, question, nil); err != nil {
		return nil, err
	}
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case m := <-answer:
		var result mcp.ListRootsResult
		if m.result != nil {
			if err := json.Unmarshal(m.result, &result); err != nil {
				c.srv.log.Warn("the client's roots are unreadable", "error", err)
			}
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.changes == changes {
			r.known, r.roots = true, result.Roots
		}
		return result.Roots, nil
	}
}

// deliver routes a response to the question that it answers, if any.
func (r *rootsCache) deliver(m message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if answer, ok := r.waiting[m.id.key]; ok {
		delete(r.waiting, m.id.key)
		answer <- m
	}
}

// named keeps the answer of a client of the 2026-07-28 era, for its requests that
// may not ask.
func (r *rootsCache) named(dir string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = dir
}

func (r *rootsCache) lastNamed() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

func (r *rootsCache) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes++
	r.known, r.roots = false, nil
}

// firstDir is the directory of the first root that is a file on this machine;
// empty if there is none.
func firstDir(roots []mcp.Root) string {
	for _, root := range roots {
		if dir, ok := fileURI(root.URI); ok {
			return dir
		}
	}
	return ""
}

// fileURI decodes file:///abs/path and file://localhost/abs/path.
func fileURI(uri string) (string, bool) {
	u, err := url.Parse(uri)
	if err != nil || !strings.EqualFold(u.Scheme, "file") || u.Host != "" && !strings.EqualFold(u.Host, "localhost") {
		return "", false
	}
	if !filepath.IsAbs(u.Path) || strings.ContainsRune(u.Path, 0) {
		return "", false
	}
	return filepath.Clean(u.Path), true
}

//go:build integration

package clients

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// bridge lets clients that speak streamable HTTP talk to the program, which
// speaks stdio: each POST becomes a line, each answer a body. The stateless era
// shares one server process; each initialize starts one of its own, whose session
// is its number. It adds nothing that the program did not say but HTTP's status.
type bridge struct {
	h *host

	mu        sync.Mutex
	processes map[string]*process
}

// process is a server, and who waits for what from it.
type process struct {
	in io.WriteCloser

	mu      sync.Mutex
	last    int
	waiting map[string]chan wireMessage // by our own id
}

type wireMessage struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  map[string]any  `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   json.RawMessage `json:"error,omitempty"`
}

const sessionHeader = "Mcp-Session-Id"

// newBridge returns the address of a bridge to servers in the host's repository.
func newBridge(h *host) string {
	h.t.Helper()
	b := &bridge{h: h, processes: map[string]*process{}}
	b.start("")
	front := httptest.NewServer(b)
	h.t.Cleanup(front.Close)
	return front.URL + "/mcp"
}

func (b *bridge) start(session string) *process {
	c := exec.Command(*program, "--repo", b.h.repo)
	c.Env, c.Stderr = b.h.environ(nil), os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		b.h.t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		b.h.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		b.h.t.Fatal(err)
	}
	p := &process{in: in, waiting: map[string]chan wireMessage{}}
	b.mu.Lock()
	b.processes[session] = p
	b.mu.Unlock()
	read := make(chan struct{})
	go func() { defer close(read); p.read(b.h.t, out) }()
	b.h.t.Cleanup(func() {
		_ = in.Close()
		<-read
		if err := c.Wait(); err != nil {
			b.h.t.Errorf("the server behind the bridge ended with %v", err)
		}
	})
	return p
}

// read hands every line of the server's to the POST that it is for.
func (p *process) read(t testing.TB, out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var m wireMessage
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			t.Errorf("the server said %q", lines.Text())
			continue
		}
		id := string(m.ID)
		if m.Method != "" {
			id = addressee(m)
		}
		p.mu.Lock()
		to := p.waiting[id]
		p.mu.Unlock()
		if to != nil {
			to <- m
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, to := range p.waiting {
		close(to)
	}
	p.waiting = nil
}

// addressee is the request that a notification belongs to.
func addressee(m wireMessage) string {
	if token, ok := m.Params["progressToken"]; ok {
		return fmt.Sprint(token)
	}
	meta, _ := m.Params["_meta"].(map[string]any)
	return fmt.Sprint(meta["io.modelcontextprotocol/subscriptionId"])
}

func (b *bridge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	session := r.Header.Get(sessionHeader)
	var m wireMessage
	if r.Method != http.MethodPost {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	p := b.processes[session]
	b.mu.Unlock()
	if m.Method == "initialize" {
		b.mu.Lock()
		session = strconv.Itoa(len(b.processes))
		b.mu.Unlock()
		p = b.start(session)
		w.Header().Set(sessionHeader, session)
	}
	switch {
	case p == nil:
		w.WriteHeader(http.StatusNotFound)
	case m.ID == nil || m.Method == "":
		p.send(m)
		w.WriteHeader(http.StatusAccepted)
	default:
		p.exchange(w, r, m)
	}
}

func (p *process) send(m wireMessage) {
	line, _ := json.Marshal(m) // it was JSON before
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = p.in.Write(append(line, '\n')) // a server that has ended closes every exchange
}

// exchange passes on one request, under an id of ours since its clients do not
// know of each other, and all that comes back for it.
func (p *process) exchange(w http.ResponseWriter, r *http.Request, m wireMessage) {
	theirs, back := m.ID, make(chan wireMessage, 100)
	p.mu.Lock()
	p.last++
	ours := strconv.Itoa(p.last)
	gone := p.waiting == nil
	if !gone {
		p.waiting[ours] = back
	}
	p.mu.Unlock()
	if gone {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.waiting, ours)
	}()
	m.ID = json.RawMessage(ours)
	meta, _ := m.Params["_meta"].(map[string]any)
	token, wantsProgress := meta["progressToken"]
	if wantsProgress {
		meta["progressToken"] = p.last
	}
	p.send(m)
	stream := false
	for {
		var answer wireMessage
		var ok bool
		select {
		case answer, ok = <-back:
			if !ok { // the server ended
				w.WriteHeader(http.StatusBadGateway)
				return
			}
		case <-r.Context().Done():
			return
		}
		if wantsProgress && answer.Method == "notifications/progress" {
			answer.Params["progressToken"] = token
		}
		if answer.Method == "" {
			answer.ID = theirs
		}
		body, _ := json.Marshal(answer) // it was JSON before
		body = []byte(strings.ReplaceAll(string(body), `"io.modelcontextprotocol/subscriptionId":`+ours, `"io.modelcontextprotocol/subscriptionId":`+string(theirs)))
		if answer.Method == "" && !stream {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status(m, answer))
			_, _ = w.Write(body)
			return
		}
		if !stream {
			w.Header().Set("Content-Type", "text/event-stream")
			stream = true
		}
		fmt.Fprintf(w, "event: message\ndata: %s\n\n", body)
		w.(http.Flusher).Flush()
		if answer.Method == "" {
			return
		}
	}
}

// status is what the stateless era wants beside an error.
func status(question, answer wireMessage) int {
	meta, _ := question.Params["_meta"].(map[string]any)
	var e struct{ Code int }
	if _, modern := meta["io.modelcontextprotocol/protocolVersion"]; answer.Error == nil || !modern || json.Unmarshal(answer.Error, &e) != nil {
		return http.StatusOK
	}
	if e.Code == -32601 {
		return http.StatusNotFound
	}
	return http.StatusBadRequest
}

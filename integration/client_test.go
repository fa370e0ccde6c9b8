//go:build integration

package integration

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// server is the program serving MCP, with this test at the other end of its
// pipes. It speaks raw JSON-RPC: only so are order, cancels and signals seen.
type server struct {
	t      testing.TB
	cmd    *exec.Cmd
	in     io.WriteCloser
	stderr *lockedBuffer
	wire   *lockedBuffer // all that the server said
	exited chan struct{}
	err    error // of Wait, after exited

	mu      sync.Mutex
	nextID  int
	waiting map[int]chan message
	heard   []message // every notification, in order
	stray   []string  // what was no JSON-RPC, or answered nothing that was asked
}

type message struct {
	ID     *int            `json:"id"`
	Method string          `json:"method"`
	at     time.Time       // when it was read
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// launch starts the program in the repository.
func (h *host) launch(args ...string) *server {
	h.t.Helper()
	if h.before == nil {
		h.before = h.snapshot()
	}
	s := &server{
		t: h.t, cmd: exec.Command(program, args...), stderr: &lockedBuffer{}, wire: &lockedBuffer{},
		exited: make(chan struct{}), waiting: map[int]chan message{},
	}
	s.cmd.Dir = h.repo
	for k, v := range h.env {
		s.cmd.Env = append(s.cmd.Env, k+"="+v)
	}
	s.cmd.Stderr = s.stderr
	in, err := s.cmd.StdinPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	s.in = in
	h.pids = append(h.pids, s.cmd.Process.Pid)
	go s.read(out)
	h.t.Cleanup(s.stop)
	return s
}

// serve launches the program and says hello as clients do since 2025.
func (h *host) serve(args ...string) *server {
	h.t.Helper()
	s := h.launch(args...)
	reply := s.call("initialize", map[string]any{
		"protocolVersion": "2025-11-25", "capabilities": map[string]any{},
		"clientInfo": map[string]any{"name": "integration", "version": "1"},
	}).wait(20 * time.Second)
	if reply.Error != nil {
		h.t.Fatalf("initialize: %+v", reply.Error)
	}
	s.notify("notifications/initialized", map[string]any{})
	return s
}

func (s *server) read(out io.Reader) {
	r := bufio.NewReader(out)
	for {
		line, err := r.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			_, _ = s.wire.Write(line)
			s.take(line)
		}
		if err != nil {
			break
		}
	}
	s.err = s.cmd.Wait()
	close(s.exited)
}

func (s *server) take(line []byte) {
	m := message{at: time.Now()}
	err := json.Unmarshal(line, &m)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil:
		s.stray = append(s.stray, string(line))
	case m.ID != nil && m.Method == "":
		c, ok := s.waiting[*m.ID]
		if !ok {
			s.stray = append(s.stray, string(line))
			return
		}
		delete(s.waiting, *m.ID)
		c <- m
	default:
		s.heard = append(s.heard, m)
	}
}

// notifications of a method so far.
func (s *server) notifications(method string) (found []message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.heard {
		if m.Method == method {
			found = append(found, m)
		}
	}
	return found
}

// phases are the progress messages so far, each with the time until the next.
func (s *server) phases() (all []string) {
	notes := s.notifications("notifications/progress")
	for i, n := range notes {
		var p struct{ Message string }
		_ = json.Unmarshal(n.Params, &p) // for the eye only
		lasted := time.Since(n.at)
		if i+1 < len(notes) {
			lasted = notes[i+1].at.Sub(n.at)
		}
		all = append(all, p.Message+" +"+lasted.Round(time.Millisecond).String())
	}
	return all
}

// until waits for a condition that the server brings about.
func (s *server) until(what string, ok func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			s.t.Fatalf("waited in vain for %s\n%s", what, s.stderr)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// signal sends one, and waits for the end.
func (s *server) signal(sig os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
	s.waitExit()
}

// stop closes stdin, as a client does that has no more to ask, and checks how
// the server ends. After another end it does nothing.
func (s *server) stop() {
	_ = s.in.Close()
	s.waitExit()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.stray) > 0 {
		s.t.Errorf("on stdout, beside answers: %q", s.stray)
	}
	if log := s.stderr.String(); strings.Contains(log, "DATA RACE") || strings.Contains(log, "panic:") {
		s.t.Errorf("the server's log:\n%s", log)
	}
}

func (s *server) waitExit() {
	s.t.Helper()
	select {
	case <-s.exited:
	case <-time.After(60 * time.Second):
		_ = s.cmd.Process.Signal(syscall.SIGQUIT)
		<-s.exited
		s.t.Fatalf("the server did not end\n--- stderr ---\n%s", s.stderr)
	}
}

// exitCode is valid after the server's end.
func (s *server) exitCode() int {
	var exit *exec.ExitError
	if errors.As(s.err, &exit) {
		return exit.ExitCode()
	}
	return 0
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

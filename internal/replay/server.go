package replay

import (
	"bytes"
	"cmp"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Options of a server; the zero value is fine.
type Options struct {
	// Log gets a line for every request; nil discards them.
	Log *slog.Logger
	// Key, if set, must come as "Authorization: Bearer <key>"; else the answer is 401.
	Key string
	// Keep is how many of the latest requests Requests returns: 0 means 1000,
	// a negative number none.
	Keep int
}

// Server is a model API. It is safe for concurrent use.
type Server struct {
	script Script
	opt    Options
	log    *slog.Logger

	mu       sync.Mutex
	requests []Request
	faults   map[string]int // by thread and step: how often it was met
}

// maxBody bounds a request; Codex's largest are some megabytes.
const maxBody = 64 << 20

// NewServer serves a script that Load or Parse made, at POST /v1/responses and
// POST /responses.
func NewServer(s Script, opt Options) *Server {
	opt.Keep = cmp.Or(opt.Keep, 1000)
	log := opt.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Server{script: s, opt: opt, log: log, faults: map[string]int{}}
}

// Requests returns the latest requests, oldest first; see Options.Keep.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := Request{
		Method: r.Method, Path: r.URL.Path, Header: r.Header.Clone(),
		HasCredential: r.Header.Get("Authorization") != "",
		Conversation:  -1, Step: -1,
	}
	answer := s.decide(r, &rec)
	rec.Status = answer.status
	s.record(rec)
	s.log.Info("model request", "method", rec.Method, "path", rec.Path, "model", rec.Model,
		"bytes", rec.BodyBytes, "conversation", rec.Conversation, "step", rec.Step,
		"status", rec.Status, "credential", rec.HasCredential)
	answer.send(r.Context(), w)
}

func (s *Server) record(rec Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, rec)
	if over := len(s.requests) - max(s.opt.Keep, 0); over > 0 {
		s.requests = slices.Delete(s.requests, 0, over)
	}
}

// decide reads a request into rec and chooses the answer.
func (s *Server) decide(r *http.Request, rec *Request) answer {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	rec.BodyBytes = int64(len(body))
	switch {
	case err != nil:
		return refuse(http.StatusBadRequest, "cannot read the request: "+err.Error())
	case len(body) > maxBody:
		return refuse(http.StatusRequestEntityTooLarge, "the request is too large")
	case !s.authorized(r):
		return refuse(http.StatusUnauthorized, "missing or wrong API key")
	case r.Method != http.MethodPost || r.URL.Path != "/v1/responses" && r.URL.Path != "/responses":
		return refuse(http.StatusNotFound, "no such route: "+r.Method+" "+r.URL.Path)
	case r.Header.Get("Content-Encoding") != "":
		return refuse(http.StatusUnsupportedMediaType, "the request is compressed")
	}
	tools, err := rec.understand(body)
	if err != nil {
		return refuse(http.StatusBadRequest, err.Error())
	}

	said := asked(rec.Input)
	at := slices.IndexFunc(s.script.Conversations, func(c Conversation) bool {
		return strings.Contains(said, c.Match)
	})
	if at < 0 {
		return refuse(http.StatusBadRequest, fmt.Sprintf("no conversation of the script matches: %q", tail(said, 200)))
	}
	rec.Conversation = at
	next := nextStep(rec.Input)
	if tools.none || compacting(rec.Input) {
		return stream(tools, next-1, summary(next-1))
	}
	steps := s.script.Conversations[at].Steps
	if next >= len(steps) {
		return refuse(http.StatusBadRequest,
			fmt.Sprintf("conversation %d of the script has %d steps and was asked for one more", at, len(steps)))
	}
	rec.Step = next
	step := steps[next]
	if step.Fault != nil && s.spent(r, at, next, step.Fault.Times) {
		step.Fault = nil
	}
	if step.Fault != nil && step.Fault.Kind == FaultStatus {
		return failure(*step.Fault)
	}
	return stream(tools, next, step)
}

func (s *Server) authorized(r *http.Request) bool {
	if s.opt.Key == "" {
		return true
	}
	got := []byte(r.Header.Get("Authorization"))
	return subtle.ConstantTimeCompare(got, []byte("Bearer "+s.opt.Key)) == 1
}

// spent counts a meeting with a fault and says whether the thread has met it
// often enough.
func (s *Server) spent(r *http.Request, conversation, step, times int) bool {
	if times == 0 {
		return false
	}
	key := fmt.Sprintf("%s %d %d", r.Header.Get("Thread-Id"), conversation, step)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[key]++
	return s.faults[key] > times
}

// compacting says whether the last thing said is Codex's request for a summary.
// Models with plain tools are then offered none; the others keep theirs.
func compacting(input []Input) bool {
	if len(input) == 0 {
		return false
	}
	last := input[len(input)-1]
	return last.Role == "user" && strings.Contains(last.Text, "CONTEXT CHECKPOINT COMPACTION")
}

// summary answers Codex's compaction: what it says replaces the history, so it
// must carry the step that the history has reached.
func summary(reached int) Step {
	text := fmt.Sprintf("Summary of the work so far: the first %d steps of the task are done (%s). "+
		"Go on with the next one.", reached+1, markOf(reached))
	return Step{Items: []Item{{Say: &text}}}
}

// refuse answers with an error in OpenAI's form.
func refuse(status int, message string) answer {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(map[string]any{ // a map of strings cannot fail
		"error": map[string]any{"message": message, "type": "replay_error", "code": nil},
	})
	return answer{status: status, body: body.Bytes(), header: map[string]string{"Content-Type": "application/json"}}
}

func failure(f Fault) answer {
	a := refuse(f.Status, "scripted fault: "+http.StatusText(f.Status))
	if f.Body != nil {
		a.body = f.Body
		if f.Body[0] == '"' {
			a.body = []byte(textOf(f.Body))
		}
	}
	for name, value := range f.Headers {
		a.header[name] = value
	}
	return a
}

func tail(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[len(s)-most:], "")
}

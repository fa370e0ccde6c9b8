package runner_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/runner"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// world is everything that a Runner drives, in memory. Its hooks steer it.
type world struct {
	mu      sync.Mutex
	events  []string // what was done, in order
	files   map[string]*bytes.Buffer
	result  *task.RunResult // what Finish was given
	judged  []task.Evidence
	shown   []task.Progress
	model   runner.ModelOptions
	cancels map[string]context.CancelCauseFunc // what Attach was given
	merges  [][]string

	run      func(ctx context.Context, c task.Container, s task.Streams) (task.Exit, error)
	create   func(name string) error
	collect  func(name string) (task.Changes, error)
	rollout  func(name string) ([]byte, error)
	remove   func(name string) error
	ready    func() error
	check    func(image string) error
	watch    func() error
	changed  func() ([]task.Finding, error)
	begin    func()
	store    func() error
	commit   func(patch string) error
	conflict func(a, b string) []string // paths in which two patches do
	merge    func(commits []string) error
	write    func(name string) error
	judge    func(ev task.Evidence) task.Verdict
	html     func(task.RunResult) ([]byte, error)
	secret   string
	report   task.GatewayReport
	workDir  string
}

func newWorld() *world {
	return &world{
		files:    map[string]*bytes.Buffer{},
		cancels:  map[string]context.CancelCauseFunc{},
		run:      says(completed),
		create:   func(string) error { return nil },
		collect:  func(string) (task.Changes, error) { return task.Changes{Applicable: true}, nil },
		rollout:  func(string) ([]byte, error) { return nil, nil },
		remove:   func(string) error { return nil },
		ready:    func() error { return nil },
		check:    func(string) error { return nil },
		watch:    func() error { return nil },
		changed:  func() ([]task.Finding, error) { return nil, nil },
		begin:    func() {},
		store:    func() error { return nil },
		commit:   func(string) error { return nil },
		conflict: func(string, string) []string { return nil },
		merge:    func([]string) error { return nil },
		write:    func(string) error { return nil },
		judge:    usually,
		workDir:  "/nonexistent/run",
	}
}

// usually fails what was stopped or did not pass, and nothing else.
func usually(ev task.Evidence) task.Verdict {
	fail := func(kind task.FailureKind, message string) task.Verdict {
		return task.Verdict{Status: task.Failed, Failure: &task.Failure{Kind: kind, Message: message}, Findings: ev.Changes.Findings}
	}
	if ev.Stopped.Kind != "" {
		return fail(ev.Stopped.Kind, ev.Stopped.Detail)
	}
	for _, v := range ev.Verification {
		if !v.Passed {
			return fail(task.FailVerify, v.Command)
		}
	}
	if !ev.Turn.Completed {
		return fail(task.FailCodex, "no turn")
	}
	return task.Verdict{Status: task.Success, Findings: ev.Changes.Findings}
}

// patched is what a worktree holds whose task changed one file.
func patched(file, patch string) task.Changes {
	return task.Changes{Files: []task.Change{{Path: file, Kind: task.Modified}}, Patch: []byte(patch), Applicable: true}
}

const completed = `{"type":"turn.started"}
{"type":"item.completed","item":{"id":"item_0","type":"agent_message","text":"done"}}
{"type":"turn.completed","usage":{"input_tokens":10,"cached_input_tokens":0,"output_tokens":2,"reasoning_output_tokens":0}}
`

// says is a sandbox whose Codex prints stdout and exits with 0.
func says(stdout string) func(context.Context, task.Container, task.Streams) (task.Exit, error) {
	return func(_ context.Context, _ task.Container, s task.Streams) (task.Exit, error) {
		_, err := io.WriteString(s.Stdout, stdout)
		return task.Exit{}, err
	}
}

// hangs is a sandbox whose Codex prints stdout and then waits to be killed.
func hangs(stdout string) func(context.Context, task.Container, task.Streams) (task.Exit, error) {
	return func(ctx context.Context, _ task.Container, s task.Streams) (task.Exit, error) {
		if _, err := io.WriteString(s.Stdout, stdout); err != nil {
			return task.Exit{}, err
		}
		<-ctx.Done()
		return task.Exit{Code: 137}, fmt.Errorf("run container: %w", context.Cause(ctx))
	}
}

func (w *world) did(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, fmt.Sprintf(format, args...))
}

// attached says of how many tasks Attach was told.
func (w *world) attached() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.cancels)
}

// cancel ends one task.
func (w *world) cancel(id string, cause error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cancels[id](cause)
}

func (w *world) file(name string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if b := w.files[name]; b != nil {
		return b.String()
	}
	return ""
}

func (w *world) plan(ids ...string) task.Plan {
	p := task.Plan{RunID: "run", Concurrency: 1}
	for _, id := range ids {
		p.Tasks = append(p.Tasks, task.Spec{
			RunID: "run", ID: id, Prompt: "do " + id, Model: "gpt-5.5", CodexCommand: "codex",
			Timeout: 5 * time.Minute, IdleTimeout: 2 * time.Minute, MaxOutputBytes: 1 << 20,
			AllowedPaths: []string{"src/**"}, AllowedCommands: []string{"npm test"},
			CommandPolicy: task.CommandEnforce, KeepWorktree: "never", Ephemeral: true, Attempts: 1,
		})
	}
	return p
}

func (w *world) start(ctx context.Context, plan task.Plan) (task.RunResult, error) {
	r := runner.New(runner.Options{
		Sandbox: sandbox{w},
		Ready:   func(context.Context, task.Plan) error { return w.ready() },
		Model: func(o runner.ModelOptions) runner.ModelSession {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.model = o
			return session{w}
		},
		Judge: func(ev task.Evidence) task.Verdict {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.judged = append(w.judged, ev)
			return w.judge(ev)
		},
		Attest: func(ev task.Evidence, v task.Verdict, commit string, patch []byte, _ time.Time) ([]byte, error) {
			return fmt.Appendf(nil, "%s %s %s %q", ev.Spec.ID, v.Status, commit, patch), nil
		},
		Rules: runner.Rules{
			Path: func(patterns []string, path string) bool { return path == "src/a.js" },
			Command: func(_ task.Spec, script string) (bool, string) {
				return strings.HasPrefix(script, "npm ") || strings.HasPrefix(script, "apply_patch "), "only npm"
			},
		},
		Redact: redactor{w},
		Report: w.html,
		Log:    slog.New(slog.DiscardHandler),
	})
	return r.Run(ctx, runner.Job{
		Plan: plan, Repo: repository{w}, WorkDir: w.workDir,
		Attach: func(id string, cancel context.CancelCauseFunc) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.cancels[id] = cancel
		},
		Begin: func(string) (runner.RunRecord, error) {
			w.did("begin")
			w.begin()
			return runRecord{record{w, ""}}, nil
		},
		Progress: func(p task.Progress) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.shown = append(w.shown, p)
		},
	})
}

type repository struct{ *world }

func (r repository) Resolve(_ context.Context, ref string) (string, error) {
	if ref == "nothing" {
		return "", &task.Refusal{Where: "base_ref", What: "nothing.", Mend: "Name a commit."}
	}
	return "c0ffee", nil
}

func (r repository) Dirty(context.Context, int) ([]string, int, error) {
	return []string{"a", "b"}, 3, nil
}

func (r repository) Watch(context.Context) (func(context.Context) ([]task.Finding, error), error) {
	r.did("watch")
	return func(ctx context.Context) ([]task.Finding, error) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		r.did("compare")
		return r.changed()
	}, r.watch()
}

func (r repository) OpenStore(ctx context.Context, dir string) (runner.Store, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	r.did("store")
	return store(r), r.world.store()
}

type sandbox struct{ *world }

func (s sandbox) Check(_ context.Context, image, _ string) error { return s.check(image) }

func (s sandbox) Run(ctx context.Context, c task.Container, streams task.Streams) (task.Exit, error) {
	name := strings.TrimPrefix(c.Tree.Dir, "/work/run-")
	s.did("start %s", name)
	defer s.did("gone %s", name)
	return s.run(ctx, c, streams)
}

type session struct{ *world }

func (s session) Serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_ = c.Close()
	}
}

func (s session) Report() task.GatewayReport { return s.report }

type redactor struct{ *world }

func (r redactor) Text(s string) string {
	if r.secret == "" {
		return s
	}
	return string(bytes.ReplaceAll([]byte(s), []byte(r.secret), []byte("[REDACTED]")))
}

func (r redactor) Clean(s string) (string, bool) { return r.Text(s), s != unsearchable }

// unsearchable is a patch that is too much for a redactor.
const unsearchable = "unsearchable"

func (r redactor) Writer(w io.Writer) io.WriteCloser { return redactWriter{r, w} }

type redactWriter struct {
	r redactor
	w io.Writer
}

func (r redactWriter) Write(p []byte) (int, error) {
	if _, err := io.WriteString(r.w, r.r.Text(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (r redactWriter) Close() error { return nil }

type record struct {
	*world
	dir string
}

func (r record) Path(name string) string { return "/journal/" + r.dir + name }

func (r record) Append(name string) (io.WriteCloser, error) { return appender(r.with(name)), nil }

func (r record) with(name string) record { return record{r.world, r.dir + name} }

func (r record) Write(name string, content []byte) error {
	if err := r.write(r.dir + name); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files[r.dir+name] = bytes.NewBuffer(bytes.Clone(content))
	return nil
}

type appender record

func (a appender) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.files[a.dir] == nil {
		a.files[a.dir] = &bytes.Buffer{}
	}
	return a.files[a.dir].Write(p)
}

func (a appender) Close() error { return nil }

type runRecord struct{ record }

func (r runRecord) Task(id string) (runner.Record, error) { return r.with(id + "/"), nil }

func (r runRecord) Attempt(id string, n int) (runner.Record, error) {
	return r.with(fmt.Sprintf("%s/attempts/%d/", id, n)), nil
}

func (r runRecord) Adopt(id string, n int) error {
	r.did("adopt %s %d", id, n)
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, content := range r.files {
		if own, ok := strings.CutPrefix(name, fmt.Sprintf("%s/attempts/%d/", id, n)); ok {
			r.files[id+"/"+own] = content
		}
	}
	return nil
}

func (r runRecord) Finish(result task.RunResult) error {
	r.did("finish")
	if r.result != nil {
		return errors.New("finished twice")
	}
	r.result = &result
	return nil
}

func statuses(results []task.Result) (s []task.Status) {
	for _, r := range results {
		s = append(s, r.Status)
	}
	return s
}

func must(t *testing.T) func(task.RunResult, error) task.RunResult {
	return func(r task.RunResult, err error) task.RunResult {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
}

// closedListener is the tunnel of a container that makes no connection.
type closedListener struct{}

func (closedListener) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (closedListener) Close() error              { return nil }
func (closedListener) Addr() net.Addr            { return nil }

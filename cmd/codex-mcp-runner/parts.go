package main

import (
	"context"
	"io"
	"os"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/codex"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/gateway"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/policy"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/redact"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/runner"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/validate"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/workspace"
)

// The parts do not know each other. Here each is given the shape in which the
// runner asks for it.

// sandboxUID owns the worktree and runs Codex when we are root, since a sandbox
// never runs as uid 0. No account of the host should have it.
const sandboxUID = 10001

type repository struct{ *workspace.Repository }

func (r repository) OpenStore(ctx context.Context, dir string) (runner.Store, error) {
	st, err := r.Repository.OpenStore(ctx, dir)
	if err != nil {
		return nil, err
	}
	return store{st}, nil
}

type store struct{ *workspace.Store }

func (s store) Create(ctx context.Context, name, commit, dir string) (runner.Workspace, error) {
	o := workspace.CreateOptions{Name: name, Commit: commit, Dir: dir, UID: os.Getuid(), GID: os.Getgid()}
	if o.UID == 0 {
		o.UID, o.GID = sandboxUID, sandboxUID
	}
	w, err := s.Store.Create(ctx, o)
	if err != nil {
		return nil, err
	}
	return tree{w}, nil
}

type tree struct{ *workspace.Workspace }

// maxFileBytes bounds a changed file that is read at all; the patch limit is
// about what is returned.
const maxFileBytes = 64 << 20

func (t tree) Collect(ctx context.Context, spec task.Spec) (task.Changes, error) {
	return t.Workspace.Collect(ctx, workspace.CollectOptions{MaxFileBytes: maxFileBytes})
}

type runRecord struct{ *journal.Run }

func (r runRecord) Task(id string) (runner.Record, error) { return r.Run.Task(id) }

func (r runRecord) Attempt(id string, n int) (runner.Record, error) { return r.Run.Attempt(id, n) }

// model is the way to the model API with the host's login.
type model struct {
	gateway     *gateway.Gateway
	credentials gateway.Credentials
}

func (m *model) ready(ctx context.Context, _ task.Plan) error { return m.credentials.Check(ctx) }

func (m *model) session(o runner.ModelOptions) runner.ModelSession {
	return m.gateway.Session(gateway.SessionOptions{
		Spec: o.Spec, Log: o.Log, Alive: o.Alive, Guard: o.Guard,
		Stop: func(reason error) { o.Stop(task.Stop{Kind: task.FailBudget, Detail: reason.Error()}) },
	})
}

// loginName is what stands where the host's login was.
const loginName = "model-api-login"

// redactor hides the host's login, if it has one, and what looks like a secret.
func (m *model) redactor(ctx context.Context) (redactor, error) {
	var known []redact.Known
	if grant, err := m.credentials.Grant(ctx, nil); err == nil {
		known = append(known, redact.Known{Name: loginName, Value: grant.Secret})
	}
	secrets, err := redact.NewSecrets(known...)
	return redactor{secrets}, err
}

type redactor struct{ secrets *redact.Secrets }

func (r redactor) Writer(w io.Writer) io.WriteCloser { return redact.New(w, r.secrets) }
func (r redactor) Text(s string) string              { return r.secrets.String(s) }
func (r redactor) Clean(s string) (string, bool)     { return r.secrets.Clean(s) }

var rules = validate.Rules{Path: policy.AllowPath, Command: allowCommand, Script: codex.Script}

func allowCommand(spec task.Spec, script string) (bool, string) {
	d := policy.CheckCommand(policy.CommandRules{
		Allowed: spec.AllowedCommands, Inspection: spec.AllowInspection, WorkspaceDir: task.WorkspaceDir,
	}, script)
	return d.Allowed, d.Reason
}

// judge is the whole verdict on a task.
func (r redactor) judge(ev task.Evidence) task.Verdict {
	findings := validate.Judge(ev, rules)
	if !validate.TooLarge(ev) { // one that is has failed, and nobody is shown it
		findings = append(findings, validate.Secrets(ev.Changes, r.finder(len(ev.Changes.Patch)))...)
	}
	findings = append(findings, ev.Refused...)
	status, failure := validate.Conclude(ev, findings)
	return task.Verdict{
		Status: status, Failure: failure, Findings: findings,
		Sentences: validate.Sentences(ev, findings, rules),
		Notes:     validate.Notes(ev, findings, status, failure, rules),
	}
}

// finder lists the secrets of the texts of a patch of that size for the verdict.
// The host's login is looked for by itself: to the rules it may be part of
// something else.
func (r redactor) finder(size int) func(text []byte) (found []validate.Secret, complete bool) {
	search := r.secrets.Search(size)
	return func(text []byte) (found []validate.Secret, complete bool) {
		for _, m := range r.secrets.FindKnown(text) {
			found = append(found, validate.Secret{Rule: m.Rule, Line: m.Line, Known: true})
		}
		all, complete := search.Find(text)
		for _, m := range all {
			if m.Rule != loginName {
				found = append(found, validate.Secret{Rule: m.Rule, Line: m.Line})
			}
		}
		return found, complete
	}
}

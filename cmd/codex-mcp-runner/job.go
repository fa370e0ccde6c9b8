package main

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/config"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/live"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/policy"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/runner"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/sandbox"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// job is a run that policy has admitted, with all that it needs.
type job struct {
	place
	s        *service
	plan     task.Plan
	runs     *journal.Journal
	engine   *sandbox.Engine
	model    *model
	redactor redactor
	signer   attester
}

// prepare makes a job of the repository's configuration. Its error is what the
// caller can mend before anything has begun.
func (s *service) prepare(ctx context.Context, dir string, compile func(config.Config) (task.Plan, error)) (*job, error) {
	at, err := s.find(ctx, dir)
	if err != nil {
		return nil, err
	}
	cfg, err := loadConfig(at.repo.Root())
	if err != nil {
		return nil, err
	}
	j := &job{place: at, s: s}
	if j.plan, err = compile(cfg); err != nil {
		return nil, err
	}
	if j.runs, err = journal.Open(at.home, at.repo.CommonDir(), at.repo.Root()); err != nil {
		return nil, err
	}
	s.recover(ctx, at, j.runs)
	// Also of a dry run, which never begins: its result would hide the run's.
	if err = j.runs.CheckNew(j.plan.RunID); err != nil {
		return nil, err
	}
	if j.engine, err = s.openEngine(); err != nil {
		return nil, err
	}
	if j.model, err = s.openModel(); err != nil { //nolint:contextcheck // it looks up a loopback name, with a time limit of its own
		return nil, err
	}
	if j.redactor, err = j.model.redactor(ctx); err != nil {
		return nil, err
	}
	if err = j.redactor.refuseLogin(j.plan); err != nil {
		return nil, err
	}
	j.signer, err = newAttester(s.o.Getenv)
	return j, err
}

// run does the job. at shows where it stands.
func (j *job) run(ctx context.Context, at *live.Run) (task.RunResult, error) {
	workDir := j.workDir(j.plan.RunID)
	var (
		events *journal.EventLog
		base   string
	)
	began := time.Now()
	result, err := runner.New(runner.Options{
		Sandbox: j.engine,
		Ready:   j.model.ready,
		Model:   j.model.session,
		Judge:   j.redactor.judge,
		Attest: func(ev task.Evidence, v task.Verdict, start string, patch []byte, started time.Time) ([]byte, error) {
			return j.signer.attest(base, ev, v, start, patch, started)
		},
		Rules:  runner.Rules{Path: policy.AllowPath, Command: allowCommand},
		Redact: j.redactor,
		Log:    j.s.o.Log,
		Report: j.report,
	}).Run(ctx, runner.Job{
		Plan:    j.plan,
		Notes:   loosened(j.plan),
		Repo:    repository{j.repo},
		WorkDir: workDir,
		Attach:  at.Attach,
		Begin: func(commit string) (runner.RunRecord, error) {
			base = commit
			run, err := j.runs.Begin(j.plan, commit, began)
			if err != nil {
				return nil, err
			}
			if events, err = run.Events(); err != nil {
				return nil, errors.Join(err, run.Finish(task.RunResult{RunID: j.plan.RunID, Status: task.RunDone}))
			}
			at.Begun()
			return runRecord{run}, nil
		},
		Progress: func(p task.Progress) {
			if events != nil {
				events.Post(p)
			}
			at.Post(p)
		},
	})
	_ = os.Remove(workDir) // unless it holds a worktree that was to be kept
	if perr := j.runs.Prune(j.plan.MaxRunsRetained); perr != nil {
		j.s.o.Log.Warn("prune the journal", "err", perr)
	}
	return result, err
}

// report makes the run's report.html. The event log is read back as it is by now:
// all tasks have ended.
func (j *job) report(r task.RunResult) ([]byte, error) {
	run, err := j.runs.Load(r.RunID)
	if err != nil {
		return nil, err
	}
	return renderReport(run, r)
}

// loadConfig reads the repository's configuration and checks what its schema
// cannot say.
func loadConfig(root string) (config.Config, error) {
	cfg, err := config.Load(root)
	return cfg, errors.Join(err, policy.CheckConfig(cfg)) // all there is to mend, at once
}

// compile applies policy to a request. Of the host's environment a task gets
// what policies/environment.json lets through.
func compile(req task.Request, cfg config.Config) (task.Plan, error) {
	plan, err := policy.Compile(req, cfg, newRunID)
	if err != nil {
		return plan, err
	}
	env, err := policy.Environment(os.Environ())
	for i := range plan.Tasks {
		plan.Tasks[i].Env = env
	}
	return plan, err
}

// loosened is what a plan's configuration opens, for the notes of its run. A
// review has a sandbox that nothing opens.
func loosened(plan task.Plan) []string {
	if len(plan.Tasks) == 0 || plan.Tasks[0].OutputSchema != "" {
		return nil
	}
	spec := plan.Tasks[0] // these fields are no task's own
	return policy.Loosened(spec.Network, spec.SandboxMode, spec.CommandPolicy)
}

// newRunID is short, sorts by time and is never used twice.
func newRunID() string {
	return time.Now().UTC().Format("20060102-150405-") + strings.ToLower(rand.Text()[:6])
}

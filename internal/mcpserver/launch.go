package mcpserver

import (
	"context"
	"fmt"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// endGrace bounds how long a call that is over waits for its run to end.
const endGrace = 30 * time.Second

// launch is a call that sets Codex to work. All such calls go through
// Server.launch, so that what becomes of a run when its call ends is decided once.
type launch struct {
	repo string
	// tasks is how many there are, for progress.
	tasks int
	// wait is the call's wait_seconds; nil if it does not say.
	wait *int
	// begin starts the run and returns its id.
	begin func(context.Context) (runID string, err error)
	// show tells the run, running or done, as the called tool does.
	show func(task.RunResult) (*mcp.CallToolResult, error)
}

// launch starts a run and waits for it. The run ends with its call if the client
// cancels that or goes away, and goes on if only the caller's patience ends. A
// client that takes tasks is not kept waiting, unless it says wait_seconds.
func (s *Server) launch(ctx context.Context, l launch) (*mcp.CallToolResult, error) {
	begun, until := time.Now(), s.deadline(l.wait)
	asTask := l.wait == nil && takesTasks(ctx)
	progress := startProgress(ctx, l.tasks)
	defer progress.stop()
	if asTask {
		until = begun
		progress.stop() // a task has none
	}
	runID, err := l.begin(ctx)
	if err != nil {
		return nil, err
	}
	m, own := s.met.add(metRun{id: runID, repo: l.repo, created: begun, show: l.show})
	r, err := s.await(ctx, l.repo, runID, until, progress.update)
	over := ctx.Err() != nil && (err != nil || r.Status == task.RunRunning)
	if over {
		r, err = s.abandon(ctx, l.repo, runID)
	}
	progress.stop()
	if err != nil {
		return nil, err
	}
	if r.Status == task.RunRunning && !over {
		// A cancel may still cross the answer: then nobody knows of the run.
		ifUnwanted(ctx, func(ctx context.Context) {
			if _, err := s.abandon(ctx, l.repo, runID); err != nil {
				s.log.Warn("a run that nobody knows of did not end well", "run", runID, "error", err)
			}
		})
		if asTask && own {
			answerInstead(ctx, s.taskCreated(ctx, m, r))
		}
	}
	return l.show(r)
}

// deadline is when the patience of a call ends; zero: never. waitSeconds is what
// the call says of it, if anything.
func (s *Server) deadline(waitSeconds *int) time.Time {
	switch {
	case waitSeconds != nil:
		return time.Now().Add(time.Duration(*waitSeconds) * time.Second)
	case s.opts.Wait > 0:
		return time.Now().Add(s.opts.Wait)
	}
	return time.Time{}
}

// await waits for a run until it is done, ctx ends, or it is until; zero means for
// as long as it takes. It does nothing to the run.
func (s *Server) await(ctx context.Context, repo, runID string, until time.Time, progress func(task.Progress)) (task.RunResult, error) {
	if !until.IsZero() {
		patient, cancel := context.WithDeadline(ctx, until)
		defer cancel()
		ctx = patient
	}
	r, err := s.backend.Wait(ctx, repo, runID, progress)
	return told(r), withFiles(err, r)
}

// look is where a run stands now.
func (s *Server) look(ctx context.Context, repo, runID string) (task.RunResult, error) {
	return s.await(ctx, repo, runID, time.Now(), nil)
}

// abandon cancels a run whose call is over, for the reason why it is, and waits
// for it to end.
func (s *Server) abandon(ctx context.Context, repo, runID string) (task.RunResult, error) {
	cause := context.Cause(ctx)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endGrace)
	defer cancel()
	if err := s.backend.Cancel(ctx, repo, runID, "", cause); err != nil {
		s.log.Warn("a run was not cancelled", "run", runID, "cause", cause, "error", err)
	}
	r, err := s.await(ctx, repo, runID, time.Time{}, nil)
	return stopping(r), err
}

// told says in a run's result what can be called next.
func told(r task.RunResult) task.RunResult {
	r.Next = ""
	if r.Status == task.RunRunning {
		r.Next = fmt.Sprintf(`The run goes on by itself: do not start it again. For its result, call wait_codex_run with {"run_id": %q}; `+
			`to stop it, call cancel_codex_run with the same.`, r.RunID)
	}
	return r
}

// stopping says so of a run that was cancelled and has not ended yet.
func stopping(r task.RunResult) task.RunResult {
	if r.Status == task.RunRunning {
		r.Next = fmt.Sprintf(`The run was cancelled and is being stopped. For what it leaves, call wait_codex_run with {"run_id": %q}.`, r.RunID)
	}
	return r
}

// withFiles adds to an error of our machinery where the run's files are.
func withFiles(err error, r task.RunResult) error {
	if err == nil || r.JournalPath == "" || len(task.Refusals(err)) > 0 {
		return err
	}
	return fmt.Errorf("%w (the run's files are in %s)", err, r.JournalPath)
}

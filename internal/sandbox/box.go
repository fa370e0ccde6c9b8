package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

const (
	// drainTimeout is how long output may still come after the caller gave up.
	drainTimeout = 2 * time.Second
	// oomGrace is how long the engine has to hear that the memory limit has killed
	// a process, once it has heard that the process has ended.
	oomGrace = 2 * time.Second
	// cutGrace is how long a container whose lifeline was cut has, until the news of
	// its end is here, before it is killed. It is dead after 4 to 130 ms; a kill that
	// comes when it is makes engine 20.10 slower to tell, up to seconds.
	cutGrace = 250 * time.Millisecond
	// codeKilled is the exit code of a container that was killed.
	codeKilled = 137
)

// box is one created container on its way from attach to exit.
type box struct {
	engine     *Engine
	id         string
	log        *slog.Logger
	streams    task.Streams
	bridgeUser int
	exit       task.Exit
}

// live starts the container and follows it to its end. It leaves the container
// stopped, or dying, and nothing of its own running.
func (b *box) live(ctx context.Context) error {
	api := b.engine.api
	// What ends the container before its command does: the caller, a writer,
	// the bridge. The first to speak is the error that Run returns.
	life, end := context.WithCancelCause(ctx)
	defer end(nil)
	// The engine's word on the exit is wanted also after a cancel.
	detached, letGo := context.WithCancel(context.WithoutCancel(ctx))
	defer letGo()

	conn, err := api.ContainerAttach(life, b.id, container.AttachOptions{
		Stream: true, Stdin: true, Stdout: true, Stderr: true,
	})
	if err != nil {
		return b.engine.refuse("attach to container", err)
	}
	// The first thing when it is to end, whatever else is under way: a kill through
	// the engine takes its time when there are many.
	line := newLine(conn)
	spare := context.AfterFunc(life, line.cut)
	defer spare()
	exited, lost := api.ContainerWait(detached, b.id, container.WaitConditionNextExit)
	output := b.copyOutput(conn, end)
	defer func() { // reached early only if the container never started
		conn.Close()
		<-output
	}()

	if err := api.ContainerStart(life, b.id, container.StartOptions{}); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("start container: %w", context.Cause(ctx))
		}
		return b.engine.refuse("start container", err)
	}
	b.exit.StartedAt = time.Now()
	gone := make(chan struct{})
	stdin := b.copyStdin(line, end)
	bridge, err := b.openBridge(life, gone, end)
	if err != nil {
		end(err)
	}

	broken := b.await(ctx, life, conn, exited, lost)
	b.exit.FinishedAt = time.Now()
	close(gone)
	bridge.close()
	b.drain(ctx, conn, output)
	conn.Close()
	b.leave(stdin)
	oom, err := b.oomKilled(detached, b.exit.Code == codeKilled && life.Err() == nil)
	b.exit.OOMKilled = oom
	return errors.Join(b.because(ctx, life), broken, err)
}

// because says why the container was ended early; nil if it was not.
func (b *box) because(ctx, life context.Context) error {
	cause := context.Cause(life) // a cancel after the exit counts too: output may be cut
	var bridge *bridgeError
	switch {
	case errors.As(cause, &bridge) && b.exit.Code != codeKilled && b.exit.Code >= 0:
		// Not killed by us: it had ended, and the engine took long to tell.
		return nil
	case ctx.Err() != nil && errors.Is(cause, context.Cause(ctx)):
		return fmt.Errorf("run container: %w", cause)
	}
	return cause
}

// await waits for the container's end, which the end of life brings about.
func (b *box) await(ctx, life context.Context, conn types.HijackedResponse, exited <-chan container.WaitResponse, lost <-chan error) error {
	select {
	case status := <-exited:
		return b.ended(status)
	case err := <-lost:
		return fmt.Errorf("wait for container: %w", err)
	case <-life.Done():
		return b.kill(ctx, conn, exited, lost)
	}
}

func (b *box) ended(status container.WaitResponse) error {
	if status.Error != nil {
		return fmt.Errorf("wait for container: %s", status.Error.Message)
	}
	b.exit.Code = int(status.StatusCode)
	return nil
}

// kill sees to it that the container dies and waits for the engine to say so. One
// that does not die in time is left to remove, which says what is wrong.
func (b *box) kill(ctx context.Context, conn types.HijackedResponse, exited <-chan container.WaitResponse, lost <-chan error) error {
	detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	select { // the lifeline has been cut
	case status := <-exited:
		return b.ended(status)
	case err := <-lost:
		return fmt.Errorf("wait for container: %w", err)
	case <-time.After(cutGrace):
	}
	killErr := b.engine.api.ContainerKill(detached, b.id, "KILL") // fails if it has just ended
	if ctx.Err() != nil {
		// A slow writer keeps the engine from reporting the end.
		slow := time.AfterFunc(drainTimeout, conn.Close)
		defer slow.Stop()
	}
	select {
	case status := <-exited:
		return b.ended(status)
	case err := <-lost:
		return errors.Join(killErr, fmt.Errorf("wait for container: %w", err))
	case <-detached.Done():
		return errors.Join(killErr, errors.New("wait for container: it does not die"))
	}
}

// drain lets the rest of the output come. The container has ended, so it is
// finite; a caller that gave up gets only what comes soon.
func (b *box) drain(ctx context.Context, conn types.HijackedResponse, output <-chan struct{}) {
	select {
	case <-output:
		return
	case <-ctx.Done():
	}
	select {
	case <-output:
	case <-time.After(drainTimeout):
		conn.Close()
		<-output
	}
}

// leave waits for the copying of stdin to end, but not for a reader that blocks.
func (b *box) leave(stdin <-chan struct{}) {
	select {
	case <-stdin:
	case <-time.After(drainTimeout):
		b.log.Warn("the reader of stdin still blocks")
	}
}

// copyOutput splits the container's output between the writers until it ends.
func (b *box) copyOutput(conn types.HijackedResponse, end context.CancelCauseFunc) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		stdout, stderr := orDiscard(b.streams.Stdout), orDiscard(b.streams.Stderr)
		if _, err := stdcopy.StdCopy(stdout, stderr, conn.Reader); err != nil {
			end(fmt.Errorf("copy output of container: %w", err))
			// The engine reports no exit while it has output that nobody takes.
			conn.Close()
		}
	}()
	return done
}

func orDiscard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}

// oomKilled asks the engine. It learns of each kill in the container from the
// kernel, whichever process it hit: no process in there can hide or fake one,
// and that PID 1 lived on does not matter.
//
// On a busy machine the news of the end can overtake that of the kill. If something
// was killed, and not by us, the engine gets oomGrace to hear of it.
func (b *box) oomKilled(ctx context.Context, killed bool) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, cleanupTimeout)
	defer cancel()
	for began := time.Now(); ; time.Sleep(oomGrace / 20) {
		state, err := b.engine.api.ContainerInspect(ctx, b.id)
		if err != nil {
			return false, fmt.Errorf("inspect container: %w", err)
		}
		oom := state.State != nil && state.State.OOMKilled
		if oom || !killed || time.Since(began) > oomGrace {
			return oom, nil
		}
	}
}

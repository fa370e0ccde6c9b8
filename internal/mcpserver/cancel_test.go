package mcpserver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/mcpserver"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// patient works until its context ends, then tells the cause.
func patient(causes chan<- error) work {
	return func(ctx context.Context, _ string, req task.Request, progress func(task.Progress)) (task.RunResult, error) {
		<-ctx.Done()
		progress(running(req, "after the end"))
		causes <- context.Cause(ctx)
		return task.RunResult{RunID: "late", Notes: []string{context.Cause(ctx).Error()}}, nil
	}
}

func running(req task.Request, activity string) task.Progress {
	p := task.Progress{RunID: "r"}
	for _, t := range req.Tasks {
		p.Tasks = append(p.Tasks, task.TaskProgress{ID: t.ID, State: task.Running, Activity: activity, StartedAt: time.Now()})
	}
	return p
}

func TestCancelRightBehindTheCallIsNeverLost(t *testing.T) {
	causes := make(chan error, 1)
	w := connect(t, patient(causes), mcpserver.Options{}, nil)
	for i := range 100 {
		id := fmt.Sprint(i)
		if i%2 == 1 {
			id = `"` + id + `"`
		}
		w.send(call(id, `"progressToken":1`), cancelOf(id), request(`"ping"`, "ping", "{}"))
		cause := <-causes
		if !errors.Is(cause, mcpserver.ErrClientCancelled) || !strings.Contains(cause.Error(), "user-cancel") {
			t.Fatalf("cause: %v", cause)
		}
		if m := w.next(); string(m.ID) != `"ping"` {
			t.Fatalf("round %d: %s", i, m.raw)
		}
	}
	w.close()
	if rest := w.rest(); len(rest) > 0 {
		t.Errorf("a cancelled call was answered: %s", rest[0].raw)
	}
}

func TestCancelOfAnIDOfAnotherTypeIsIgnored(t *testing.T) {
	causes := make(chan error, 1)
	w := connect(t, patient(causes), mcpserver.Options{}, nil)
	w.send(call("1", ""), cancelOf(`"1"`), cancelOf("11"), request("2", "ping", "{}"))
	w.answer("2")
	select {
	case cause := <-causes:
		t.Fatalf("cancelled: %v", cause)
	default:
	}
	w.send(cancelOf("1.0")) // the same number
	if cause := <-causes; !errors.Is(cause, mcpserver.ErrClientCancelled) {
		t.Error(cause)
	}
}

func TestCancelOfInitializeIsIgnored(t *testing.T) {
	s := newServer(t, newEngine(quick))
	for range 100 {
		w := serve(t, s)
		w.send(initialize("2025-11-25", "{}"), cancelOf(`"init"`))
		if m := w.next(); m.Error != nil || string(m.ID) != `"init"` {
			t.Fatal(m.raw)
		}
		w.close()
	}
}

func TestCancelledListenEnds(t *testing.T) {
	w := connect(t, quick, mcpserver.Options{}, nil)
	w.send(request("1", "subscriptions/listen", `{"_meta":{`+modernMeta+`{}},"notifications":{}}`), cancelOf("1"), request("2", "ping", "{}"))
	w.answer("2")
}

// A call that was cancelled while progress flows writes nothing behind the
// next answer: the cancel was read before the ping.
func TestNoProgressAfterCancel(t *testing.T) {
	s := newServer(t, newEngine(func(ctx context.Context, _ string, req task.Request, progress func(task.Progress)) (task.RunResult, error) {
		for i := 0; ctx.Err() == nil; i++ {
			progress(running(req, fmt.Sprint(i)))
			time.Sleep(50 * time.Microsecond)
		}
		progress(running(req, "late"))
		return task.RunResult{}, nil
	}))
	for range 30 {
		w := serve(t, s)
		w.send(call("1", `"progressToken":"t"`))
		if m := w.next(); m.Method != "notifications/progress" {
			t.Fatal(m.raw)
		}
		w.send(cancelOf("1"), request("2", "ping", "{}"))
		w.answer("2")
		w.close()
		if rest := w.rest(); len(rest) > 0 {
			t.Fatalf("behind the cancel came %s", rest[0].raw)
		}
	}
}

func TestDuplicateIDIsRefused(t *testing.T) {
	causes := make(chan error, 2)
	w := connect(t, patient(causes), mcpserver.Options{}, nil)
	w.send(call("1", ""), request("1", "ping", "{}"))
	if m := w.next(); m.Error == nil || m.Error.Code != -32600 || string(m.ID) != "1" {
		t.Fatal(m.raw)
	}
	w.send(cancelOf("1"))
	if cause := <-causes; !errors.Is(cause, mcpserver.ErrClientCancelled) {
		t.Errorf("the first call: %v", cause)
	}
}

func TestAnIDMayBeReusedOnceAnswered(t *testing.T) {
	w := connect(t, quick, mcpserver.Options{}, nil)
	for range 100 {
		w.send(request("1", "ping", "{}"))
		if m, _ := w.answer("1"); m.Error != nil {
			t.Fatal(m.raw)
		}
	}
}

func TestNothingWaitsBehindCalls(t *testing.T) {
	const calls = 200
	var busy atomic.Int32
	release := make(chan struct{})
	w := connect(t, func(context.Context, string, task.Request, func(task.Progress)) (task.RunResult, error) {
		busy.Add(1)
		<-release
		return task.RunResult{}, nil
	}, mcpserver.Options{}, nil)
	for i := range calls {
		w.send(call(fmt.Sprint(i), ""))
	}
	for busy.Load() < calls {
		time.Sleep(time.Millisecond)
	}
	w.send(request(`"p"`, "ping", "{}"), request(`"l"`, "tools/list", "{}"), request(`"d"`, "server/discover", `{"_meta":{`+modernMeta+`{}}}`))
	for range 3 {
		if m := w.next(); m.Error != nil {
			t.Error(m.raw)
		}
	}
	close(release)
	for range calls {
		w.next()
	}
}

func TestEOFCancelsWaitsAndStillAnswers(t *testing.T) {
	causes := make(chan error, 2)
	s := newServer(t, newEngine(patient(causes)))
	for range 30 {
		w := serve(t, s)
		w.send(call("1", `"progressToken":1`), call("2", ""))
		if err := w.close(); err != nil {
			t.Fatal(err)
		}
		if len(causes) != 2 {
			t.Fatal("Serve returned before its calls")
		}
		for range 2 {
			if cause := <-causes; !errors.Is(cause, mcpserver.ErrClientGone) {
				t.Fatal(cause)
			}
		}
		rest := slices.DeleteFunc(w.rest(), func(m message) bool { return m.Method != "" })
		if len(rest) != 2 || rest[0].call(t).StructuredContent.RunID != "late" {
			t.Fatalf("answers: %v", rest)
		}
	}
}

func TestEndOfContextCancelsWithItsCause(t *testing.T) {
	causes := make(chan error, 1)
	w := connect(t, patient(causes), mcpserver.Options{}, nil)
	w.send(call("1", ""), request("2", "ping", "{}"))
	w.answer("2")
	why := errors.New("signal: terminated")
	w.cancel(why)
	if cause := <-causes; !errors.Is(cause, why) {
		t.Errorf("the call's cause: %v", cause)
	}
	if err := <-w.served; !errors.Is(err, why) {
		t.Errorf("Serve: %v", err)
	}
	w.served <- nil
	if m, _ := w.answer("1"); m.Error != nil {
		t.Error(m.raw)
	}
}

func TestBrokenOutEndsEverything(t *testing.T) {
	causes := make(chan error, 1)
	w := connect(t, patient(causes), mcpserver.Options{}, nil)
	w.send(call("1", ""))
	broken := errors.New("broken pipe")
	w.out.CloseWithError(broken)
	w.send(request("2", "ping", "{}"))
	if cause := <-causes; !errors.Is(cause, broken) {
		t.Errorf("the call's cause: %v", cause)
	}
	if err := <-w.served; !errors.Is(err, broken) {
		t.Errorf("Serve: %v", err)
	}
	w.served <- nil
}

// A client that has stopped reading must not keep the server alive.
func TestBlockedOutDelaysTheEndByAGraceOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		causes := make(chan error, 1)
		s, err := mcpserver.New(newEngine(patient(causes)), mcpserver.Options{})
		if err != nil {
			t.Fatal(err)
		}
		inR, inW := io.Pipe()
		outR, outW := io.Pipe() // nobody reads
		served := make(chan error, 1)
		go func() { served <- s.Serve(t.Context(), inR, outW) }()
		io.WriteString(inW, call("1", `"progressToken":1`)+"\n")
		time.Sleep(time.Minute) // a heartbeat is being written, in vain
		inW.Close()
		start := time.Now()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d != mcpserver.WriteGrace {
			t.Errorf("it took %v", d)
		}
		if len(causes) != 1 {
			t.Error("Serve returned before its call")
		}
		outR.Close()
	})
}

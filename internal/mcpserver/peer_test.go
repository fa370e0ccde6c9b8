package mcpserver_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/mcpserver"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// TestMain lets the test binary be a real server with a scripted backend, for
// peers that start one: MCPSERVER_PEER=1 mcpserver.test.
func TestMain(m *testing.M) {
	if os.Getenv("MCPSERVER_PEER") == "" {
		os.Exit(m.Run())
	}
	os.Exit(peer())
}

func peer() int {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	s, err := mcpserver.New(newEngine(scripted), mcpserver.Options{Version: "0.0.0-test", Log: log})
	if err == nil {
		err = s.Serve(context.Background(), os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	return 0
}

// scripted works for as long as the first prompt says ("1s") and then gives a
// result with one success for each task and repo as its journal.
func scripted(ctx context.Context, repo string, req task.Request, progress func(task.Progress)) (task.RunResult, error) {
	d, err := time.ParseDuration(req.Tasks[0].Prompt)
	if err != nil {
		return task.RunResult{}, &task.Refusal{Where: "tasks[0].prompt", What: "This is no duration.", Mend: "Say 1s."}
	}
	end := time.After(d)
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			fmt.Fprintln(os.Stderr, "cancelled:", context.Cause(ctx))
			return task.RunResult{}, context.Cause(ctx)
		case <-end:
			r := task.RunResult{RunID: "run", JournalPath: repo}
			for _, t := range req.Tasks {
				r.Results = append(r.Results, task.Result{TaskID: t.ID, Status: task.Success, Patch: "ü<&>\n", PatchPath: "/j/" + t.ID + ".patch"})
			}
			return r, nil
		case <-time.After(50 * time.Millisecond):
			progress(running(req, fmt.Sprintf("step %d", i)))
		}
	}
}

type rootsHandler []mcp.Root

func (h rootsHandler) ListRoots(context.Context, mcp.ListRootsRequest) (*mcp.ListRootsResult, error) {
	return &mcp.ListRootsResult{Roots: h}, nil
}

func toolCall(prompt string, token any) mcp.CallToolRequest {
	r := mcp.CallToolRequest{Params: mcp.CallToolParams{Name: "run_codex_tasks", Arguments: map[string]any{
		"tasks": []any{map[string]any{"task_id": "a", "prompt": prompt}},
	}}}
	if token != nil {
		r.Params.Meta = &mcp.Meta{ProgressToken: token}
	}
	return r
}

// mcp-go's own client, in both eras, against the real process.
func TestMCPGoClient(t *testing.T) {
	for name, opts := range map[string][]client.ClientOption{
		"modern": nil,
		"legacy": {client.WithLegacyProtocolOnly()}, //nolint:staticcheck // deprecated with the era that it is for, which clients still speak
	} {
		t.Run(name, func(t *testing.T) {
			stdio := transport.NewStdio(os.Args[0], append(os.Environ(), "MCPSERVER_PEER=1"))
			c := client.NewClient(stdio, append(opts, client.WithRootsHandler(rootsHandler{{URI: "file:///my%20root"}}))...)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := c.Start(ctx); err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			init := mcp.InitializeRequest{}
			init.Params.ClientInfo = mcp.Implementation{Name: "test", Version: "1"}
			if _, err := c.Initialize(ctx, init); err != nil {
				t.Fatal(err)
			}
			if modern := mcp.IsModernProtocol(c.ProtocolVersion()); modern != (name == "modern") {
				t.Errorf("negotiated %s", c.ProtocolVersion())
			}
			list, err := c.ListTools(ctx, mcp.ListToolsRequest{})
			if err != nil || len(list.Tools) != 8 {
				t.Fatalf("%v %v", list, err)
			}
			r, err := c.CallTool(ctx, toolCall("300ms", "tok"))
			if err != nil {
				t.Fatal(err)
			}
			structured, _ := r.StructuredContent.(map[string]any)
			if r.IsError || structured["journal_path"] != "/my root" {
				t.Errorf("%+v", r)
			}
			if r, err = c.CallTool(ctx, toolCall("soon", nil)); err != nil || !r.IsError {
				t.Errorf("%+v %v", r, err)
			}
			short, stop := context.WithTimeout(ctx, 200*time.Millisecond)
			defer stop()
			if _, err = c.CallTool(short, toolCall("1h", nil)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("cancelled call: %v", err)
			}
		})
	}
}

// child is the real process.
func child(t *testing.T) (cmd *exec.Cmd, in io.WriteCloser, out io.ReadCloser, stderr *strings.Builder) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "MCPSERVER_PEER=1")
	stderr = &strings.Builder{}
	cmd.Stderr = stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if out, err = cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, in, out, stderr
}

// A client that dies closes both ends. The server must outlive the SIGPIPE, so
// that its calls can clean up, and then end.
func TestProcessOutlivesItsClient(t *testing.T) {
	cmd, in, out, stderr := child(t)
	fmt.Fprintln(in, call("1", `"progressToken":1`)) // a prompt that is no duration
	fmt.Fprintln(in, callWith("2", `"progressToken":2`, `{"tasks":[{"task_id":"a","prompt":"1h"}]}`))
	r := bufio.NewReader(out)
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	out.Close() // stdin stays open: only the next write can tell
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("want exit code 3, got %v", err)
	}
	if got := stderr.String(); !strings.Contains(got, "cancelled: write to client") || !strings.Contains(got, "broken pipe") {
		t.Errorf("stderr: %s", got)
	}
}

func TestPipedRequestsAreAllAnswered(t *testing.T) {
	for range 2 {
		cmd, in, out, _ := child(t)
		var lines []string
		for i := range 20 {
			lines = append(lines, request(fmt.Sprint(i), "tools/list", "{}"))
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := io.WriteString(in, strings.Join(lines, "\n")); err != nil {
				t.Error(err)
			}
			in.Close()
		})
		all, err := io.ReadAll(out)
		wg.Wait()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		if n := len(slices.Collect(strings.Lines(string(all)))); n != 20 {
			t.Fatalf("%d answers", n)
		}
	}
}

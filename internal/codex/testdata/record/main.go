// Record runs the real Codex in a container against a scripted model, and
// prints what Codex prints, without ids that change. record.sh starts it.
//
// One program plays all parts, told apart by its first argument: "guard" is the
// hook, which also keeps what it was asked, "mcp" is an MCP server, anything else
// is a scenario to record.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/codex"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/replay"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// scenario is one file of scenarios/.
type scenario struct {
	// About says what the transcript shows.
	About string `json:"about"`
	Model string `json:"model"`
	// Args are added to Codex's own.
	Args []string `json:"args"`
	// Enforce puts the guard in; it denies what begins with "forbidden", and
	// crashes on what begins with "crash".
	Enforce bool `json:"enforce"`
	// Key is demanded by the model API, in vain.
	Key string `json:"key"`
	// Down: there is no model API at all.
	Down bool `json:"down"`
	// IdleTimeoutSec is the task's.
	IdleTimeoutSec int `json:"idle_timeout_sec"`
	// KillAfterMS ends Codex with SIGTERM.
	KillAfterMS int             `json:"kill_after_ms"`
	Script      json.RawMessage `json:"script"`
}

const uid = 1000

func main() {
	err := errors.New("want one argument")
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "guard":
			err = guard()
		case "mcp":
			err = mcp()
		default:
			err = record(os.Args[1])
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

func record(name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var sc scenario
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&sc); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if !sc.Down {
		script, err := replay.Parse(sc.Script)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		lis, err := net.Listen("tcp", task.GatewayAddr)
		if err != nil {
			return err
		}
		server := replay.NewServer(script, replay.Options{
			Key: sc.Key, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		})
		go func() { fmt.Fprintln(os.Stderr, http.Serve(lis, server)) }()
		defer func() {
			if dump := os.Getenv("DUMP"); dump != "" {
				for i, r := range server.Requests() {
					fmt.Fprintf(os.Stderr, "REQUEST %d tools=%q\n%s\n", i, r.Tools, r.Body)
					fmt.Fprintf(os.Stderr, "HEADER %v\n", r.Header)
				}
			}
		}()
	}
	spec := task.Spec{
		Prompt: "replay: " + sc.About, Model: sc.Model, Ephemeral: true,
		CommandPolicy: task.CommandAudit, SandboxMode: task.SandboxWorkspaceWrite,
		Network: task.NetworkDeny, IdleTimeout: time.Duration(sc.IdleTimeoutSec) * time.Second,
		AllowedPaths: []string{"**"}, AllowedCommands: []string{"echo"}, AllowInspection: true,
	}
	if sc.Enforce {
		spec.CommandPolicy = task.CommandEnforce
	}
	if err := furnish(spec); err != nil {
		return err
	}
	return run(sc, spec)
}

// furnish makes the container look like a sandbox.
func furnish(spec task.Spec) error {
	files, err := codex.Files(spec)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := os.MkdirAll(filepath.Dir(f.Path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(f.Path, f.Content, 0o444); err != nil {
			return err
		}
	}
	for _, dir := range []string{task.CodexHome, task.WorkspaceDir} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := os.CopyFS(task.WorkspaceDir, replay.DemoRepo()); err != nil {
		return err
	}
	for _, dir := range []string{task.HomeDir, task.WorkspaceDir} {
		err := filepath.WalkDir(dir, func(name string, _ os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(name, uid, uid)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func run(sc scenario, spec task.Spec) error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	argv := append(codex.Command(spec), sc.Args...)
	cmd := exec.CommandContext(ctx, filepath.Join(task.ToolsDir, "bin", argv[0]), argv[1:]...)
	cmd.Dir = task.WorkspaceDir
	cmd.Env = []string{
		"PATH=" + task.ToolsDir + "/bin:/usr/local/bin:/usr/bin:/bin",
		"HOME=" + task.HomeDir, "CODEX_HOME=" + task.CodexHome,
	}
	cmd.Stdin = strings.NewReader(codex.Prompt(spec))
	var out bytes.Buffer
	cmd.Stdout = io.MultiWriter(&out, stamps{start: time.Now()})
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	if sc.KillAfterMS > 0 {
		time.AfterFunc(time.Duration(sc.KillAfterMS)*time.Millisecond, func() {
			_ = cmd.Process.Signal(syscall.SIGTERM)
		})
	}
	err := cmd.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return err
	}
	fmt.Fprintf(os.Stderr, "record: %s in %.1fs\n", cmd.ProcessState, time.Since(start).Seconds())
	_, err = os.Stdout.Write(scrub(out.Bytes()))
	return err
}

// stamps tells on stderr when something was printed.
type stamps struct{ start time.Time }

func (s stamps) Write(p []byte) (int, error) {
	line, _, _ := bytes.Cut(p, []byte("\n"))
	fmt.Fprintf(os.Stderr, "+%.2fs %.300s\n", time.Since(s.start).Seconds(), line)
	return len(p), nil
}

var uuid = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

func scrub(transcript []byte) []byte {
	return uuid.ReplaceAll(transcript, []byte("00000000-0000-7000-8000-000000000000"))
}

// guard is the hook: a real one lives in cmd/sandbox-init.
func guard() error {
	data, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	log, err := os.OpenFile("/out/hooks.jsonl", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	if _, err = fmt.Fprintf(log, "%s\n", scrub(bytes.TrimSpace(data))); err != nil {
		return err
	}
	if err := log.Close(); err != nil {
		return err
	}
	call, err := codex.DecodeHook(data)
	if err != nil {
		return err
	}
	if strings.HasPrefix(call.Command, "crash") {
		return errors.New("crashed as told")
	}
	answer := codex.HookAllow()
	if strings.HasPrefix(call.Command, "forbidden") {
		answer = codex.HookDeny("this command is not allowed here")
	}
	_, err = os.Stdout.Write(answer)
	return err
}

// mcp is a server with one tool, echo, which fails when it is told to.
func mcp() error {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var call struct {
			ID     json.RawMessage `json:"id"`
			Method string          `json:"method"`
			Params struct {
				ProtocolVersion string `json:"protocolVersion"`
				Arguments       struct {
					Text string `json:"text"`
					Fail bool   `json:"fail"`
				} `json:"arguments"`
			} `json:"params"`
		}
		if err := json.Unmarshal(in.Bytes(), &call); err != nil {
			return err
		}
		var result any
		switch call.Method {
		case "initialize":
			result = map[string]any{
				"protocolVersion": call.Params.ProtocolVersion,
				"capabilities":    map[string]any{"tools": map[string]any{}},
				"serverInfo":      map[string]any{"name": "toy", "version": "1"},
			}
		case "tools/list":
			result = map[string]any{"tools": []any{map[string]any{
				"name": "echo", "description": "says it again",
				"inputSchema": map[string]any{"type": "object", "properties": map[string]any{
					"text": map[string]any{"type": "string"}, "fail": map[string]any{"type": "boolean"},
				}},
			}}}
		case "tools/call":
			result = map[string]any{
				"content": []any{map[string]any{"type": "text", "text": call.Params.Arguments.Text}},
				"isError": call.Params.Arguments.Fail,
			}
		default:
			result = map[string]any{}
		}
		if call.ID == nil {
			continue
		}
		answer, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": call.ID, "result": result})
		if err != nil {
			return err
		}
		fmt.Printf("%s\n", answer)
	}
	return in.Err()
}

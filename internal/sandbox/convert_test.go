package sandbox

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/golden"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// policies are as in policies/resources.json, written out: a golden file must
// change when convert does, not when the policy's figures do.
var (
	conservative = task.Limits{
		CPUs: 1, MemoryBytes: 2 << 30, Pids: 256, OpenFiles: 1024, FileBytes: 512 << 20,
		TmpBytes: 256 << 20, HomeBytes: 256 << 20, ShmBytes: 64 << 20,
	}
	normal = task.Limits{
		CPUs: 2, MemoryBytes: 4 << 30, Pids: 1024, OpenFiles: 4096, FileBytes: 2 << 30,
		TmpBytes: 1 << 30, HomeBytes: 512 << 20, ShmBytes: 64 << 20,
	}
)

func example() recipe {
	return recipe{
		Container: task.Container{
			RunID: "run-1", TaskID: "api-tests", Purpose: task.PurposeCodex,
			Command: []string{"codex", "exec", "--json", "-"},
			Env:     map[string]string{"CI": "1", "PATH": "/not/taken", "HOME": "/not/taken"},
			Tree: task.Tree{
				Dir: "/state/w/tree", GitDir: "/state/w/git", GitFile: "/state/w/gitfile",
				Objects: []string{"/repo/.git/objects", "/other/.git/objects"}, UID: 1000, GID: 1001,
			},
			Mode: task.SandboxWorkspaceWrite, Network: task.NetworkDeny, Limits: conservative,
		},
		Image:  imageFacts{ID: "sha256:1111", Env: []string{"PATH=/usr/local/bin:/usr/bin", "LANG=C.UTF-8", "HTTPS_PROXY=http://proxy:1"}},
		Owner:  Owner{Host: "abcd", PID: 42, Start: "boot-7"},
		Files:  []hostFile{{Host: "/state/f/0", Container: "/etc/codex/requirements.toml"}, {Host: "/state/f/1", Container: passwdFile}},
		Tunnel: true,
	}
}

// TestGolden is for the eyes of a security reviewer: what is in force in a
// container, for each policy, and what differs between them.
func TestGolden(t *testing.T) {
	cases := map[string]func(*recipe){
		"conservative":       func(*recipe) {},
		"normal":             func(r *recipe) { r.Container.Limits = normal },
		"network-allow":      func(r *recipe) { r.Container.Network = task.NetworkAllow },
		"read-only":          func(r *recipe) { r.Container.Mode = task.SandboxReadOnly },
		"danger-full-access": func(r *recipe) { r.Container.Mode = task.SandboxDangerFullAccess },
		"verify":             func(r *recipe) { r.Tunnel, r.Container.Purpose = false, task.PurposeVerify },
		"sessions":           func(r *recipe) { r.Container.KeepSessions, r.Container.Tree.Sessions = true, "/state/w/sessions" },
		"other-image": func(r *recipe) {
			r.Image = imageFacts{
				ID: "sha256:2222", Volumes: []string{"/data"},
				Env: []string{"PATH=/workspace/bin:.:/opt/go/bin:/usr/bin", "LD_PRELOAD=/tmp/x.so:libjemalloc.so.2", "CODEX_API_KEY=k", "RUSTUP_HOME=/usr/local/rustup"},
			}
			r.ToolsVolume, r.Container.Runtime = "codex-mcp-runner-tools-111111111111", "runsc"
			r.Engine.SELinux = true
		},
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			r := example()
			change(&r)
			golden.Check(t, name+".json", readable(t, r))
		})
	}
}

// readable is what the engine is sent, without the fields that say nothing.
func readable(t *testing.T, r recipe) []byte {
	t.Helper()
	config, host := convert(r)
	raw, err := json.Marshal(map[string]any{"Config": config, "HostConfig": host})
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(prune(tree)); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// prune drops nulls, zeros and empty things, and keeps every true and false.
func prune(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		if list, ok := v.([]any); ok {
			for i := range list {
				list[i] = prune(list[i])
			}
		}
		return v
	}
	for key, value := range m {
		value = prune(value)
		m[key] = value
		switch x := value.(type) {
		case nil:
			delete(m, key)
		case string:
			if x == "" {
				delete(m, key)
			}
		case float64:
			if x == 0 && key != "Soft" && key != "Hard" {
				delete(m, key)
			}
		case []any:
			if len(x) == 0 {
				delete(m, key)
			}
		case map[string]any:
			if len(x) == 0 {
				delete(m, key)
			}
		}
	}
	return m
}

// What holds whatever the task says, in every mode and with every network.
func TestAlwaysInForce(t *testing.T) {
	for _, mode := range []task.SandboxMode{task.SandboxReadOnly, task.SandboxWorkspaceWrite, task.SandboxDangerFullAccess} {
		for _, network := range []task.NetworkPolicy{task.NetworkDeny, task.NetworkAllow} {
			r := example()
			r.Container.Mode, r.Container.Network = mode, network
			r.Container.KeepSessions, r.Container.Tree.Sessions = true, "/state/w/sessions"
			config, host := convert(r)
			if host.Privileged || !slices.Contains(host.CapDrop, "ALL") || len(host.CapAdd) > 0 {
				t.Errorf("%s, %s: privileges %+v", mode, network, host.CapAdd)
			}
			if !slices.Contains(host.SecurityOpt, "no-new-privileges") {
				t.Errorf("%s, %s: security options %v", mode, network, host.SecurityOpt)
			}
			if host.PidMode != "" || host.UTSMode != "" || host.UsernsMode != "" || host.IpcMode != "private" {
				t.Errorf("%s, %s: a namespace is shared", mode, network)
			}
			if len(host.Binds) > 0 || len(host.Devices) > 0 || len(host.PortBindings) > 0 || host.PublishAllPorts {
				t.Errorf("%s, %s: something of the host's leaks in", mode, network)
			}
			if strings.HasPrefix(config.User, "0:") || config.User == "" {
				t.Errorf("%s, %s: user %q", mode, network, config.User)
			}
			if host.MemorySwap != host.Memory || host.Memory == 0 || host.PidsLimit == nil || *host.PidsLimit <= 0 || host.NanoCPUs == 0 {
				t.Errorf("%s, %s: limits %+v", mode, network, host.Resources)
			}
			for _, m := range host.Mounts {
				writable := m.Target == task.GitDir || m.Target == task.SessionsDir || m.Target == task.WorkspaceDir && mode != task.SandboxReadOnly
				if m.ReadOnly == writable || m.BindOptions.Propagation != "rprivate" || !m.BindOptions.NonRecursive {
					t.Errorf("%s, %s: mount %+v", mode, network, m)
				}
			}
		}
	}
}

func TestBridgeUserIsNeverTheCommands(t *testing.T) {
	for _, tree := range []task.Tree{{UID: 1000, GID: 1000}, {UID: 65532, GID: 1}, {UID: 1, GID: 65532}, {UID: 65533, GID: 65533}, {UID: 65532, GID: 65533}} {
		if b := bridgeUser(tree); b == tree.UID || b == tree.GID || b == 0 {
			t.Errorf("the command is %d:%d, the bridge %d", tree.UID, tree.GID, b)
		}
	}
}

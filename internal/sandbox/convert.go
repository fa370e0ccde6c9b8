package sandbox

import (
	"fmt"
	"strconv"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/strslice"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// recipe is all that a container is made from. convert adds nothing of the
// host's: no environment, no time, no chance.
type recipe struct {
	Container task.Container
	Image     imageFacts
	Engine    Info
	Owner     Owner
	// Files are what of Container.Files and of our own is bound, by host path.
	Files []hostFile
	// ToolsVolume is mounted at ToolsDir; empty if the image has ToolsDir.
	ToolsVolume string
	// Tunnel: PID 1 waits for the bridge.
	Tunnel bool
}

// hostFile is a file on this host and its place in the container.
type hostFile struct{ Host, Container string }

const (
	tmpDir = "/tmp"
	// bridgeID is the bridge's uid and gid, unless one of the command's is the same.
	bridgeID = 65532
)

// convert is the whole of what is in force in a container. Its results for each
// policy are in testdata; a change there is a change of the security model.
func convert(r recipe) (*container.Config, *container.HostConfig) {
	c := r.Container
	config := &container.Config{
		Hostname:     "sandbox",
		User:         fmt.Sprintf("%d:%d", c.Tree.UID, c.Tree.GID),
		AttachStdout: true,
		AttachStderr: true,
		// The lifeline: it ends with the connection that we attach.
		AttachStdin: true,
		OpenStdin:   true,
		StdinOnce:   true,
		Env:         environment(r.Image.Env, c.Env, c.Purpose),
		Entrypoint:  entrypoint(r),
		Cmd:         strslice.StrSlice(c.Command),
		Image:       r.Image.ID, // not the name: a tag can move
		WorkingDir:  task.WorkspaceDir,
		Labels:      labels(r),
		// An image's own health check would be run by the engine, again and again.
		Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
	}
	off, pids := false, c.Limits.Pids
	host := &container.HostConfig{
		NetworkMode:    "none",
		DNS:            []string{},
		LogConfig:      container.LogConfig{Type: "none"},
		RestartPolicy:  container.RestartPolicy{Name: container.RestartPolicyDisabled},
		CapDrop:        strslice.StrSlice{"ALL"},
		CgroupnsMode:   container.CgroupnsModePrivate,
		IpcMode:        container.IPCModePrivate,
		ReadonlyRootfs: c.Mode != task.SandboxDangerFullAccess,
		SecurityOpt:    securityOptions(r),
		Tmpfs: map[string]string{
			// Builds run programs that they have written there: exec.
			tmpDir:       fmt.Sprintf("rw,exec,nosuid,nodev,mode=1777,size=%d", c.Limits.TmpBytes),
			task.HomeDir: fmt.Sprintf("rw,exec,nosuid,nodev,mode=0700,uid=%d,gid=%d,size=%d", c.Tree.UID, c.Tree.GID, c.Limits.HomeBytes),
		},
		ShmSize: c.Limits.ShmBytes,
		Runtime: c.Runtime,
		Mounts:  mounts(r),
		Init:    &off, // PID 1 is ours
		Resources: container.Resources{
			NanoCPUs:   int64(c.Limits.CPUs * 1e9),
			Memory:     c.Limits.MemoryBytes,
			MemorySwap: c.Limits.MemoryBytes, // memory and swap together: no swap
			PidsLimit:  &pids,
			Ulimits: []*container.Ulimit{
				{Name: "core", Soft: 0, Hard: 0},
				{Name: "fsize", Soft: c.Limits.FileBytes, Hard: c.Limits.FileBytes},
				{Name: "nofile", Soft: c.Limits.OpenFiles, Hard: c.Limits.OpenFiles},
			},
		},
	}
	if c.Network == task.NetworkAllow {
		host.NetworkMode = "bridge"
	} else {
		// Else the engine copies the host's resolvers and search domains in.
		// Nothing answers here: a lookup fails at once.
		host.DNS, host.DNSSearch = []string{"127.0.0.1"}, []string{"."}
	}
	return config, host
}

// entrypoint is PID 1 with its flags; the command follows as the image's Cmd would.
func entrypoint(r recipe) strslice.StrSlice {
	e := strslice.StrSlice{task.SandboxInit, "run"}
	if r.Tunnel {
		e = append(e, "--wait-for", task.GatewayAddr)
	}
	if r.Container.KeepSessions {
		e = append(e, "--sessions", task.SessionsDir)
	}
	return append(e, "--")
}

// bridgeUser is who runs the bridge: neither of the command's ids, never root.
func bridgeUser(t task.Tree) int {
	id := bridgeID
	for id == t.UID || id == t.GID {
		id++
	}
	return id
}

func securityOptions(r recipe) []string {
	opts := []string{"no-new-privileges"}
	if r.Engine.SELinux {
		// SELinux would refuse every bind. The other way is to relabel the
		// user's repository, which is not ours to do.
		opts = append(opts, "label=disable")
	}
	return opts
}

func labels(r recipe) map[string]string {
	l := r.Owner.labels()
	l[labelRun], l[labelTask], l[labelPurpose] = r.Container.RunID, r.Container.TaskID, string(r.Container.Purpose)
	return l
}

// mounts are what of the host a container sees.
func mounts(r recipe) []mount.Mount {
	tree := r.Container.Tree
	all := []mount.Mount{
		bind(tree.Dir, task.WorkspaceDir, r.Container.Mode == task.SandboxReadOnly),
		// Over the worktree's own, which points into the host's repository.
		bind(tree.GitFile, task.WorkspaceDir+"/.git", true),
		bind(tree.GitDir, task.GitDir, false),
	}
	if r.Container.KeepSessions {
		all = append(all, bind(tree.Sessions, task.SessionsDir, false))
	}
	for i, dir := range tree.Objects {
		all = append(all, bind(dir, task.ObjectsDir+"/"+strconv.Itoa(i), true))
	}
	for _, f := range r.Files {
		all = append(all, bind(f.Host, f.Container, true))
	}
	// What an image declares as a volume, the engine would make one of: on the
	// host's disk, without a limit.
	for _, dir := range r.Image.Volumes {
		all = append(all, mount.Mount{
			Type: mount.TypeTmpfs, Target: dir,
			TmpfsOptions: &mount.TmpfsOptions{SizeBytes: r.Container.Limits.TmpBytes, Mode: 0o1777},
		})
	}
	if r.ToolsVolume != "" {
		all = append(all, mount.Mount{
			Type: mount.TypeVolume, Source: r.ToolsVolume, Target: task.ToolsDir, ReadOnly: true,
			VolumeOptions: &mount.VolumeOptions{NoCopy: true},
		})
	}
	return all
}

// bind mounts exactly that directory or file: no mounts below it, which would
// come writable, and none that are made later.
func bind(from, to string, readOnly bool) mount.Mount {
	return mount.Mount{
		Type: mount.TypeBind, Source: from, Target: to, ReadOnly: readOnly,
		BindOptions: &mount.BindOptions{Propagation: mount.PropagationRPrivate, NonRecursive: true},
	}
}

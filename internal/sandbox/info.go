package sandbox

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
)

// Info is what an engine says about itself.
type Info struct {
	// Endpoint is where it is reached, as a URL.
	Endpoint string
	// Version is the engine's, API the version of the protocol in use.
	Version, API string
	// OS is "linux" or "windows"; Arch is in Go's words where we know them.
	OS, Arch string
	// CgroupVersion is "1" or "2", CgroupDriver "cgroupfs" or "systemd".
	CgroupVersion, CgroupDriver string
	// StorageDriver is "overlay2", "overlayfs", "btrfs" ...
	StorageDriver string
	Rootless      bool
	// UserNamespaces: the engine gives containers uids of another range.
	UserNamespaces bool
	// Seccomp is the name of the engine's default profile ("default", "builtin",
	// a path); empty or "unconfined" if there is none.
	Seccomp           string
	AppArmor, SELinux bool
	// Limits that the engine can put in force. Swap accounting may be off in
	// the kernel; then a container can swap beyond its memory limit.
	MemoryLimit, SwapLimit, PidsLimit, CPULimit bool
	CPUs                                        int
	MemoryBytes                                 int64
	// Runtimes are the names that container_runtime can have, sorted.
	Runtimes       []string
	DefaultRuntime string
}

// Info asks the engine. An engine that cannot be reached is a *task.Refusal.
func (e *Engine) Info(ctx context.Context) (Info, error) {
	got, err := e.api.Info(ctx)
	if err != nil {
		return Info{}, e.refuse("ask the engine about itself", err)
	}
	i := Info{
		Endpoint: e.endpoint, Version: got.ServerVersion, API: e.api.ClientVersion(),
		OS: got.OSType, Arch: goArch(got.Architecture),
		CgroupVersion: got.CgroupVersion, CgroupDriver: got.CgroupDriver, StorageDriver: got.Driver,
		MemoryLimit: got.MemoryLimit, SwapLimit: got.SwapLimit, PidsLimit: got.PidsLimit, CPULimit: got.CPUCfsQuota,
		CPUs: got.NCPU, MemoryBytes: got.MemTotal, DefaultRuntime: got.DefaultRuntime,
	}
	for _, option := range got.SecurityOptions {
		// "name=seccomp,profile=default"; engines before 17.03 said "seccomp".
		name, more, _ := strings.Cut(strings.TrimPrefix(option, "name="), ",")
		switch name {
		case "rootless":
			i.Rootless = true
		case "userns":
			i.UserNamespaces = true
		case "selinux":
			i.SELinux = true
		case "apparmor":
			i.AppArmor = true
		case "seccomp":
			i.Seccomp = strings.TrimPrefix(more, "profile=")
		}
	}
	for name := range got.Runtimes {
		i.Runtimes = append(i.Runtimes, name)
	}
	slices.Sort(i.Runtimes)
	return i, nil
}

// goArch puts the kernel's name of an architecture into the words of images.
func goArch(kernel string) string {
	switch kernel {
	case "x86_64":
		return "amd64"
	case "aarch64":
		return "arm64"
	}
	return kernel
}

// Installed is what of ours an engine has.
type Installed struct {
	// RunnerImage is the reference that this Engine looks for; ImageID is empty if
	// there is no such image.
	RunnerImage, ImageID string
	// Codex is the version in the image, by its label; empty if it does not say.
	Codex string
	// Bytes is the image's size, its base included.
	Bytes int64
	// ToolsVolume is the volume with this image's tools, for images that are not
	// ours; ToolsReady is false until the first use of one has filled it.
	ToolsVolume string
	ToolsReady  bool
}

// Installed looks for the runner image and its tools volume. That they are not
// there is no error.
func (e *Engine) Installed(ctx context.Context) (Installed, error) {
	i := Installed{RunnerImage: e.opts.RunnerImage}
	img, err := e.api.ImageInspect(ctx, i.RunnerImage)
	if errdefs.IsNotFound(err) {
		return i, nil
	}
	if err != nil {
		return i, e.refuse("look up image "+i.RunnerImage, err)
	}
	i.ImageID, i.Bytes, i.ToolsVolume = img.ID, img.Size, toolsName(img.ID)
	if img.Config != nil {
		i.Codex = img.Config.Labels[labelCodex]
	}
	if i.ToolsReady, err = e.hasVolumes(ctx, i.ToolsVolume, i.ToolsVolume+readySuffix); err != nil {
		return i, fmt.Errorf("look for the tools: %w", err)
	}
	return i, nil
}

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
	// CgroupVersion is "1" or "2".
	CgroupVersion string
	Rootless      bool
	// UserNamespaces: the engine gives containers uids of another range.
	UserNamespaces bool
	SELinux        bool
	// Limits that the engine can put in force.
	MemoryLimit, PidsLimit, CPULimit bool
	CPUs                             int
	MemoryBytes                      int64
	// Runtimes are the names that container_runtime can have, sorted.
	Runtimes []string
}

// Info asks the engine. One that cannot be reached, does not answer, or is none,
// is a *task.Refusal.
func (e *Engine) Info(ctx context.Context) (Info, error) {
	if err := e.ping(ctx); err != nil {
		return Info{}, err
	}
	within, cancel := context.WithTimeoutCause(ctx, answerTimeout, errSilent)
	defer cancel()
	got, err := e.api.Info(within)
	if err != nil {
		return Info{}, e.silent(within, e.refuse("ask the engine about itself", err))
	}
	i := Info{
		Endpoint: e.endpoint, Version: got.ServerVersion, API: e.api.ClientVersion(),
		OS: got.OSType, Arch: goArch(got.Architecture),
		CgroupVersion: got.CgroupVersion,
		MemoryLimit:   got.MemoryLimit, PidsLimit: got.PidsLimit, CPULimit: got.CPUCfsQuota,
		CPUs: got.NCPU, MemoryBytes: got.MemTotal,
	}
	for _, option := range got.SecurityOptions {
		// "name=seccomp,profile=default"; engines before 17.03 said "seccomp".
		name, _, _ := strings.Cut(strings.TrimPrefix(option, "name="), ",")
		switch name {
		case "rootless":
			i.Rootless = true
		case "userns":
			i.UserNamespaces = true
		case "selinux":
			i.SELinux = true
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
	// Any HTTP server says that it has no such image.
	if _, err := e.known(ctx); err != nil {
		return i, err
	}
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

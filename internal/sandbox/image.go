package sandbox

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/containerd/errdefs"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// imageFacts are what convert needs to know about an image.
type imageFacts struct {
	ID  string
	Env []string
	// Volumes are the directories that the image declares as volumes, sorted, of
	// those that touch nothing of ours.
	Volumes []string
}

// image looks an image up. One that no container can be made from is a *task.Refusal.
func (e *Engine) image(ctx context.Context, ref string, info Info) (imageFacts, error) {
	get := fmt.Sprintf("Get it with `docker pull %s`, or build it.", ref)
	if ref == e.opts.RunnerImage {
		get = "Build it with `codex-mcp-runner image build`."
	}
	refuse := func(mend string, err error, format string, args ...any) (imageFacts, error) {
		return imageFacts{}, &task.Refusal{Where: "image", What: fmt.Sprintf(format, args...), Mend: mend, Err: err}
	}
	img, err := e.api.ImageInspect(ctx, ref)
	switch {
	case errdefs.IsNotFound(err):
		return refuse(get, err, "The Docker engine has no image %q.", ref)
	case errdefs.IsInvalidArgument(err):
		return refuse("Name an image as docker does, like node:22-bookworm.", err, "%q is no image reference.", ref)
	case err != nil:
		return imageFacts{}, e.refuse("look up image "+ref, err)
	case img.Os != "linux" || (img.Architecture != "" && img.Architecture != info.Arch):
		if ref != e.opts.RunnerImage {
			get = fmt.Sprintf("Get the right one with `docker pull --platform linux/%s %s`.", info.Arch, ref)
		}
		return refuse(get, nil, "The image %q is for %s/%s, the Docker engine runs linux/%s.", ref, img.Os, img.Architecture, info.Arch)
	}
	facts := imageFacts{ID: img.ID}
	if img.Config == nil {
		return facts, nil
	}
	facts.Env = img.Config.Env
	for _, dir := range slices.Sorted(maps.Keys(img.Config.Volumes)) {
		dir = path.Clean("/" + dir)
		if hides(dir) {
			return refuse("Use an image without that VOLUME.", nil,
				"The image %q declares the volume %s, which would hide what the sandbox has there.", ref, dir)
		}
		if dir != "/" && !slices.ContainsFunc(ours, func(own string) bool { return within(own, dir) }) {
			facts.Volumes = append(facts.Volumes, dir)
		}
	}
	return facts, nil
}

// ours are the places where we mount things. A volume at one of them, or above
// it, is under what we mount.
var ours = []string{
	task.ToolsDir, task.WorkspaceDir, task.GitDir, task.ObjectsDir, task.SessionsDir, task.HomeDir,
	tmpDir, "/etc/codex", passwdFile, groupFile,
}

// hides says whether a volume of an image would be over something of ours.
func hides(dir string) bool {
	return slices.ContainsFunc(ours, func(own string) bool { return dir != own && within(dir, own) })
}

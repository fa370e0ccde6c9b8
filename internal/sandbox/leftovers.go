package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/volume"
)

// Leftovers are what nobody needs any more of what we have made on an engine.
type Leftovers struct {
	// Containers are those whose owner is dead.
	Containers []LeftContainer
	// Volumes are tools volumes of other runner images than this Engine's.
	Volumes []LeftVolume
	// Images are other runner images than this Engine's.
	Images []LeftImage
	// Dirs are absolute paths of containers' files on this host.
	Dirs []string
}

// LeftContainer is a container whose owner is dead.
type LeftContainer struct {
	ID, Name, RunID, TaskID string
	// State is the engine's word: "exited", "created", "running".
	State string
}

// LeftVolume is a tools volume; another one of its name and "-ready" goes with it.
type LeftVolume struct {
	Name string
	// Bytes is -1 if the engine does not tell.
	Bytes int64
}

// LeftImage is a runner image.
type LeftImage struct {
	ID string
	// Tags may be empty.
	Tags  []string
	Codex string
	// Bytes is its size; it may share most of that with other images.
	Bytes int64
}

// Empty says that there is nothing to remove.
func (l Leftovers) Empty() bool {
	return len(l.Containers)+len(l.Volumes)+len(l.Images)+len(l.Dirs) == 0
}

// usageTimeout is how long we wait for the sizes of volumes: the engine walks
// through all that it has.
const usageTimeout = 10 * time.Second

// Leftovers lists what RemoveLeftovers would remove. It goes by labels, and what
// a container that stays uses is not among it, nor an image that has a name of
// somebody else's.
func (e *Engine) Leftovers(ctx context.Context) (Leftovers, error) {
	var l Leftovers
	if _, err := e.known(ctx); err != nil {
		return l, err
	}
	all, err := e.api.ContainerList(ctx, container.ListOptions{All: true})
	if err != nil {
		return l, e.refuse("list containers", err)
	}
	users := map[string]bool{} // images and volumes of containers that stay
	for _, c := range all {
		left, err := e.abandoned(ctx, c)
		if err != nil {
			return l, err
		}
		if left {
			l.Containers = append(l.Containers, LeftContainer{
				ID: c.ID, Name: strings.TrimPrefix(strings.Join(c.Names, " "), "/"), State: c.State,
				RunID: c.Labels[labelRun], TaskID: c.Labels[labelTask],
			})
			continue
		}
		users[c.ImageID] = true
		for _, m := range c.Mounts {
			users[m.Name] = true
		}
	}
	own, err := e.Installed(ctx)
	if err != nil {
		return l, err
	}
	if l.Volumes, err = e.leftVolumes(ctx, own, users); err != nil {
		return l, err
	}
	if l.Images, err = e.leftImages(ctx, own, users); err != nil {
		return l, err
	}
	l.Dirs, err = e.leftDirs()
	return l, err
}

func (e *Engine) leftVolumes(ctx context.Context, own Installed, users map[string]bool) ([]LeftVolume, error) {
	list, err := e.api.VolumeList(ctx, volume.ListOptions{Filters: filters.NewArgs(filters.Arg("label", labelTools))})
	if err != nil {
		return nil, e.refuse("list our volumes", err)
	}
	var left []LeftVolume
	for _, v := range list.Volumes {
		if v.Labels[labelTools] == own.ImageID || users[v.Name] || strings.HasSuffix(v.Name, readySuffix) {
			continue
		}
		left = append(left, LeftVolume{Name: v.Name, Bytes: -1})
	}
	if len(left) == 0 {
		return nil, nil
	}
	slices.SortFunc(left, func(a, b LeftVolume) int { return strings.Compare(a.Name, b.Name) })
	within, cancel := context.WithTimeout(ctx, usageTimeout)
	defer cancel()
	usage, err := e.api.DiskUsage(within, types.DiskUsageOptions{Types: []types.DiskUsageObject{types.VolumeObject}})
	if err != nil {
		e.log.Debug("sizes of volumes", "error", err)
		return left, nil // the sizes are for a person
	}
	for _, v := range usage.Volumes {
		if i := slices.IndexFunc(left, func(l LeftVolume) bool { return l.Name == v.Name }); i >= 0 && v.UsageData != nil {
			left[i].Bytes = v.UsageData.Size
		}
	}
	return left, nil
}

func (e *Engine) leftImages(ctx context.Context, own Installed, users map[string]bool) ([]LeftImage, error) {
	list, err := e.api.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("label", labelRecipe))})
	if err != nil {
		return nil, e.refuse("list our images", err)
	}
	var left []LeftImage
	for _, i := range list {
		// Who builds on a runner image inherits its labels.
		if i.ID == own.ImageID || users[i.ID] || slices.ContainsFunc(i.RepoTags, foreignTag) {
			continue
		}
		tags := slices.DeleteFunc(slices.Clone(i.RepoTags), func(tag string) bool { return tag == noTag })
		left = append(left, LeftImage{ID: i.ID, Tags: tags, Codex: i.Labels[labelCodex], Bytes: i.Size})
	}
	return left, nil
}

// noTag is what engines before 25 call an image without one.
const noTag = "<none>:<none>"

func foreignTag(tag string) bool {
	return !strings.HasPrefix(tag, runnerRepository+":") && tag != noTag
}

// RemoveLeftovers removes what Leftovers has listed, as far as it is still left
// over. What somebody has begun to use meanwhile stays, without an error. It goes
// on after an error, and returns all of them joined.
func (e *Engine) RemoveLeftovers(ctx context.Context, l Leftovers) error {
	now, err := e.Leftovers(ctx)
	if err != nil {
		return err
	}
	var errs []error
	done := func(what string, err error) {
		if err != nil && !errdefs.IsConflict(err) && !errdefs.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("remove %s: %w", what, err))
		}
	}
	for _, c := range now.Containers {
		if slices.ContainsFunc(l.Containers, func(asked LeftContainer) bool { return asked.ID == c.ID }) {
			done("container "+c.Name, e.remove(ctx, c.ID))
		}
	}
	for _, v := range now.Volumes {
		if slices.ContainsFunc(l.Volumes, func(asked LeftVolume) bool { return asked.Name == v.Name }) {
			// The mark first: what is left of a volume must not pass for full.
			done("volume "+v.Name+readySuffix, e.api.VolumeRemove(ctx, v.Name+readySuffix, false))
			done("volume "+v.Name, e.api.VolumeRemove(ctx, v.Name, false))
		}
	}
	for _, i := range now.Images {
		if slices.ContainsFunc(l.Images, func(asked LeftImage) bool { return asked.ID == i.ID }) {
			names := i.Tags
			if len(names) == 0 {
				names = []string{i.ID}
			}
			for _, name := range names {
				_, err := e.api.ImageRemove(ctx, name, image.RemoveOptions{PruneChildren: true})
				done("image "+name, err)
			}
		}
	}
	for _, dir := range now.Dirs {
		if slices.Contains(l.Dirs, dir) {
			errs = append(errs, os.RemoveAll(dir))
		}
	}
	return errors.Join(errs...)
}

// abandoned says whether a container is ours and its owner dead. A container of an
// image that was committed from one of ours inherits its labels, and is not ours.
func (e *Engine) abandoned(ctx context.Context, c container.Summary) (bool, error) {
	o, ok := ownerOf(c.Labels)
	if !ok || OwnerAlive(o) {
		return false, nil
	}
	img, err := e.api.ImageInspect(ctx, c.ImageID)
	if errdefs.IsNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, e.refuse("look up the image of container "+c.ID, err)
	}
	if img.Config == nil {
		return true, nil
	}
	inherited, ok := ownerOf(img.Config.Labels)
	return !ok || inherited != o, nil
}

// leftDirs are the files of containers whose owner is dead.
func (e *Engine) leftDirs() ([]string, error) {
	parent := filepath.Join(e.opts.StateDir, "sandboxes")
	entries, err := os.ReadDir(parent)
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("list files of containers: %w", err)
	}
	var left []string
	for _, entry := range entries {
		if o, ok := filesOwner(entry.Name()); ok && !OwnerAlive(o) {
			left = append(left, filepath.Join(parent, entry.Name()))
		}
	}
	return left, nil
}

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/volume"
)

// Reaped is what Reap removed, of what is worth telling.
type Reaped struct {
	// Containers are ids.
	Containers []string
}

// Reap removes what processes of this host left behind when they died: their
// containers and the files of these, and tools volumes of runner images that no
// longer exist. It goes by labels, never by names, and leaves alone whatever it
// cannot judge. It goes on after an error, and returns all of them joined.
func (e *Engine) Reap(ctx context.Context) (Reaped, error) {
	if _, err := e.known(ctx); err != nil {
		return Reaped{}, errors.Join(err, e.reapDirs())
	}
	gone, err := e.reapContainers(ctx)
	return Reaped{Containers: gone}, errors.Join(err, e.reapVolumes(ctx), e.reapDirs())
}

// reapContainers removes containers whose owner is dead, of those that have all the labels.
func (e *Engine) reapContainers(ctx context.Context, labels ...string) ([]string, error) {
	want := filters.NewArgs(filters.Arg("label", labelHost+"="+e.opts.Owner.Host))
	for _, l := range labels {
		want.Add("label", l)
	}
	list, err := e.api.ContainerList(ctx, container.ListOptions{All: true, Filters: want})
	if err != nil {
		return nil, e.refuse("list our containers", err)
	}
	var gone []string
	var errs []error
	for _, c := range list {
		left, err := e.abandoned(ctx, c)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if !left {
			continue
		}
		if err := e.remove(ctx, c.ID); err != nil {
			errs = append(errs, err)
			continue
		}
		gone = append(gone, c.ID)
	}
	return gone, errors.Join(errs...)
}

func (e *Engine) reapVolumes(ctx context.Context) error {
	list, err := e.api.VolumeList(ctx, volume.ListOptions{Filters: filters.NewArgs(filters.Arg("label", labelTools))})
	if err != nil {
		return e.refuse("list our volumes", err)
	}
	var errs []error
	for _, v := range list.Volumes {
		_, err := e.api.ImageInspect(ctx, v.Labels[labelTools])
		if !errdefs.IsNotFound(err) {
			continue
		}
		err = e.api.VolumeRemove(ctx, v.Name, false)
		// One in use stays; and somebody may have been faster.
		if err != nil && !errdefs.IsConflict(err) && !errdefs.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("remove volume %s: %w", v.Name, err))
		}
	}
	return errors.Join(errs...)
}

func (e *Engine) reapDirs() error {
	left, err := e.leftDirs()
	errs := []error{err}
	for _, dir := range left {
		errs = append(errs, os.RemoveAll(dir))
	}
	return errors.Join(errs...)
}

//go:build integration

package sandbox_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/volume"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/sandbox"
)

const labels = "io.codex-mcp-runner."

// What is ours, dead and unused is listed and removed; whatever lacks one of the
// three is neither.
func TestLeftovers(t *testing.T) {
	l := newLab(t)
	ctx := context.WithoutCancel(t.Context())
	self, err := sandbox.Self()
	must(t, err)
	dead := self
	dead.Start = "another-start"
	owned := func(o sandbox.Owner) map[string]string {
		return map[string]string{labels + "run": l.run, labels + "owner.host": o.Host, labels + "owner.pid": fmt.Sprint(o.PID), labels + "owner.start": o.Start}
	}
	create := func(ref string, own map[string]string, mounts ...mount.Mount) string {
		made, err := l.API().ContainerCreate(ctx, &container.Config{Image: ref, Entrypoint: []string{"/bin/true"}, Labels: own},
			&container.HostConfig{NetworkMode: "none", Mounts: mounts}, nil, nil, "")
		must(t, err)
		t.Cleanup(func() {
			_ = l.API().ContainerRemove(ctx, made.ID, container.RemoveOptions{Force: true}) // it may be gone
		})
		return made.ID
	}
	vol := func(kind, of string) string {
		name := "codex-mcp-runner-test-" + l.run + "-" + kind
		for _, n := range []string{name, name + "-ready"} {
			_, err := l.API().VolumeCreate(ctx, volume.CreateOptions{Name: n, Labels: map[string]string{labels + "tools": of}})
			must(t, err)
			t.Cleanup(func() { _ = l.API().VolumeRemove(ctx, n, true) })
		}
		return name
	}
	installed, err := l.Installed(t.Context())
	must(t, err)
	if installed.ImageID == "" || installed.Codex == "" || installed.Bytes == 0 {
		t.Errorf("installed is %+v", installed)
	}
	small := map[string]any{"architecture": "amd64", "config": map[string]any{"Labels": map[string]string{labels + "recipe": "old", labels + "codex": "0.1.0"}}}
	old := l.load(t, "old-runner", small, map[string]string{"old": l.run})
	runner := "codex-mcp-runner/runner:" + l.run
	must(t, l.API().ImageTag(ctx, old, runner))
	oldImage, err := l.API().ImageInspect(ctx, runner)
	must(t, err)
	must(t, os.MkdirAll(filepath.Join(l.state, "sandboxes"), 0o700))
	dir := func(o sandbox.Owner) string {
		name := filepath.Join(l.state, "sandboxes", fmt.Sprintf("%s.%d.%s.x", o.Host, o.PID, o.Start))
		must(t, os.Mkdir(name, 0o700))
		return name
	}

	abandoned := create(sandbox.RunnerTag(), owned(dead))
	live := create(sandbox.RunnerTag(), owned(self))
	committed, err := l.API().ContainerCommit(ctx, abandoned, container.CommitOptions{Reference: "codex-mcp-runner-test/committed:" + l.run})
	must(t, err)
	t.Cleanup(func() { _, _ = l.API().ImageRemove(ctx, committed.ID, image.RemoveOptions{Force: true}) })
	// Of an image that is there: servers of other tests reap the volumes of those that are gone.
	left := struct{ container, volume, dir string }{abandoned, vol("old", committed.ID), dir(dead)}
	inherits := create(committed.ID, nil)
	used := vol("used", committed.ID)
	user := create(sandbox.RunnerTag(), nil, mount.Mount{Type: mount.TypeVolume, Source: used, Target: "/x"})
	current := vol("current", installed.ImageID)
	liveDir := dir(self)

	got, err := l.Leftovers(t.Context())
	must(t, err)
	has := func(l sandbox.Leftovers, id string) bool {
		return slices.ContainsFunc(l.Containers, func(c sandbox.LeftContainer) bool { return c.ID == id }) ||
			slices.ContainsFunc(l.Volumes, func(v sandbox.LeftVolume) bool { return v.Name == id }) ||
			slices.ContainsFunc(l.Images, func(i sandbox.LeftImage) bool { return i.ID == id }) || slices.Contains(l.Dirs, id)
	}
	stays := map[string]string{
		"the container of a live owner": live, "a container of a committed image": inherits, "a container of somebody else": user,
		"a volume in use": used, "the volume in force": current, "the files of a live owner": liveDir, "the runner image": installed.ImageID,
		"a runner image with a name of somebody else": oldImage.ID, "an image built on ours": committed.ID,
	}
	check := func(l sandbox.Leftovers) {
		t.Helper()
		for what, id := range stays {
			if has(l, id) {
				t.Errorf("%s is listed", what)
			}
		}
	}
	check(got)
	for _, id := range []string{left.container, left.volume, left.dir} {
		if !has(got, id) {
			t.Errorf("%s is not listed", id)
		}
	}
	// Now the old runner image has its own name only.
	_, err = l.API().ImageRemove(ctx, old, image.RemoveOptions{})
	must(t, err)
	got, err = l.Leftovers(t.Context())
	must(t, err)
	if !has(got, oldImage.ID) || got.Empty() {
		t.Error("the old runner image is not listed")
	}
	// Of this machine's other leftovers, and of what stays, nothing may go.
	mine := sandbox.Leftovers{
		Containers: []sandbox.LeftContainer{{ID: left.container}, {ID: live}, {ID: inherits}, {ID: user}},
		Volumes:    []sandbox.LeftVolume{{Name: left.volume}, {Name: used}, {Name: current}},
		Images:     []sandbox.LeftImage{{ID: oldImage.ID}, {ID: installed.ImageID}, {ID: committed.ID}},
		Dirs:       []string{left.dir, liveDir, l.tree.Dir},
	}
	must(t, l.RemoveLeftovers(t.Context(), mine))
	after, err := l.Leftovers(t.Context())
	must(t, err)
	for _, id := range []string{left.container, left.volume, left.dir, oldImage.ID} {
		if has(after, id) {
			t.Errorf("%s is still there", id)
		}
	}
	for _, id := range []string{live, inherits, user} {
		if _, err := l.API().ContainerInspect(ctx, id); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{used, used + "-ready", current} {
		if _, err := l.API().VolumeInspect(ctx, name); err != nil {
			t.Error(err)
		}
	}
	for _, d := range []string{liveDir, l.tree.Dir} {
		if _, err := os.Stat(d); err != nil {
			t.Error(err)
		}
	}
	must(t, os.Remove(liveDir))
	must(t, l.API().ContainerRemove(ctx, live, container.RemoveOptions{Force: true}))
}

func TestInfo(t *testing.T) {
	l := newLab(t)
	i, err := l.Info(t.Context())
	must(t, err)
	if i.Version == "" || i.CgroupVersion == "" || !slices.Contains(i.Runtimes, "runc") {
		t.Errorf("%+v", i)
	}
}

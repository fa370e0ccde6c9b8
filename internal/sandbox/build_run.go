package sandbox

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	dockerbuild "github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"

	"github.com/codex-mcp-runner/codex-mcp-runner/images"
)

const hostArch = runtime.GOARCH

// build runs the Dockerfile.
func (b *build) build(ctx context.Context, base string) error {
	began := time.Now()
	pr, pw := io.Pipe()
	written := make(chan struct{})
	defer func() {
		_ = pr.Close() // ends the writer if the engine has stopped reading
		<-written
	}()
	go func() {
		defer close(written)
		pw.CloseWithError(images.WriteContext(pw, b.arch, b.certs))
	}()
	args, network := proxyArgs(os.Getenv)
	args["BASE_IMAGE"], args["CODEX_VERSION"], args["ARCH"] = &base, &b.o.CodexVersion, &b.arch
	s := &steps{say: b.say, log: b.log}
	res, err := b.engine.api.ImageBuild(ctx, pr, buildOptions(b, args, network, base))
	if err == nil {
		err = readStream(res.Body, s.line)
		_ = res.Body.Close() // its end has been read, or its error
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err != nil {
		if ctx.Err() != nil && len(s.seen) > 0 {
			s.made = append(s.made, b.finished(clean, s.seen[len(s.seen)-1])...)
		}
		b.removeMade(clean, s.made, began)
		return s.wrap(err)
	}
	b.removeOldStages(clean, s.seen)
	return nil
}

func buildOptions(b *build, args map[string]*string, network, base string) dockerbuild.ImageBuildOptions {
	return dockerbuild.ImageBuildOptions{
		// The classic builder: every engine has it, and it needs nothing on our side.
		Version:     dockerbuild.BuilderV1,
		Tags:        []string{b.o.Tag},
		Dockerfile:  "Dockerfile",
		NoCache:     b.o.NoCache,
		Remove:      true,
		ForceRemove: true,
		BuildArgs:   args,
		NetworkMode: network,
		Labels: map[string]string{
			labelRecipe: b.recipe, labelCodex: b.o.CodexVersion,
			labelBase: base, labelCerts: digestOf(b.certs),
		},
	}
}

// proxyArgs hands the host's proxy variables to the build, as arguments that the
// builder knows: they are neither in the image nor in its history. A proxy on the
// host's loopback can be reached from the host's network only.
func proxyArgs(getenv func(string) string) (args map[string]*string, network string) {
	args = map[string]*string{}
	for _, name := range []string{"http_proxy", "https_proxy", "no_proxy", "all_proxy"} {
		value := getenv(name)
		if value == "" {
			value = getenv(strings.ToUpper(name))
		}
		if value == "" {
			continue
		}
		// Programs differ in which of the two they read.
		args[name], args[strings.ToUpper(name)] = &value, &value
		if u, err := url.Parse(value); err == nil && name != "no_proxy" && loopback(u.Hostname()) {
			network = "host"
		}
	}
	return args, network
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// finished waits until the engine has ended the step that was at work on an image
// when the caller went away, and returns what that step has made after all.
func (b *build) finished(ctx context.Context, last string) []string {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		busy, err := b.engine.api.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("ancestor", last))})
		if err != nil {
			b.log.Debug("wait for the build's last step", "error", err)
			break
		}
		if !slices.ContainsFunc(busy, func(c container.Summary) bool { return isAmong(c.ImageID, []string{last}) }) {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
	var made []string
	all, err := b.engine.api.ImageList(ctx, image.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("dangling", "true"))})
	if err != nil {
		b.log.Debug("look for the build's last image", "error", err)
	}
	for _, img := range all {
		if isAmong(img.ParentID, []string{last}) {
			made = append(made, img.ID)
		}
	}
	return made
}

// removeMade removes the untagged images that a failed build has left. The ids are
// what the build's output said, which programs in the build can forge: only an
// image without a name that is younger than the build is removed.
func (b *build) removeMade(ctx context.Context, ids []string, began time.Time) {
	for i := len(ids) - 1; i >= 0; i-- { // children before parents
		img, err := b.engine.api.ImageInspect(ctx, ids[i])
		if err != nil || len(img.RepoTags) > 0 {
			continue
		}
		// The engine may have another clock.
		if at, err := time.Parse(time.RFC3339Nano, img.Created); err != nil || at.Before(began.Add(-time.Minute)) {
			continue
		}
		// One that another build uses by now stays, as its cache.
		if _, err := b.engine.api.ImageRemove(ctx, ids[i], image.RemoveOptions{}); err != nil {
			b.log.Debug("image of a failed build stays", "id", ids[i], "error", err)
		}
	}
}

// removeOldStages removes what earlier builds have left of the fetch stage, some
// 800 MB each. That of this build stays: it is the cache. So does what is younger
// than an hour: another build may be at work on it.
func (b *build) removeOldStages(ctx context.Context, seen []string) {
	old, err := b.engine.api.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(
		filters.Arg("dangling", "true"), filters.Arg("label", labelStage+"=fetch"),
	)})
	if err != nil {
		b.log.Debug("list old stages", "error", err)
		return
	}
	for _, img := range old {
		if time.Since(time.Unix(img.Created, 0)) < time.Hour || isAmong(img.ID, seen) {
			continue
		}
		if _, err := b.engine.api.ImageRemove(ctx, img.ID, image.RemoveOptions{PruneChildren: true}); err != nil {
			b.log.Debug("old stage stays", "id", img.ID, "error", err)
		}
	}
}

func isAmong(id string, short []string) bool {
	for _, s := range short {
		if strings.HasPrefix(strings.TrimPrefix(id, "sha256:"), s) {
			return true
		}
	}
	return false
}

// wrap adds the step that failed, and what it said last.
func (s *steps) wrap(err error) error {
	if s.step == "" {
		return fmt.Errorf("build runner image: %w", err)
	}
	last := strings.TrimSpace(strings.Join(s.last, "\n"))
	if last == "" {
		return fmt.Errorf("build runner image: %s: %w", s.step, err)
	}
	return fmt.Errorf("build runner image: %s: %w; it said last:\n%s", s.step, err, last)
}

package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
	"golang.org/x/sync/errgroup"

	"github.com/codex-mcp-runner/codex-mcp-runner/images"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/debootstrap"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// registryPatience is how long a registry may take for its first word.
const registryPatience = 15 * time.Second

// basePackages are what a base of our own has beyond what every Debian has:
// ca-certificates, so that apt can use a mirror that speaks https.
var basePackages = []string{"ca-certificates"}

// base finds the image to build on, or gets it. In this order: one that the engine
// has, the registry, the distribution's own packages.
func (b *build) base(ctx context.Context) (string, error) {
	ref := b.o.Base
	if ref == "" {
		ref = images.Base()
	}
	fresh := b.o.NoCache && b.o.Base == ""
	if !fresh {
		if ok, err := b.has(ctx, ref); err != nil || ok {
			return ref, err
		}
	}
	suite := debootstrap.HostSuite()
	own := ownBase(suite)
	if b.o.Base == "" && !fresh {
		if ok, err := b.has(ctx, own); err != nil || ok {
			return own, err
		}
	}
	b.say("pulling %s", ref)
	pullErr := b.pull(ctx, ref)
	switch {
	case pullErr == nil:
		return ref, nil
	case ctx.Err() != nil:
		return "", pullErr
	case b.o.Base != "":
		return "", &task.Refusal{
			What: fmt.Sprintf("The base image %s is not there and cannot be pulled: %v.", ref, firstLine(pullErr)),
			Mend: "Get it with `docker pull`, or leave the base out to use the default.", Err: pullErr,
		}
	}
	err := debootstrap.Available()
	if engine := b.arch; err == nil && engine != hostArch {
		err = fmt.Errorf("the engine is %s and this host is %s", engine, hostArch)
	}
	if err != nil {
		return "", &task.Refusal{
			What: fmt.Sprintf("The base image %s cannot be pulled (%v), nor built here: %v.", ref, firstLine(pullErr), err),
			Mend: "Make a registry reachable, mend what stands in the way of building it, or name a Debian image that the engine has as the base.",
			Err:  errors.Join(pullErr, err),
		}
	}
	b.say("no registry gives it (%s)", firstLine(pullErr))
	b.say("building the base from the packages of %s instead, about a minute", suite)
	if err := b.bootstrap(ctx, suite, own); err != nil {
		return "", err
	}
	return own, nil
}

// ownBase names the base that is made of a release's packages.
func ownBase(suite string) string {
	sum := sha256.Sum256([]byte(strings.Join(basePackages, "\n")))
	return "codex-mcp-runner/base:" + suite + "-" + hex.EncodeToString(sum[:6])
}

func (b *build) has(ctx context.Context, ref string) (bool, error) {
	_, err := b.engine.api.ImageInspect(ctx, ref)
	if errdefs.IsNotFound(err) {
		return false, nil
	}
	if errdefs.IsInvalidArgument(err) {
		return false, &task.Refusal{What: fmt.Sprintf("%q is no image reference.", ref), Mend: "Name one like debian:bookworm-slim.", Err: err}
	}
	if err != nil {
		return false, fmt.Errorf("look up image %s: %w", ref, err)
	}
	return true, nil
}

var errNoAnswer = errors.New("the registry did not answer in time")

func (b *build) pull(ctx context.Context, ref string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	patience := time.AfterFunc(registryPatience, func() { cancel(errNoAnswer) })
	defer patience.Stop()
	body, err := b.engine.api.ImagePull(ctx, ref, image.PullOptions{})
	if err == nil {
		defer body.Close()
		err = readStream(body, func(string) { patience.Stop() })
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("pull %s: %w", ref, err)
	}
	return nil
}

// bootstrap makes the base and imports it. It streams: the tar is never on disk.
func (b *build) bootstrap(ctx context.Context, suite, ref string) error {
	pr, pw := io.Pipe()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		err := debootstrap.RootFS(ctx, suite, basePackages, pw, &lineLog{log: b.log})
		pw.CloseWithError(err)
		return err
	})
	g.Go(func() error {
		body, err := b.engine.api.ImageImport(ctx, image.ImportSource{Source: pr, SourceName: "-"}, ref, image.ImportOptions{
			Message: "codex-mcp-runner: " + suite + " from its packages",
			Changes: []string{`CMD ["bash"]`, "LABEL " + labelSuite + "=" + suite},
		})
		if err == nil {
			err = errors.Join(readStream(body, nil), body.Close())
		}
		pr.CloseWithError(err)
		if err != nil {
			return fmt.Errorf("import base image: %w", err)
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		if r := context.Cause(ctx); r != nil && !errors.Is(err, r) {
			err = errors.Join(err, r)
		}
		return fmt.Errorf("build base image %s: %w", ref, err)
	}
	return nil
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return strings.TrimSuffix(line, ".")
}

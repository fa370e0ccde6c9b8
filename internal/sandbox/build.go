package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/containerd/errdefs"
	"github.com/gofrs/flock"

	"github.com/codex-mcp-runner/codex-mcp-runner/images"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// The labels of the images that we build.
const (
	// labelRecipe is images.Recipe: what of ours the image was made from.
	labelRecipe = labelPrefix + "recipe"
	// labelCodex is the version of Codex in it.
	labelCodex = labelPrefix + "codex"
	// labelBase is the reference of the image that it was built on.
	labelBase = labelPrefix + "base"
	// labelCerts is a digest of the host's extra certificates in it.
	labelCerts = labelPrefix + "certs"
	// labelSuite is on a base that is made of a distribution's packages: its release.
	labelSuite = labelPrefix + "suite"
	// labelStage is on the images of the Dockerfile's other stages.
	labelStage = labelPrefix + "stage"
)

// BuildOptions say how the runner image is built. The zero value is good.
type BuildOptions struct {
	// Base is the image to build on, a Debian or Ubuntu. Empty: the pinned one,
	// or one made of the distribution's own packages if no registry answers.
	Base string
	// CodexVersion is as on npm, "0.169.0". Empty: the pinned one, whose package
	// is checked against a digest; any other is taken as npm gives it.
	CodexVersion string
	// Tag is the image's reference. Empty: RunnerTag, of the Codex version asked for.
	Tag string
	// NoCache builds all of it afresh, the base included, even if the image is up to date.
	NoCache bool
	// Progress gets a line for each step, for a person. May be nil.
	Progress io.Writer
	// Log may be nil.
	Log *slog.Logger
}

// BuiltImage is a runner image that is there.
type BuiltImage struct {
	// ID is the engine's "sha256:...", Tag the reference.
	ID, Tag string
	// Recipe is images.Recipe, Codex the version, Base the image beneath.
	Recipe, Codex, Base string
	// Size is in bytes, the base included.
	Size int64
	// Fresh is false if the image was there already.
	Fresh bool
}

// RunnerTag is the default reference of the runner image:
//
//	codex-mcp-runner/runner:codex-<version>-<12 hex digits of the recipe>
//
// It names what this binary would build. After an upgrade of the binary there is
// no image of that name until it is built: a stale one is never used by mistake.
func RunnerTag() string { return runnerTag(images.CodexVersion()) }

const runnerRepository = "codex-mcp-runner/runner"

func runnerTag(codex string) string {
	return runnerRepository + ":codex-" + codex + "-" + images.Recipe(codex)[:12]
}

var versionForm = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$`)

// build is one call of Build.
type build struct {
	engine *Engine
	o      BuildOptions
	log    *slog.Logger
	arch   string
	certs  [][]byte
	recipe string
}

// Build makes sure that the runner image is there and up to date, and builds
// it if not; that takes minutes. A build that fails or whose ctx ends leaves no
// container and no image. The error is a *task.Refusal if the caller can mend it.
func (e *Engine) Build(ctx context.Context, o BuildOptions) (BuiltImage, error) {
	b := &build{engine: e, o: o, log: o.Log}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	if b.o.Progress == nil {
		b.o.Progress = io.Discard
	}
	if b.o.CodexVersion == "" {
		b.o.CodexVersion = images.CodexVersion()
	}
	if !versionForm.MatchString(b.o.CodexVersion) {
		return BuiltImage{}, &task.Refusal{
			What: fmt.Sprintf("%q is no version of Codex.", b.o.CodexVersion),
			Mend: "Name one as it stands on npm, like " + images.CodexVersion() + ".",
		}
	}
	if b.o.Tag == "" {
		b.o.Tag = runnerTag(b.o.CodexVersion)
	}
	b.recipe = images.Recipe(b.o.CodexVersion)
	b.certs = hostTrust(os.Getenv).extra(time.Now())
	return b.run(ctx)
}

func (b *build) run(ctx context.Context) (BuiltImage, error) {
	info, err := b.engine.known(ctx)
	if err != nil {
		return BuiltImage{}, err
	}
	b.arch = info.Arch
	if _, err := images.SandboxInit(b.arch); errors.Is(err, images.ErrNoSandboxInit) {
		return BuiltImage{}, &task.Refusal{
			What: fmt.Sprintf("This codex-mcp-runner holds no sandbox-init for linux/%s, which the runner image needs.", b.arch),
			Mend: "Build it with `make build`.", Err: err,
		}
	} else if err != nil {
		return BuiltImage{}, err
	}
	unlock, err := b.lock(ctx)
	if err != nil {
		return BuiltImage{}, err
	}
	defer unlock()
	if !b.o.NoCache {
		got, ok, err := b.upToDate(ctx)
		if err != nil {
			return BuiltImage{}, err
		}
		if ok {
			b.say("%s is up to date", b.o.Tag)
			return got, nil
		}
	}
	base, err := b.base(ctx)
	if err != nil {
		return BuiltImage{}, err
	}
	if n := len(b.certs); n > 0 {
		b.say("adding %d CA certificate(s) that this host trusts beyond Mozilla's list", n)
	}
	b.say("building %s: Codex %s on %s", b.o.Tag, b.o.CodexVersion, base)
	began := time.Now()
	if err := b.build(ctx, base); err != nil {
		return BuiltImage{}, err
	}
	got, _, err := b.inspect(ctx)
	if err != nil {
		return BuiltImage{}, err
	}
	got.Fresh = true
	b.log.Info("runner image built", "tag", got.Tag, "id", got.ID, "took", time.Since(began).Round(time.Second))
	return got, nil
}

// lock lets one build of a user's run at a time: the second then finds the image
// there, instead of making all of it again. Without a cache directory there is no
// lock, and two builds merely cost more.
func (b *build) lock(ctx context.Context) (unlock func(), err error) {
	dir, err := os.UserCacheDir()
	if err == nil {
		dir = filepath.Join(dir, "codex-mcp-runner")
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		b.log.Debug("build without a lock", "error", err)
		return func() {}, nil
	}
	l := flock.New(filepath.Join(dir, "build.lock"))
	held, err := l.TryLock()
	if err == nil && !held {
		b.say("waiting for another build of the runner image to end")
		_, err = l.TryLockContext(ctx, 500*time.Millisecond)
	}
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("wait for another build: %w", err)
	}
	return func() { _ = l.Close() }, nil // closing unlocks
}

// upToDate looks for an image of the tag that a build would make again.
func (b *build) upToDate(ctx context.Context) (BuiltImage, bool, error) {
	got, labels, err := b.inspect(ctx)
	if errdefs.IsNotFound(err) {
		return BuiltImage{}, false, nil
	}
	if err != nil {
		return BuiltImage{}, false, err
	}
	ok := got.Recipe == b.recipe && labels[labelCerts] == digestOf(b.certs) && (b.o.Base == "" || got.Base == b.o.Base)
	return got, ok, nil
}

func (b *build) inspect(ctx context.Context) (BuiltImage, map[string]string, error) {
	img, err := b.engine.api.ImageInspect(ctx, b.o.Tag)
	if err != nil {
		return BuiltImage{}, nil, fmt.Errorf("look up image %s: %w", b.o.Tag, err)
	}
	var labels map[string]string
	if img.Config != nil {
		labels = img.Config.Labels
	}
	return BuiltImage{
		ID: img.ID, Tag: b.o.Tag, Size: img.Size,
		Recipe: labels[labelRecipe], Codex: labels[labelCodex], Base: labels[labelBase],
	}, labels, nil
}

// say writes a line for a person. A terminal that is gone does not stop a build.
func (b *build) say(format string, args ...any) {
	_, _ = fmt.Fprintf(b.o.Progress, format+"\n", args...)
}

//go:build integration

package sandbox_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/sandbox"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Images that are not ours.
const (
	// debian has bash and git, and nothing of ours.
	debian = `FROM %s
USER 0
RUN mv /opt/codex-mcp-runner /opt/moved && rm -rf /opt/moved /run/codex /workspace /home/codex /etc/codex /etc/passwd /etc/group
`
	// busybox has no bash, no libc but what git needs, no /etc/passwd, no package
	// manager: a shell and git, and that is all.
	busybox = `FROM %s AS parts
LABEL io.codex-mcp-runner.test=parts
USER 0
RUN apt-get update -o Acquire::Languages=none && cd /tmp && apt-get download -o APT::Sandbox::User=root busybox-static && dpkg-deb -x busybox-static*.deb /bb
RUN mkdir -p /out/bin /out/usr/bin /out/tmp && cp /bb/bin/busybox /out/bin/busybox && \
    for t in sh cat ls cp mkdir touch id env grep sleep head pwd find ps rm test true false; do ln -s busybox /out/bin/$t; done && \
    cp /usr/bin/git /out/usr/bin/ && \
    for lib in $(ldd /usr/bin/git | grep -o '/[^ ]*'); do mkdir -p /out$(dirname $lib) && cp -L $lib /out$lib; done
FROM scratch
COPY --from=parts /out/ /
`
)

// imageFrom builds an image of a Dockerfile, whose %%s is the runner image, and
// removes it when the test is over.
func (l *lab) imageFrom(t *testing.T, name, dockerfile string) string {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	text := strings.Replace(dockerfile, "%s", sandbox.RunnerTag(), 1)
	must(t, w.WriteHeader(&tar.Header{Name: "Dockerfile", Mode: 0o644, Size: int64(len(text))}))
	_, err := w.Write([]byte(text))
	must(t, errors.Join(err, w.Close()))
	ref := fmt.Sprintf("codex-mcp-runner-test/%s:%d", name, os.Getpid())
	built, err := l.API().ImageBuild(t.Context(), &archive, build.ImageBuildOptions{Tags: []string{ref}, Remove: true, ForceRemove: true})
	must(t, err)
	log, err := io.ReadAll(built.Body)
	must(t, errors.Join(err, built.Body.Close()))
	if !bytes.Contains(log, []byte("Successfully tagged")) {
		t.Fatalf("no image %s:\n%s", ref, tailOf(string(log)))
	}
	l.removeLater(t, ref)
	return ref
}

func (l *lab) removeLater(t *testing.T, ref string) {
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if _, err := l.API().ImageRemove(ctx, ref, image.RemoveOptions{PruneChildren: true}); !errdefs.IsNotFound(err) {
			must(t, err)
		}
	})
}

// load gives the engine an image that no builder of this machine would make: any
// files, any configuration.
func (l *lab) load(t *testing.T, name string, config map[string]any, files map[string]string) string {
	t.Helper()
	var layer, archive bytes.Buffer
	add := func(w *tar.Writer, name, content string) {
		must(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content))}))
		_, err := io.WriteString(w, content)
		must(t, err)
	}
	w := tar.NewWriter(&layer)
	for name, content := range files {
		add(w, name, content)
	}
	must(t, w.Close())
	config["os"] = "linux"
	config["rootfs"] = map[string]any{"type": "layers", "diff_ids": []string{digest(layer.Bytes())}}
	ref := fmt.Sprintf("codex-mcp-runner-test/%s:%d", name, os.Getpid())
	encode := func(v any) string {
		b, err := json.Marshal(v)
		must(t, err)
		return string(b)
	}
	w = tar.NewWriter(&archive)
	add(w, "config.json", encode(config))
	add(w, "layer.tar", layer.String())
	add(w, "manifest.json", encode([]any{map[string]any{"Config": "config.json", "RepoTags": []string{ref}, "Layers": []string{"layer.tar"}}}))
	must(t, w.Close())
	loaded, err := l.API().ImageLoad(t.Context(), &archive, client.ImageLoadWithQuiet(true))
	must(t, err)
	log, err := io.ReadAll(loaded.Body)
	must(t, errors.Join(err, loaded.Body.Close()))
	if !bytes.Contains(log, []byte("Loaded image")) {
		t.Fatalf("no image %s:\n%s", ref, log)
	}
	l.removeLater(t, ref)
	return ref
}

// An image without our tools gets them from a volume, filled once.
func TestOtherImages(t *testing.T) {
	l := newLab(t)
	for name, dockerfile := range map[string]string{"debian": debian, "busybox": busybox} {
		t.Run(name, func(t *testing.T) {
			ref := l.imageFrom(t, name, dockerfile)
			var all sync.WaitGroup
			all.Go(func() {
				if err := l.Check(t.Context(), ref, ""); err != nil {
					t.Error(err)
				}
			})
			for range 4 { // the first use, by all at once
				all.Go(func() {
					c := l.bash("")
					c.Image = ref
					c.Command = []string{"sh", "-c", "command -v sandbox-init; id -un; pwd; touch " + task.ToolsDir + "/x /x"}
					got := l.do(t, c, task.Streams{Tunnel: echoTunnel})
					if got.err != nil || got.out != task.SandboxInit+"\ncodex\n/workspace\n" || strings.Count(got.errs, "Read-only") != 2 {
						t.Errorf("stdout %q, stderr %q, error %v", got.out, got.errs, got.err)
					}
				})
			}
			all.Wait()
		})
	}
}

// A verify command needs a shell and what it calls, in any image: no Codex, no
// tunnel, and the private git directory as good as Codex had it.
func TestVerifyContainers(t *testing.T) {
	l := newLab(t)
	l.repository(t)
	for name, dockerfile := range map[string]string{"runner": "", "debian": debian, "busybox": busybox} {
		t.Run(name, func(t *testing.T) {
			c := l.bash("")
			if dockerfile != "" {
				c.Image = l.imageFrom(t, "verify-"+name, dockerfile)
			}
			c.Purpose = task.PurposeVerify
			c.Env = map[string]string{"CI": "1", "GREETING": "hello there"}
			c.Command = []string{"/bin/sh", "-c", `echo "$GREETING $CI$CODEX_HOME"; git log --format=%s; git status --porcelain; cat; ls /sys/class/net
				codex --version || codex-code-mode-host || /opt/codex-mcp-runner/bin/codex --version || echo no Codex
				cat /opt/codex-mcp-runner/bin/codex*; echo built > out; exit 3`}
			got := l.do(t, c, task.Streams{})
			if want := "hello there 1\nfirst\n M file\nlo\nno Codex\n"; got.err != nil || got.Code != 3 || got.out != want {
				t.Errorf("code %d, stdout %q, stderr %q, error %v; want code 3 and %q", got.Code, got.out, got.errs, got.err, want)
			}
			out := filepath.Join(l.tree.Dir, "out")
			if b, err := os.ReadFile(out); err != nil || string(b) != "built\n" {
				t.Errorf("the worktree on the host has %q, %v", b, err)
			}
			must(t, os.Remove(out))
		})
	}
}

// repository makes the lab's tree one of a repository with one commit and a change.
func (l *lab) repository(t *testing.T) {
	t.Helper()
	origin := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = origin
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
	}
	git("init", "-q", "-b", "main")
	must(t, os.WriteFile(filepath.Join(origin, "file"), []byte("one\n"), 0o644))
	git("add", "file")
	git("commit", "-q", "-m", "first")
	// As workspace makes it: objects by alternates, the rest a copy.
	must(t, os.RemoveAll(l.tree.Objects[0]))
	must(t, os.CopyFS(l.tree.Objects[0], os.DirFS(filepath.Join(origin, ".git", "objects"))))
	must(t, os.RemoveAll(filepath.Join(origin, ".git", "objects")))
	must(t, os.CopyFS(l.tree.GitDir, os.DirFS(filepath.Join(origin, ".git"))))
	must(t, os.MkdirAll(filepath.Join(l.tree.GitDir, "objects", "info"), 0o755))
	must(t, os.WriteFile(filepath.Join(l.tree.GitDir, "objects", "info", "alternates"), []byte(task.ObjectsDir+"/0\n"), 0o644))
	must(t, os.WriteFile(filepath.Join(l.tree.Dir, "file"), []byte("two\n"), 0o644))
	for _, dir := range []string{l.tree.GitDir, l.tree.Dir, l.tree.GitFile} {
		must(t, filepath.WalkDir(dir, func(name string, _ os.DirEntry, err error) error {
			return errors.Join(err, os.Lchown(name, sandboxUID, sandboxUID))
		}))
	}
}

// An image may say what it likes about how it wants to be run.
func TestHostileImage(t *testing.T) {
	l := newLab(t)
	ref := l.imageFrom(t, "hostile", debian+`
RUN mkdir /data /loot && chmod 777 /data /loot && echo kept >/data/kept && ln -s /etc /workspace && ln -s /loot /home/codex && mkdir -p /run/codex && ln -s /loot /run/codex/git
ENV LD_PRELOAD=/workspace/evil.so:libevil.so LD_AUDIT=/tmp/evil.so LD_LIBRARY_PATH=/workspace:/usr/lib/x BASH_ENV=/workspace/env \
    PATH=/workspace/bin:.:relative::/tmp:/usr/bin:/bin HOME=/root CODEX_HOME=/loot CODEX_API_KEY=k OPENAI_BASE_URL=http://evil \
    HTTPS_PROXY=http://evil http_proxy=http://evil KEPT=yes
VOLUME ["/data", "/workspace", "/opt", "/home"]
HEALTHCHECK --interval=1s --start-period=1ms CMD touch /data/health
LABEL io.codex-mcp-runner.owner.pid=1 io.codex-mcp-runner.run=other io.codex-mcp-runner.purpose=other
USER 0
WORKDIR /workspace/deep
STOPSIGNAL SIGCONT
SHELL ["/bin/false"]
ENTRYPOINT ["/bin/false"]
CMD ["/bin/false"]
`)
	must(t, os.WriteFile(filepath.Join(l.tree.Dir, "env"), []byte("echo sourced\n"), 0o755))
	c := l.bash(`id -u; pwd; env | sort; stat -f -c %T /data; cat /workspace/.git; touch ~/mine; stat -c %n /etc/mine; command -v sandbox-init; sleep 1.5; ls /data`)
	c.Image = ref
	got := l.do(t, c, task.Streams{Tunnel: echoTunnel})
	want := []string{
		"4242", "/workspace", "HOME=/home/codex", "CODEX_HOME=/home/codex/.codex", "KEPT=yes",
		"LD_PRELOAD=libevil.so", "LD_LIBRARY_PATH=/usr/lib/x", "PATH=" + task.ToolsDir + "/bin:/usr/bin:/bin",
		"tmpfs", "gitdir: " + task.GitDir, task.SandboxInit,
	}
	for _, line := range want {
		if !strings.Contains("\n"+got.out, "\n"+line+"\n") {
			t.Errorf("no line %q", line)
		}
	}
	for _, bad := range []string{"CODEX_API_KEY", "OPENAI", "PROXY", "proxy", "LD_AUDIT", "BASH_ENV", "evil.so:", "sourced", "health", "/etc/mine"} {
		if strings.Contains(got.out, bad) {
			t.Errorf("%q is in there", bad)
		}
	}
	if got.err != nil || t.Failed() {
		t.Logf("code %d, error %v\n%s\n%s", got.Code, got.err, got.out, got.errs)
	}
	l.attacks(t, c, task.Streams{}, map[string]string{
		"fill a volume of the image": "head -c 50000000 /dev/zero >/data/x",
		"keep a volume of the image": "cat /data/kept",
		"write to the tools":         "touch " + task.ToolsDir + "/x",
		"write beside the tools":     "touch /opt/x",
		"write to etc":               "touch /etc/x",
	})
}

// What is wrong with an image is said before any task starts, and how to mend it.
func TestImagesThatCannotServe(t *testing.T) {
	l := newLab(t)
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	native := map[string]any{"architecture": runtime.GOARCH, "config": map[string]any{}}
	program := map[string]string{"bin/sh": "#!", "usr/bin/git": "#!"}
	cases := map[string]struct{ ref, what, mend string }{
		"not there":    {"no-such-image:here", `no image "no-such-image:here"`, "docker pull no-such-image:here"},
		"no reference": {"No Such Image", `"No Such Image" is no image reference`, "like"},
		"another architecture": {
			l.load(t, "other-arch", map[string]any{"architecture": other, "config": map[string]any{}}, program),
			"linux/" + other, "docker pull --platform linux/" + runtime.GOARCH,
		},
		"no shell": {l.load(t, "no-shell", native, map[string]string{"usr/bin/git": "#!"}), "no shell", "shell and git"},
		"no git":   {l.load(t, "no-git", native, map[string]string{"bin/sh": "#!", "git": "#!"}), "no git", "apk add git"},
		"git elsewhere": {
			l.load(t, "git-elsewhere", map[string]any{"architecture": runtime.GOARCH, "config": map[string]any{"Env": []string{"PATH=/bin"}}}, program),
			"/bin/git", "Install git",
		},
		"a volume in the worktree": {
			l.load(t, "volume", map[string]any{"architecture": runtime.GOARCH, "config": map[string]any{"Volumes": map[string]any{"/workspace/src": struct{}{}}}}, program),
			"/workspace/src", "without that VOLUME",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var r *task.Refusal
			err := l.Check(t.Context(), c.ref, "")
			if !errors.As(err, &r) || r.Where != "image" || !strings.Contains(r.What, c.what) || !strings.Contains(r.Mend, c.mend) {
				t.Fatalf("refusal is %+v (%v)", r, err)
			}
			box := l.bash("true")
			box.Image = c.ref
			if _, runErr := l.Run(t.Context(), box, task.Streams{}); runErr == nil || runErr.Error() != err.Error() {
				t.Errorf("Run says %v, Check %v", runErr, err)
			}
		})
	}
	t.Run("a bare distribution", func(t *testing.T) {
		list, err := l.API().ImageList(t.Context(), image.ListOptions{Filters: filters.NewArgs(filters.Arg("reference", "codex-mcp-runner/base"))})
		must(t, err)
		if len(list) == 0 {
			t.Skip("the runner image was built on one from a registry")
		}
		var r *task.Refusal
		if err := l.Check(t.Context(), list[0].RepoTags[0], ""); !errors.As(err, &r) || !strings.Contains(r.What, "no git") {
			t.Errorf("Check says %v", err)
		}
	})
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

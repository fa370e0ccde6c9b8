//go:build integration

package debootstrap

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestRootFSIsASystemThatAptWorksIn(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	pr, pw := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		pw.CloseWithError(RootFS(t.Context(), HostSuite(), []string{"ca-certificates"}, pw, t.Output()))
	}()
	var size int64
	var sources bytes.Buffer
	names := map[string]bool{}
	for r := tar.NewReader(pr); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(h.Name, "./")
		names[name] = true
		size += h.Size
		switch {
		case strings.HasPrefix(name, "dev/") && name != "dev/", strings.HasPrefix(name, "var/lib/apt/lists/") && name != "var/lib/apt/lists/":
			t.Errorf("%s is in the image", name)
		case strings.HasPrefix(name, "etc/apt/sources.list"):
			_, _ = io.Copy(&sources, r) // a short read fails the check below
		}
	}
	for _, want := range []string{"usr/bin/apt-get", "usr/sbin/update-ca-certificates", "usr/share/doc/bash/copyright", "tmp/", "dev/"} {
		if !names[want] {
			t.Errorf("%s is missing", want)
		}
	}
	if !strings.Contains(sources.String(), HostSuite()) {
		t.Errorf("apt has no source of %s:\n%s", HostSuite(), sources.String())
	}
	if size > 200<<20 {
		t.Errorf("the system has %d bytes", size)
	}
	// tar pads its stream beyond the end that the reader above sees.
	_, _ = io.Copy(io.Discard, pr)
	<-done
	nothingLeft(t)
}

func TestCancelLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("enough")
	// "I: Extracting" comes when debootstrap runs programs of its own; by
	// "Unpacking" it has mounted /proc in the new system.
	progress := writerFunc(func(p []byte) {
		if bytes.Contains(p, []byte("Unpacking the base system")) {
			cancel(stop)
		}
	})
	start := time.Now()
	err := RootFS(ctx, HostSuite(), nil, io.Discard, progress)
	if !errors.Is(err, stop) {
		t.Errorf("got %v after %v, want the cause", err, time.Since(start))
	}
	nothingLeft(t)
}

func TestFailureTellsWhatDebootstrapSaid(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	err := RootFS(t.Context(), "no-such-release", nil, io.Discard, nil)
	if err == nil || !strings.Contains(err.Error(), "no-such-release") {
		t.Errorf("got %v", err)
	}
	nothingLeft(t)
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }

// nothingLeft checks that no directory, no mount and no process is left under $TMPDIR.
func nothingLeft(t *testing.T) {
	t.Helper()
	dir := os.Getenv("TMPDIR")
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left in %s: %v, %v", dir, left, err)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil || strings.Contains(string(mounts), dir) {
		t.Errorf("a mount is left under %s (%v)", dir, err)
	}
	procs, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range procs {
		if b, err := os.ReadFile(p); err == nil && strings.Contains(string(b), dir) && !strings.Contains(p, "self") {
			t.Errorf("%s still runs: %q", p, b)
		}
	}
}

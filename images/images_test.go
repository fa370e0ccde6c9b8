package images_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/images"
)

// Every package is pinned, for every architecture that we build for, to the
// version that its entry names and to a whole SHA-512 digest.
func TestEveryPackageIsPinned(t *testing.T) {
	b, err := os.ReadFile("pins.json")
	if err != nil {
		t.Fatal(err)
	}
	var entries map[string]json.RawMessage
	if err := json.Unmarshal(b, &entries); err != nil {
		t.Fatal(err)
	}
	digest := regexp.MustCompile(`^sha512-[A-Za-z0-9+/]{86}==$`)
	for _, name := range []string{"codex", "node", "npm"} {
		var e struct {
			Version  string
			Packages map[string]struct{ Spec, Integrity string }
		}
		if err := json.Unmarshal(entries[name], &e); err != nil {
			t.Fatal(err)
		}
		archs := []string{"amd64", "arm64"}
		if _, ok := e.Packages["any"]; ok {
			archs = []string{"any"}
		}
		for _, arch := range archs {
			p := e.Packages[arch]
			if !strings.Contains(p.Spec, "@"+e.Version) {
				t.Errorf("%s for %s: %q does not name version %q", name, arch, p.Spec, e.Version)
			}
			if !digest.MatchString(p.Integrity) {
				t.Errorf("%s for %s: %q is no SHA-512 digest", name, arch, p.Integrity)
			}
		}
	}
}

// `docker build images/` and `image build` start from the same base.
func TestDockerfileDefaultsAreThePins(t *testing.T) {
	b, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^ARG BASE_IMAGE=(.*)$`).FindStringSubmatch(string(b))
	if m == nil || m[1] != images.Base() || images.Base() == "" {
		t.Errorf("the Dockerfile's base is %q, that of pins.json %q", m, images.Base())
	}
	if images.CodexVersion() == "" {
		t.Error("no Codex version is pinned")
	}
}

// The classic builder of engine 20.10 knows none of these.
func TestDockerfileNeedsNoBuildKit(t *testing.T) {
	b, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"--mount", "--chmod", "--link", "# syntax", "<<", "TARGETARCH"} {
		if bytes.Contains(b, []byte(s)) {
			t.Errorf("the Dockerfile holds %q", s)
		}
	}
}

func TestRecipeDependsOnTheCodexVersion(t *testing.T) {
	a, b := images.Recipe("1.0.0"), images.Recipe("1.0.1")
	if a == b || len(a) != 64 {
		t.Errorf("recipes %q and %q", a, b)
	}
	if again := images.Recipe("1.0.0"); again != a {
		t.Errorf("the same recipe came out as %q and %q", a, again)
	}
}

func TestMissingSandboxInitSaysHowToMendIt(t *testing.T) {
	_, err := images.SandboxInit("sparc")
	if !errors.Is(err, images.ErrNoSandboxInit) || !strings.Contains(err.Error(), "make build") {
		t.Errorf("got %v", err)
	}
	var w bytes.Buffer
	if err := images.WriteContext(&w, "sparc", nil); !errors.Is(err, images.ErrNoSandboxInit) || w.Len() > 0 {
		t.Errorf("got %v after %d bytes", err, w.Len())
	}
}

func TestContextHoldsWhatTheDockerfileCopies(t *testing.T) {
	var w bytes.Buffer
	err := images.WriteContext(&w, "amd64", [][]byte{[]byte("A"), []byte("B")})
	if built, _ := filepath.Glob("init/sandbox-init-linux-amd64"); built == nil {
		// A fresh checkout, before make build.
		if !errors.Is(err, images.ErrNoSandboxInit) {
			t.Errorf("got %v, want %v", err, images.ErrNoSandboxInit)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for r := tar.NewReader(&w); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got[h.Name] = h.Mode
	}
	want := map[string]int64{
		"Dockerfile": 0o644, "fetch.js": 0o644, "pins.json": 0o644,
		"init/sandbox-init-linux-amd64": 0o755,
		"certs/":                        0o755, "certs/host-000.crt": 0o644, "certs/host-001.crt": 0o644,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

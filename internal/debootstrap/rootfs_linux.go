package debootstrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// tools are the programs that can make a root file system, the faster one first.
var tools = []string{"mmdebstrap", "debootstrap"}

// Available says whether RootFS can work here: nil, or one sentence of what is
// missing and what to install.
func Available() error {
	if os.Geteuid() != 0 {
		return errors.New("building a base image from the distribution's packages needs root; run the command as root or with sudo")
	}
	_, err := tool()
	return err
}

func tool() (string, error) {
	for _, t := range tools {
		if p, err := exec.LookPath(t); err == nil {
			return p, nil
		}
	}
	return "", errors.New("building a base image from the distribution's packages needs debootstrap; install it, on Debian and Ubuntu with `apt-get install debootstrap`")
}

var word = regexp.MustCompile(`^[a-z0-9][a-z0-9.+-]*$`)

// RootFS writes the root file system of a distribution's release ("bookworm") as a
// tar stream: the packages that every system needs, apt and those of include. Its
// apt uses the host's own mirrors where the host runs the same release. What the
// programs say goes to progress, which may be nil.
//
// It takes 15 to 60 s and 300 MB in $TMPDIR or /var/tmp. When ctx ends, all that
// it started is killed, and it returns the cause.
func RootFS(ctx context.Context, suite string, include []string, w io.Writer, progress io.Writer) (err error) {
	if err := Available(); err != nil {
		return err
	}
	for _, s := range append([]string{suite}, include...) {
		if !word.MatchString(s) {
			return fmt.Errorf("make a root file system: %q is no name of a release or package", s)
		}
	}
	dir, err := tempDir()
	if err != nil {
		return fmt.Errorf("make a root file system: %w", err)
	}
	defer func() {
		if rmErr := os.RemoveAll(dir); rmErr != nil {
			err = errors.Join(err, fmt.Errorf("remove the root file system: %w", rmErr))
		}
	}()

	root := filepath.Join(dir, "root")
	prog, err := tool()
	if err != nil {
		return err
	}
	// Without a keyring, debootstrap would warn and go on unchecked; mmdebstrap
	// checks unless told otherwise.
	args := []string{"--variant=minbase"}
	if filepath.Base(prog) == "debootstrap" {
		args = append(args, "--force-check-gpg")
	}
	if len(include) > 0 {
		args = append(args, "--include="+strings.Join(include, ","))
	}
	if err := run(ctx, nil, progress, prog, append(args, suite, root)...); err != nil {
		return err
	}
	if err := copySources("/", root, suite); err != nil {
		return fmt.Errorf("set up apt: %w", err)
	}
	if err := strip(root); err != nil {
		return fmt.Errorf("strip the root file system: %w", err)
	}
	// Device nodes and mounts are the container engine's.
	return run(ctx, w, progress, "tar", "--numeric-owner", "--one-file-system", "-C", root,
		"--exclude=./dev/*", "--exclude=./proc/*", "--exclude=./sys/*", "-cf", "-", ".")
}

// tempDir avoids /tmp, where nodev is common: debootstrap makes device nodes.
func tempDir() (string, error) {
	parent := os.Getenv("TMPDIR")
	if parent == "" {
		parent = "/var/tmp"
	}
	return os.MkdirTemp(parent, "codex-mcp-runner-rootfs-")
}

// run runs a program as PID 1 of its own process and mount namespace. Killing it
// kills all that it started, and what it had mounted in the directory is gone with
// it: without that, removing the directory could reach into the host's /proc.
func run(ctx context.Context, stdout, progress io.Writer, name string, args ...string) error {
	// Pdeathsig is sent when the thread that started the program ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	out := &tail{next: progress}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = stdout, out
	if stdout == nil {
		cmd.Stdout = out
	}
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:      true,
		Pdeathsig:    syscall.SIGKILL,
		Cloneflags:   syscall.CLONE_NEWPID,
		Unshareflags: syscall.CLONE_NEWNS,
	}
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("run %s: %w", filepath.Base(name), context.Cause(ctx))
	default:
		return out.wrap(filepath.Base(name), err)
	}
}

// strip removes what a container image does not need. Copyright files stay.
func strip(root string) error {
	in := func(pattern string) []string {
		names, _ := filepath.Glob(filepath.Join(root, pattern)) // the patterns are well formed
		return names
	}
	var gone []string
	for _, p := range []string{
		"var/lib/apt/lists/*", "var/cache/apt/*", "var/cache/debconf/*-old", "var/cache/ldconfig/*",
		"var/log/*.log", "var/log/apt/*", "var/lib/dpkg/*-old", "tmp/*", "run/*", "debootstrap",
		"usr/share/man/*", "usr/share/info/*", "usr/share/locale/*", "etc/resolv.conf", "etc/hostname",
	} {
		gone = append(gone, in(p)...)
	}
	for _, p := range in("usr/share/doc/*/*") {
		if filepath.Base(p) != "copyright" {
			gone = append(gone, p)
		}
	}
	for _, p := range gone {
		if err := os.RemoveAll(p); err != nil {
			return err
		}
	}
	return nil
}

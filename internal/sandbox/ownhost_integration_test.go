//go:build integration

package sandbox_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// ownHostEnv is set in the process that runs the tests.
const ownHostEnv = "CMR_TEST_OWN_HOST"

// onAHostOfItsOwn runs this program again, on what is another host to whoever
// looks at owners. These tests leave things behind as dead processes do, and the
// servers of other packages' tests would clean up after them on the same engine.
func onAHostOfItsOwn() int {
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	cmd.Env = append(os.Environ(), ownHostEnv+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Unshareflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS, // Go makes the mounts private
		Pdeathsig:    syscall.SIGKILL,
	}
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return cmd.ProcessState.ExitCode()
}

// becomeAnotherHost changes the two things by which sandbox.Self knows its host.
func becomeAnotherHost() error {
	if err := syscall.Sethostname([]byte("sandbox-tests")); err != nil {
		return fmt.Errorf("set host name: %w", err)
	}
	const machineID = "/etc/machine-id"
	if _, err := os.Stat(machineID); errors.Is(err, fs.ErrNotExist) {
		return nil // then the name counts
	}
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "id")
	err = os.WriteFile(file, []byte(strings.ToLower(rand.Text())+"\n"), 0o644)
	if err == nil {
		err = syscall.Mount(file, machineID, "", syscall.MS_BIND, "")
	}
	if err != nil {
		err = fmt.Errorf("hide machine id: %w", err)
	}
	return errors.Join(err, os.RemoveAll(dir))
}

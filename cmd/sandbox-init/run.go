//go:build unix

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// readyTimeout is how long the command waits for the bridge. The host starts
// the bridge right after us; on a loaded machine that takes a second or two.
const readyTimeout = 20 * time.Second

// run is PID 1: it waits for the bridge, starts the command, and ends when the
// command does, or the lifeline. The kernel then kills whatever else is left in
// the container.
func run(o runOptions, argv []string, stderr io.Writer) int {
	if err := errors.Join(harden(), unstarve()); err != nil {
		say(stderr, "harden PID 1: %v", err)
		return exitNotReady
	}
	// Every signal, not only the two that are passed on: without a handler of
	// ours, Go's runtime dies of a SIGQUIT or a SIGSEGV that the command sent.
	signals := make(chan os.Signal, 64)
	signal.Notify(signals)
	signal.Reset(syscall.SIGURG) // Go's own, many times a second; ignored by default

	stdin, err := follow(os.Stdin, func() { os.Exit(exitKilled) })
	if err != nil {
		say(stderr, "follow the lifeline: %v", err)
		return exitNotReady
	}
	if err := furnish(os.Getenv("CODEX_HOME"), o.sessions); err != nil {
		say(stderr, "make $CODEX_HOME: %v", err)
		return exitNotReady
	}
	if o.waitFor != "" && !reachable(o.waitFor, readyTimeout) {
		say(stderr, "nothing accepts connections on %s after %s: the bridge to the host did not start", o.waitFor, readyTimeout)
		return exitNotReady
	}
	path, code, err := lookPath(argv[0], os.Getenv("PATH"))
	if err != nil {
		say(stderr, "%v", err)
		return code
	}
	pid, err := syscall.ForkExec(path, argv, &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{stdin.Fd(), 1, 2},
	})
	if err != nil {
		say(stderr, "start %s: %v", path, err)
		return exitNotExec
	}
	// The command alone holds these now, so that who closes its stdout is seen
	// to, and who fills its stdin is told when nobody reads.
	_, _ = stdin.Close(), os.Stdout.Close()
	return supervise(pid, signals)
}

// furnish makes $CODEX_HOME, and in it the way to the directory where the host
// keeps Codex's session files, if it keeps them.
func furnish(home, sessions string) error {
	if home == "" {
		return nil
	}
	if err := os.MkdirAll(home, 0o700); err != nil || sessions == "" {
		return err
	}
	return os.Symlink(sessions, filepath.Join(home, "sessions"))
}

// supervise passes on the signals that are meant for the command, reaps every
// orphan, and gives the command's exit code.
func supervise(pid int, signals <-chan os.Signal) int {
	for {
		for {
			var status syscall.WaitStatus
			got, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
			if errors.Is(err, syscall.EINTR) {
				continue
			}
			if err != nil || got <= 0 {
				break
			}
			switch {
			case got != pid:
			case status.Signaled():
				return 128 + int(status.Signal())
			case status.Exited():
				return status.ExitStatus()
			}
		}
		// A lost SIGCHLD would cost us the exit code: look now and then.
		select {
		case s := <-signals:
			if s == syscall.SIGTERM || s == syscall.SIGINT {
				_ = syscall.Kill(pid, s.(syscall.Signal)) // it may have ended
			}
		case <-time.After(time.Second):
		}
	}
}

// reachable dials addr until something accepts.
func reachable(addr string, timeout time.Duration) bool {
	deadline := time.Now().Add(timeout)
	for pause := time.Millisecond; time.Now().Before(deadline); pause = min(2*pause, 20*time.Millisecond) {
		conn, err := net.DialTimeout("tcp", addr, time.Second) //nolint:noctx // PID 1 has no context: its deadline is above
		if err == nil {
			_ = conn.Close()
			return true
		}
		time.Sleep(pause)
	}
	return false
}

// lookPath finds the command as a shell would, and gives the exit code that a
// shell would give if it cannot be run. A name with a slash is relative to the
// working directory; an empty element of path is not "here", but nothing.
func lookPath(name, path string) (string, int, error) {
	if strings.Contains(name, "/") {
		code, err := executable(name)
		return name, code, err
	}
	code, reason := exitNotFound, fmt.Errorf("command %q not found in PATH %q", name, path)
	for dir := range strings.SplitSeq(path, ":") {
		if dir == "" {
			continue
		}
		file := filepath.Join(dir, name)
		switch c, err := executable(file); c {
		case 0:
			return file, 0, nil
		case exitNotExec:
			code, reason = c, fmt.Errorf("%w (PATH %q)", err, path)
		}
	}
	return "", code, reason
}

// executable gives 0, or the exit code for a file that cannot be run.
func executable(file string) (int, error) {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, os.ErrPermission):
		return exitNotExec, fmt.Errorf("command %q cannot be run: %w", file, err)
	case err != nil:
		return exitNotFound, fmt.Errorf("command %q not found: %w", file, err)
	case info.IsDir() || syscall.Access(file, 1) != nil: // X_OK
		return exitNotExec, fmt.Errorf("command %q is not executable", file)
	}
	return 0, nil
}

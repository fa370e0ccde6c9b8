package sandbox

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// startOf gives a process's start time. An error that os.IsNotExist knows
// means: no such process.
func startOf(pid int) (string, error) {
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return "", fmt.Errorf("look up process %d: %w", pid, err)
	}
	if int(info.Proc.P_pid) != pid {
		return "", os.ErrNotExist
	}
	return fmt.Sprintf("%d.%06d", info.Proc.P_starttime.Sec, info.Proc.P_starttime.Usec), nil
}

func pidNamespace() string { return "" }

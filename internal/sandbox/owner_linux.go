package sandbox

import (
	"bytes"
	"fmt"
	"os"
)

// startOf gives a process's start in clock ticks since boot, with the boot that
// they count from. An error that os.IsNotExist knows means: no such process.
func startOf(pid int) (string, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	// proc(5): field 2 is the command's name in parentheses and may hold
	// anything; the start time is field 22.
	end := bytes.LastIndexByte(stat, ')')
	fields := bytes.Fields(stat[end+1:])
	if end < 0 || len(fields) < 20 {
		return "", fmt.Errorf("read start time of process %d: %d fields after its name", pid, len(fields))
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil || len(boot) < 8 {
		return "", fmt.Errorf("read boot id: %w", err)
	}
	return fmt.Sprintf("%s-%s", boot[:8], fields[19]), nil
}

func pidNamespace() string {
	link, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return link
}

package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Owner is the process that made a container. A pid alone is not enough: pids
// come back. Neither is pid and start time: an engine may serve several hosts.
type Owner struct {
	// Host is a hash of what makes pids comparable: the machine and its pid namespace.
	Host string
	PID  int
	// Start says when the process began, in a form that only this package compares.
	// Empty where the system does not tell.
	Start string
}

// Self is the Owner that this process is.
func Self() (Owner, error) {
	host, err := hostID()
	if err != nil {
		return Owner{}, err
	}
	start, err := startOf(os.Getpid())
	if err != nil {
		return Owner{}, fmt.Errorf("read own start time: %w", err)
	}
	return Owner{Host: host, PID: os.Getpid(), Start: start}, nil
}

// OwnerAlive says whether the process that o names still runs. It can only
// tell for owners on this host; for others, and in doubt, it says yes.
func OwnerAlive(o Owner) bool {
	host, err := hostID()
	if err != nil || host != o.Host || o.PID <= 0 {
		return true
	}
	start, err := startOf(o.PID)
	if os.IsNotExist(err) {
		return false
	}
	return err != nil || start == o.Start
}

// hostID hashes the machine's id, so that labels do not tell it. The pid
// namespace belongs to it: two servers in containers of one image have the same
// machine id, and neither can see the other's process.
func hostID() (string, error) {
	var id string
	for _, file := range []string{"/etc/machine-id", "/var/lib/dbus/machine-id"} {
		if b, err := os.ReadFile(file); err == nil && len(strings.TrimSpace(string(b))) > 0 {
			id = strings.TrimSpace(string(b))
			break
		}
	}
	if id == "" {
		name, err := os.Hostname()
		if err != nil {
			return "", fmt.Errorf("find a name for this host: %w", err)
		}
		id = "hostname:" + name
	}
	sum := sha256.Sum256([]byte("codex-mcp-runner\x00" + id + "\x00" + pidNamespace()))
	return hex.EncodeToString(sum[:8]), nil
}

const labelPrefix = "io.codex-mcp-runner."

// The labels of everything that we create.
const (
	labelRun     = labelPrefix + "run"
	labelTask    = labelPrefix + "task"
	labelPurpose = labelPrefix + "purpose"
	labelHost    = labelPrefix + "owner.host"
	labelPID     = labelPrefix + "owner.pid"
	labelStart   = labelPrefix + "owner.start"
	// labelTools is on tools volumes: the runner image that they were filled from.
	labelTools = labelPrefix + "tools"
)

func (o Owner) labels() map[string]string {
	return map[string]string{labelHost: o.Host, labelPID: strconv.Itoa(o.PID), labelStart: o.Start}
}

// ownerOf reads what labels wrote; false if they are not ours.
func ownerOf(labels map[string]string) (Owner, bool) {
	pid, err := strconv.Atoi(labels[labelPID])
	if err != nil || labels[labelHost] == "" {
		return Owner{}, false
	}
	return Owner{Host: labels[labelHost], PID: pid, Start: labels[labelStart]}, true
}

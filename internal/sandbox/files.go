package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

const (
	passwdFile = "/etc/passwd"
	groupFile  = "/etc/group"
)

// codexPrograms lie in ToolsDir beside PID 1, which a verify container needs. It
// gets empty files in their place, so that no command can depend on Codex.
var codexPrograms = []string{
	task.ToolsDir + "/bin/codex",
	task.ToolsDir + "/bin/codex-code-mode-host",
}

// filesDir is a private directory on the host that holds what is bound into
// one container. Its name says who made it, for Reap.
type filesDir struct {
	dir   string
	files []hostFile
}

func (e *Engine) newFilesDir() (*filesDir, error) {
	parent := filepath.Join(e.opts.StateDir, "sandboxes")
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, fmt.Errorf("make directory for a container's files: %w", err)
	}
	o := e.opts.Owner
	dir, err := os.MkdirTemp(parent, fmt.Sprintf("%s.%d.%s.", o.Host, o.PID, o.Start))
	if err != nil {
		return nil, fmt.Errorf("make directory for a container's files: %w", err)
	}
	return &filesDir{dir: dir}, nil
}

// addAll adds all that a container needs: the caller's files, and our own.
func (d *filesDir) addAll(c task.Container, shell string) error {
	for _, f := range c.Files {
		if err := d.add(f.Path, f.Content); err != nil {
			return err
		}
	}
	passwd, group := accounts(c.Tree, shell)
	if err := errors.Join(d.add(passwdFile, passwd), d.add(groupFile, group)); err != nil {
		return err
	}
	if c.Purpose != task.PurposeVerify {
		return nil
	}
	for _, program := range codexPrograms {
		if err := d.add(program, nil); err != nil {
			return err
		}
	}
	return nil
}

// add writes a file that will appear at path in the container. The directory
// keeps it from other users of the host; in the container everybody may read it.
func (d *filesDir) add(path string, content []byte) error {
	host := filepath.Join(d.dir, strconv.Itoa(len(d.files)))
	err := os.WriteFile(host, content, 0o600)
	if err == nil {
		err = os.Chmod(host, 0o644) // whatever the umask
	}
	if err != nil {
		return fmt.Errorf("write file for container: %w", err)
	}
	d.files = append(d.files, hostFile{Host: host, Container: path})
	return nil
}

func (d *filesDir) remove() error { return os.RemoveAll(d.dir) }

// filesOwner reads what newFilesDir put into a name.
func filesOwner(name string) (Owner, bool) {
	parts := strings.Split(name, ".")
	if len(parts) < 4 {
		return Owner{}, false
	}
	pid, err := strconv.Atoi(parts[1])
	// A start time may hold a dot itself (macOS).
	return Owner{Host: parts[0], PID: pid, Start: strings.Join(parts[2:len(parts)-1], ".")}, err == nil
}

// accounts are /etc/passwd and /etc/group: whoami, ssh and node want the uid
// to have a name, and Codex takes its shell from there (codex-cli.md, 5d).
func accounts(t task.Tree, shell string) (passwd, group []byte) {
	var p, g strings.Builder
	bridge := bridgeUser(t)
	fmt.Fprintf(&p, "root:x:0:0:root:/root:/sbin/nologin\n")
	fmt.Fprintf(&p, "codex:x:%d:%d:Codex:%s:%s\n", t.UID, t.GID, task.HomeDir, shell)
	fmt.Fprintf(&p, "codex-bridge:x:%d:%d:codex-mcp-runner:/nonexistent:/sbin/nologin\n", bridge, bridge)
	fmt.Fprintf(&p, "nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n")
	fmt.Fprintf(&g, "root:x:0:\ncodex:x:%d:\ncodex-bridge:x:%d:\nnogroup:x:65534:\n", t.GID, bridge)
	return []byte(p.String()), []byte(g.String())
}

package sandbox

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// admit refuses what convert must never see. These are mistakes of a caller,
// not of a user: there is nothing to mend.
func admit(c task.Container) error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(len(c.Command) > 0 && c.Command[0] != "", "no command")
	check(c.Tree.UID > 0 && c.Tree.GID > 0, "the tree belongs to %d:%d: a sandbox never runs as root", c.Tree.UID, c.Tree.GID)
	check(c.Network == task.NetworkDeny || c.Network == task.NetworkAllow, "unknown network policy %q", c.Network)
	// A typo here would give a verify command Codex.
	check(c.Purpose == task.PurposeCodex || c.Purpose == task.PurposeVerify, "unknown purpose %q", c.Purpose)
	switch c.Mode {
	case task.SandboxReadOnly, task.SandboxWorkspaceWrite, task.SandboxDangerFullAccess:
	default:
		check(false, "unknown sandbox mode %q", c.Mode)
	}
	binds := append([]string{c.Tree.Dir, c.Tree.GitDir, c.Tree.GitFile}, c.Tree.Objects...)
	if c.KeepSessions {
		binds = append(binds, c.Tree.Sessions)
	}
	for _, dir := range binds {
		check(filepath.IsAbs(dir) && filepath.Clean(dir) == dir, "the host path %q is not absolute and clean", dir)
	}
	for _, f := range c.Files {
		check(path.IsAbs(f.Path) && path.Clean(f.Path) == f.Path && f.Path != "/", "the file path %q is not absolute and clean", f.Path)
		check(f.Path != passwdFile && f.Path != groupFile, "the file %q is the sandbox's own", f.Path)
		check(!within(f.Path, task.ToolsDir), "the file %q lies in the tools", f.Path)
	}
	for name := range c.Env {
		check(name != "" && !strings.ContainsAny(name, "=\x00"), "the environment has the name %q", name)
	}
	l := c.Limits
	check(l.CPUs > 0, "no limit of cpus")
	for name, v := range map[string]int64{
		"memory": l.MemoryBytes, "pids": l.Pids, "open files": l.OpenFiles, "file size": l.FileBytes,
		"/tmp": l.TmpBytes, "home": l.HomeBytes, "/dev/shm": l.ShmBytes,
	} {
		check(v > 0, "no limit of %s", name)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("admit container of task %s: %w", c.TaskID, err)
	}
	return nil
}

func within(file, dir string) bool { return file == dir || strings.HasPrefix(file, dir+"/") }

// clamp lowers limits to what the engine has, and says which.
func clamp(l task.Limits, engine Info) (clamped task.Limits, notes []string) {
	if have := float64(engine.CPUs); have > 0 && l.CPUs > have {
		notes = append(notes, fmt.Sprintf("cpus: %g asked, the engine has %g", l.CPUs, have))
		l.CPUs = have
	}
	if have := engine.MemoryBytes; have > 0 && l.MemoryBytes > have {
		notes = append(notes, fmt.Sprintf("memory: %d bytes asked, the engine has %d", l.MemoryBytes, have))
		l.MemoryBytes = have
	}
	return l, notes
}

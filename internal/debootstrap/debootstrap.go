// Package debootstrap makes a root file system from the packages of a Debian or
// Ubuntu distribution, for machines that reach no container registry. It needs
// Linux, root, and debootstrap or mmdebstrap.
//
// What it runs lives in a mount and a process namespace of its own, and its
// directory is removed whatever happens: nothing is left behind.
package debootstrap

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
)

// DefaultSuite is made where the host is no Debian or Ubuntu but has debootstrap.
const DefaultSuite = "bookworm"

// HostSuite names the host's own release, as in "bookworm" or "noble": the one
// whose packages and keys the host can get. A host that is neither Debian nor
// Ubuntu nor made from one of them gets DefaultSuite.
func HostSuite() string {
	f, err := os.Open("/etc/os-release")
	if err != nil {
		return DefaultSuite
	}
	defer f.Close()
	return suiteOf(f)
}

// suiteOf reads os-release(5). A derivative names the release that it is made
// from in UBUNTU_CODENAME or DEBIAN_CODENAME, and its own in VERSION_CODENAME.
func suiteOf(osRelease io.Reader) string {
	v := map[string]string{}
	for s := bufio.NewScanner(osRelease); s.Scan(); {
		if key, val, ok := strings.Cut(s.Text(), "="); ok {
			v[key] = strings.Trim(val, `"'`)
		}
	}
	for _, key := range []string{"UBUNTU_CODENAME", "DEBIAN_CODENAME"} {
		if v[key] != "" {
			return v[key]
		}
	}
	if (v["ID"] == "debian" || v["ID"] == "ubuntu") && v["VERSION_CODENAME"] != "" {
		return v["VERSION_CODENAME"]
	}
	return DefaultSuite
}

// tail keeps the last lines that a program printed, to tell why it ended.
type tail struct {
	next  io.Writer // may be nil
	lines []string
	part  string
}

func (t *tail) Write(p []byte) (int, error) {
	lines := strings.Split(t.part+string(p), "\n")
	t.part = lines[len(lines)-1]
	t.lines = append(t.lines, lines[:len(lines)-1]...)
	if n := len(t.lines) - 8; n > 0 {
		t.lines = t.lines[n:]
	}
	if t.next != nil {
		return t.next.Write(p)
	}
	return len(p), nil
}

// wrap adds what was printed last to the error of the program that printed it.
func (t *tail) wrap(name string, err error) error {
	last := strings.TrimSpace(strings.Join(append(t.lines, t.part), "\n"))
	if last == "" {
		return fmt.Errorf("run %s: %w", name, err)
	}
	return fmt.Errorf("run %s: %w; it said last:\n%s", name, err, last)
}

package workspace

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A task can make directories within directories for as long as it runs. What it
// leaves goes with few descriptors, and whatever their rights are.
func TestADeepTreeIsRemoved(t *testing.T) {
	for what, name := range map[string]string{"short names": "d", "long names": strings.Repeat("a", 250)} {
		t.Run(what, func(t *testing.T) { removesDeep(t, name, 3000) })
	}
}

func removesDeep(t *testing.T, name string, levels int) {
	dir := filepath.Join(t.TempDir(), "tree")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	at, err := syscall.Open(dir, syscall.O_RDONLY, 0)
	for range levels {
		if err != nil {
			t.Fatal(err)
		}
		if err = syscall.Mkdirat(at, name, 0o755); err != nil {
			t.Fatal(err)
		}
		var below int
		below, err = syscall.Openat(at, name, syscall.O_RDONLY, 0)
		_ = syscall.Fchmod(at, 0o500)
		_ = syscall.Close(at)
		at = below
	}
	_ = syscall.Close(at)

	var usual syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &usual); err != nil {
		t.Fatal(err)
	}
	few := usual
	few.Cur = 1024
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &usual); err != nil {
			t.Error(err)
		}
	}()
	if err := removeDir(dir); err != nil {
		t.Errorf("%.200v", err)
	}
	if _, err := os.Lstat(dir); err == nil {
		t.Error("it is there still")
	}
}

// A registration comes from the user's repository, which somebody else may have made.
func TestARegistrationDoesNotLeadElsewhere(t *testing.T) {
	admin := t.TempDir()
	for dir, want := range map[string]string{
		"/state/work/run/t":                          "/state/work/run/t",
		"/state/work/run/../../../other/work/live/t": "",
		"/state/work/run/./t":                        "",
		"/state/work/run/t/":                         "",
	} {
		if err := os.WriteFile(filepath.Join(admin, "locked"), []byte(lockReason(dir)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := registeredFor(admin); got != want {
			t.Errorf("%s: %q, want %q", dir, got, want)
		}
	}
}

package workspace

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A task can make directories within directories for as long as it runs. What it
// leaves goes with few descriptors, and whatever their rights are.
func TestADeepTreeIsRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tree")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	at, err := syscall.Open(dir, syscall.O_RDONLY, 0)
	for range 5000 {
		if err != nil {
			t.Fatal(err)
		}
		if err = syscall.Mkdirat(at, "d", 0o755); err != nil {
			t.Fatal(err)
		}
		var below int
		below, err = syscall.Openat(at, "d", syscall.O_RDONLY, 0)
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

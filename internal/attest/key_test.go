package attest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/attest"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func TestTheKeyIsMadeOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "codex-mcp-runner")
	if _, err := attest.PublicKey(dir); len(task.Refusals(err)) != 1 {
		t.Errorf("no key yet: %v, want a refusal", err)
	}
	if _, err := os.Lstat(dir); err == nil {
		t.Error("to look for the key made the directory")
	}
	first, err := attest.OpenSigner(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := attest.OpenSigner(dir)
	if err != nil {
		t.Fatal(err)
	}
	public, err := attest.PublicKey(dir)
	if err != nil || !public.Equal(first.Public()) || !public.Equal(second.Public()) {
		t.Errorf("three keys: %x %x %x (%v)", first.Public(), second.Public(), public, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != attest.KeyFile {
		t.Errorf("in the directory: %v, %v", entries, err)
	}
	info, err := os.Lstat(filepath.Join(dir, attest.KeyFile))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("the key has mode %v, %v", info.Mode(), err)
	}
	first.Public()[0] ^= 1
	if !first.Public().Equal(second.Public()) {
		t.Error("a caller can change the signer's key")
	}
}

// The test binary is also the processes that race for the key.
func TestMain(m *testing.M) {
	if dir := os.Getenv("ATTEST_TEST_DIR"); dir != "" {
		s, err := attest.OpenSigner(dir)
		if err != nil {
			panic(err)
		}
		if _, err := os.Stdout.WriteString(s.KeyID()); err != nil {
			panic(err)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestProcessesAtOnceGetOneKey(t *testing.T) {
	for range 3 {
		dir := filepath.Join(t.TempDir(), "state")
		ids := make([]string, 12)
		var wg sync.WaitGroup
		for i := range ids {
			wg.Go(func() {
				if i%2 == 0 { // half of them goroutines, half processes
					if s, err := attest.OpenSigner(dir); err != nil {
						t.Error(err)
					} else {
						ids[i] = s.KeyID()
					}
					return
				}
				cmd := exec.CommandContext(t.Context(), os.Args[0])
				cmd.Env = append(os.Environ(), "ATTEST_TEST_DIR="+dir)
				out, err := cmd.Output()
				if err != nil {
					t.Error(err)
				}
				ids[i] = string(out)
			})
		}
		wg.Wait()
		for _, id := range ids {
			if len(id) != 64 || id != ids[0] {
				t.Fatalf("several keys: %q", ids)
			}
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
			t.Errorf("left over: %v, %v", entries, err)
		}
	}
}

func TestAKeyThatCannotBeTrustedIsRefused(t *testing.T) {
	good := func(t *testing.T, path string) {
		t.Helper()
		if _, err := attest.OpenSigner(filepath.Dir(path)); err != nil {
			t.Fatal(err)
		}
	}
	write := func(b []byte) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			t.Helper()
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	mode := func(m os.FileMode) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			t.Helper()
			good(t, path)
			if err := os.Chmod(path, m); err != nil {
				t.Fatal(err)
			}
		}
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecDER, err := x509.MarshalPKCS8PrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		make func(t *testing.T, path string)
		says string
	}{
		"a symlink to a good key": {func(t *testing.T, path string) {
			real := filepath.Join(t.TempDir(), attest.KeyFile)
			good(t, real)
			if err := os.Symlink(real, path); err != nil {
				t.Fatal(err)
			}
		}, "symbolic link"},
		"a symlink to nowhere": {func(t *testing.T, path string) {
			if err := os.Symlink(filepath.Join(t.TempDir(), "elsewhere"), path); err != nil {
				t.Fatal(err)
			}
		}, "symbolic link"},
		"a pipe": {func(t *testing.T, path string) {
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "pipe"},
		"a directory": {func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "directory"},
		"readable by the group":  {mode(0o640), "0640"},
		"readable by all":        {mode(0o604), "0604"},
		"writable by the group":  {mode(0o620), "0620"},
		"executable by all":      {mode(0o601), "0601"},
		"empty":                  {write(nil), "no ed25519 key"},
		"no PEM":                 {write([]byte("secret")), "no ed25519 key"},
		"no key in it":           {write(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})), "no ed25519 key"},
		"a key of another kind":  {write(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: ecDER})), "no ed25519 key"},
		"something after it":     {func(t *testing.T, path string) { good(t, path); appendTo(t, path, "x") }, "no ed25519 key"},
		"far too much in it":     {write([]byte(strings.Repeat("\n", 1<<20))), "no ed25519 key"},
		"a key and a large tail": {func(t *testing.T, path string) { good(t, path); appendTo(t, path, strings.Repeat("\n", 1<<20)) }, "no ed25519 key"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, attest.KeyFile)
			c.make(t, path)
			before, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			_, signerErr := attest.OpenSigner(dir)
			_, publicErr := attest.PublicKey(dir)
			for _, err := range []error{signerErr, publicErr} {
				refusals := task.Refusals(err)
				if len(refusals) != 1 || !strings.Contains(refusals[0].What, c.says) || !strings.Contains(refusals[0].What, path) || refusals[0].Mend == "" {
					t.Errorf("got %v, want a refusal that names the file and says %q", err, c.says)
				}
			}
			after, err := os.Lstat(path)
			if err != nil || !os.SameFile(before, after) || before.Size() != after.Size() {
				t.Errorf("the file was touched (%v)", err)
			}
		})
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

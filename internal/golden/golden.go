// Package golden holds what a test got against a file under testdata that
// reviewers read, and writes that file anew under `go test -update`. Only tests
// import it: it brings package testing, and its flag, into whatever does.
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The flag is of the test binary, so it exists once, and only where a package has
// golden files.
var update = flag.Bool("update", false, "write the golden files anew")

// Check compares got with testdata/file, byte for byte, and fails t with what
// differs. A file that cannot be read ends the test. With -update, Check first
// makes the file what got is, and its directory if need be.
func Check[T ~string | ~[]byte](t testing.TB, file string, got T) {
	t.Helper()
	file = filepath.Join("testdata", file)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; -update to accept what the test got", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got), -update to accept:\n%s", file, diff)
	}
}

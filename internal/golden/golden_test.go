package golden_test

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/golden"
)

// witness is a test that may fail: it keeps what it was told.
type witness struct {
	testing.TB
	said string
}

func (w *witness) Helper() {}

func (w *witness) Errorf(format string, args ...any) { w.said += fmt.Sprintf(format, args...) }

func (w *witness) Fatalf(format string, args ...any) {
	w.Errorf(format, args...)
	runtime.Goexit()
}

// check is what Check says with and without -update; "" is no failure.
func check[T string | []byte](t *testing.T, update bool, file string, got T) string {
	t.Helper()
	before := flag.Lookup("update").Value.String()
	set := func(value string) {
		if err := flag.Set("update", value); err != nil {
			t.Fatal(err)
		}
	}
	set(strconv.FormatBool(update))
	defer set(before)
	w := &witness{TB: t}
	done := make(chan struct{})
	go func() { // Fatalf ends it
		defer close(done)
		golden.Check(w, file, got)
	}()
	<-done
	return w.said
}

func TestCheck(t *testing.T) {
	t.Chdir(t.TempDir())
	const file, path = "deep/a.txt", "testdata/deep/a.txt"
	if said := check(t, false, file, "one\n"); !strings.Contains(said, path) || !strings.Contains(said, "-update to accept") {
		t.Errorf("no file: %q", said)
	}
	if _, err := os.Stat("testdata"); err == nil {
		t.Error("it writes without -update")
	}
	if said := check(t, true, file, "one\n"); said != "" {
		t.Errorf("-update: %q", said)
	}
	if said := check(t, false, file, "one\n"); said != "" {
		t.Errorf("as written: %q", said)
	}
	if said := check(t, false, file, []byte("one\n")); said != "" {
		t.Errorf("as written, in bytes: %q", said)
	}
	for _, got := range []string{"two\n", "one", "one\n\n", "one\r\n", ""} {
		if said := check(t, false, file, got); !strings.Contains(said, path) || !strings.Contains(said, "-update to accept") {
			t.Errorf("%q for one: %q", got, said)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != "one\n" {
			t.Fatalf("%q was written without -update: %q, %v", got, b, err)
		}
	}
	if said := check(t, true, file, "two\n"); said != "" {
		t.Errorf("-update over another: %q", said)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "two\n" {
		t.Errorf("-update left %q, %v", b, err)
	}
}

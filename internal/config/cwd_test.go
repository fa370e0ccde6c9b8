package config

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTheSchemaDoesNotHangOnTheWorkingDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "100% done")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	if _, err := compile(); err != nil {
		t.Error(err)
	}
}

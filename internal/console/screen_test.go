package console

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTheEnvironmentSaysWhatATerminalShows(t *testing.T) {
	size := func() (int, int) { return 100, 30 }
	for _, c := range []struct {
		name       string
		env        map[string]string
		tty, color bool
	}{
		{"as usual", map[string]string{"TERM": "xterm-256color"}, true, true},
		{"no colours wanted", map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, true, false},
		{"NO_COLOR counts whatever it says", map[string]string{"TERM": "xterm", "NO_COLOR": "0"}, true, false},
		{"NO_COLOR counts only if it says something", map[string]string{"TERM": "xterm", "NO_COLOR": ""}, true, true},
		{"a dumb terminal", map[string]string{"TERM": "dumb"}, false, false},
	} {
		s := screen(size, func(key string) string { return c.env[key] })
		if s.TTY != c.tty || s.Color != c.color || s.columns() != 100 {
			t.Errorf("%s: TTY %t, Color %t, %d columns; want %t, %t, 100", c.name, s.TTY, s.Color, s.columns(), c.tty, c.color)
		}
	}
}

func TestAFileIsNoTerminal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if s := ScreenOf(f, func(string) string { return "xterm" }); s.TTY || s.Color || s.columns() != 0 {
		t.Errorf("got %+v", s)
	}
}

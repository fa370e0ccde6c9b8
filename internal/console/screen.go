// Package console is what a person sees in a terminal: live progress, the table
// of a run, a patch, a plan's review, a list of runs. Everything in it that comes
// from a sandbox is hostile, and is shown so that it cannot move a cursor, hide
// or pose as something else.
//
// It builds on go-pretty (kept up, already ours for tables) for widths, cutting
// and cursor moves. Its progress bars go up by trackers, not by rows, and are lost
// once a narrower terminal has wrapped them; bubbletea (2.1.1) asks the terminal
// about its modes even without an input, and the answers land on a stdin that is
// not ours; mpb has stalled.
package console

import (
	"os"

	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"
)

// Screen is what a writer can show. The zero value is a file or a pipe: plain
// lines of any length.
type Screen struct {
	// TTY says that cursor movements are understood.
	TTY bool
	// Color says that colours are understood and wanted.
	Color bool
	// Size is asked again for every frame, since people resize windows. Nil, or
	// no columns: lines of any length.
	Size func() (columns, rows int)
}

// ScreenOf says what f can show, going by its kind and by TERM and NO_COLOR
// (no-color.org). getenv is os.Getenv. It asks the terminal nothing.
func ScreenOf(f *os.File, getenv func(string) string) Screen {
	fd := int(f.Fd())
	if !term.IsTerminal(fd) {
		return Screen{}
	}
	size := func() (columns, rows int) {
		columns, rows, err := term.GetSize(fd)
		if err != nil || columns <= 0 || rows <= 0 {
			return 80, 24
		}
		return columns, rows
	}
	return screen(size, getenv)
}

// screen is a terminal of which only the environment is still to be asked.
func screen(size func() (columns, rows int), getenv func(string) string) Screen {
	able := getenv("TERM") != "dumb"
	return Screen{TTY: able, Color: able && getenv("NO_COLOR") == "", Size: size}
}

// columns is the width of the screen, 0 if there is no end to it.
func (s Screen) columns() int {
	if s.Size == nil {
		return 0
	}
	columns, _ := s.Size()
	return columns
}

// paint colours a piece of text that holds no escape sequences.
func (s Screen) paint(str string, colors ...text.Color) string {
	if !s.Color || str == "" || len(colors) == 0 {
		return str
	}
	return text.Escape(str, text.Colors(colors).EscapeSeq())
}

// fit cuts a line to a number of columns and marks the cut.
func fit(line string, columns int) string {
	return text.Snip(line, columns, "…")
}

package mcpserver

import (
	"bufio"
	"errors"
	"io"
)

// What the tests look at from the inside.
const (
	MaxResult    = maxResult
	Heartbeat    = heartbeat
	MinInterval  = minInterval
	RootsTimeout = rootsTimeout
	WriteGrace   = writeGrace
	EndGrace     = endGrace
	SettleTime   = settleTime
)

// The outputs that only a tool of ours has.
type (
	GetResult    = getResult
	RunList      = runList
	CancelOutput = cancelResult
)

// SetMaxLine makes the limit small enough to be met in a test.
func (s *Server) SetMaxLine(n int) { s.maxLine = n }

var (
	RunResult          = runResult
	ReviewResult       = reviewResult
	Descriptions       = descriptions
	RunCodexTasksInput = runCodexTasksInput
	ListResult         = listResult
	ApplyResult        = applyResult
	SetupResult        = setupResult
	PageResult         = pageResult
	Instructions       = instructions
	FileURI            = fileURI
	ProgressLine       = progressLine
	NextValue          = nextValue
	Width              = width
)

// Lines splits what r gives; a line that is too long is a nil.
func Lines(r io.Reader, limit int) (all [][]byte, err error) {
	l := lineReader{r: bufio.NewReaderSize(r, 16), max: limit}
	for {
		line, err := l.next()
		switch {
		case errors.Is(err, errLineTooLong):
			all = append(all, nil)
		case err != nil:
			return all, err
		default:
			all = append(all, append([]byte{}, line...))
		}
	}
}

// ParseResource reads a URI of ours and writes it anew.
func ParseResource(uri string) (run, task string, offset int64, canonical string, err error) {
	ref, err := parseResource(uri)
	return ref.run, ref.task, ref.offset, ref.String(), err
}

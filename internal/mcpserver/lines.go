package mcpserver

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// maxLine is how long one message may be. A longer line is answered with an
// error and skipped; the next line is read as usual.
const maxLine = 64 << 20

var errLineTooLong = errors.New("line too long")

// lineReader reads lines of any length up to max.
type lineReader struct {
	r   *bufio.Reader
	max int
}

// next returns the next line without its line break. A last line needs none.
// After errLineTooLong the reader stands at the start of the next line; any
// other error, io.EOF included, is final.
func (l *lineReader) next() ([]byte, error) {
	var line []byte
	long := false
	for {
		part, err := l.r.ReadSlice('\n')
		if long = long || len(line)+len(bytes.TrimRight(part, "\r\n")) > l.max; long {
			line = nil
		} else {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && (!errors.Is(err, io.EOF) || len(line) == 0 && !long):
			return nil, err
		case long:
			return nil, errLineTooLong
		}
		return bytes.TrimRight(line, "\r\n"), nil
	}
}

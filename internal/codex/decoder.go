package codex

import (
	"bytes"
	"fmt"
	"slices"
)

// DefaultMaxLine bounds a line of JSONL. Codex keeps 1 MiB of a command's
// output, and JSON may write one byte of it as six.
const DefaultMaxLine = 16 << 20

// Decoder turns Codex's stdout into events. It is an io.WriteCloser that never
// fails: what is no event becomes Noise, and the next line is a fresh start.
// It holds at most one line. It is not safe for concurrent use.
type Decoder struct {
	// MaxLine is the longest line that is decoded; NewDecoder sets DefaultMaxLine.
	MaxLine int

	handle func(Event)
	line   []byte
	// skipping: the line is too long, and what is left of it is dropped.
	skipping bool
}

// NewDecoder calls handle for each event, in order, within Write and Close.
func NewDecoder(handle func(Event)) *Decoder {
	return &Decoder{MaxLine: DefaultMaxLine, handle: handle}
}

// Write takes a piece of the stream, cut anywhere. It always takes all of it.
func (d *Decoder) Write(p []byte) (int, error) {
	n := len(p)
	for {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			d.keep(p)
			return n, nil
		}
		if len(d.line) == 0 && !d.skipping && end <= d.MaxLine {
			d.decode(p[:end])
		} else {
			d.keep(p[:end])
			d.endLine()
		}
		p = p[end+1:]
	}
}

// Close ends the stream: a last line without a newline counts. It returns nil.
func (d *Decoder) Close() error {
	d.endLine()
	return nil
}

// keep adds p to the line, unless that is or becomes too long.
func (d *Decoder) keep(p []byte) {
	if d.skipping {
		return
	}
	if len(d.line)+len(p) > d.MaxLine {
		start := slices.Concat(d.line[:min(len(d.line), sampleBytes)], p[:min(len(p), sampleBytes)])
		d.handle(Noise{
			Reason: fmt.Sprintf("line longer than %d bytes", d.MaxLine),
			Sample: sample(start),
		})
		d.line, d.skipping = nil, true
		return
	}
	d.line = append(d.line, p...)
}

func (d *Decoder) endLine() {
	if !d.skipping {
		d.decode(d.line)
	}
	d.skipping = false
	const worthKeeping = 64 << 10
	if cap(d.line) > worthKeeping {
		d.line = nil
	}
	d.line = d.line[:0]
}

func (d *Decoder) decode(line []byte) {
	// NULs are what a crashed file system, or a full disk, puts between lines.
	line = bytes.Trim(line, " \t\r\x00")
	if len(line) > 0 {
		d.handle(decodeLine(line))
	}
}

// sampleBytes is enough for 80 runes.
const sampleBytes = 512

// sample is how a line begins, fit for a log.
func sample(line []byte) string {
	if len(line) > sampleBytes {
		line = line[:sampleBytes]
	}
	return oneLine(string(line), 80)
}

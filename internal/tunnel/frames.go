package tunnel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The frame header of yamux (spec.md of hashicorp/yamux): version, type, two
// bytes of flags, four of stream id, four of length.
const (
	headerSize = 12
	typeData   = 0
	typePing   = 2
	flagSYN    = 1
)

// errPing ends a session whose peer asks for echoes. Ours never does, and yamux
// answers each ping from a goroutine of its own without any limit: a peer that
// pings and does not read would grow the host without bound.
var errPing = errors.New("peer sent a ping request")

// guardedStream hands frames on to yamux, whole stream unchanged, until one
// comes that no honest near end sends.
type guardedStream struct {
	io.ReadWriteCloser
	head []byte // of the frame that is being read, at most headerSize bytes
	body uint32 // what is left of its data
	err  error
}

func (g *guardedStream) Read(p []byte) (int, error) {
	if g.err != nil {
		return 0, g.err
	}
	n, err := g.ReadWriteCloser.Read(p)
	if bad := g.inspect(p[:n]); bad != nil {
		g.err = bad
		return 0, bad
	}
	return n, err
}

// inspect follows the frame boundaries through p.
func (g *guardedStream) inspect(p []byte) error {
	for len(p) > 0 {
		if g.body > 0 {
			n := min(uint64(len(p)), uint64(g.body))
			g.body -= uint32(n)
			p = p[n:]
			continue
		}
		n := min(len(p), headerSize-len(g.head))
		g.head = append(g.head, p[:n]...)
		p = p[n:]
		if len(g.head) < headerSize {
			return nil
		}
		if err := g.frame(); err != nil {
			return fmt.Errorf("read tunnel frame: %w", err)
		}
		g.head = g.head[:0]
	}
	return nil
}

func (g *guardedStream) frame() error {
	kind, flags := g.head[1], binary.BigEndian.Uint16(g.head[2:])
	switch {
	case kind == typeData:
		g.body = binary.BigEndian.Uint32(g.head[8:])
	case kind == typePing && flags&flagSYN != 0:
		return errPing
	}
	return nil
}

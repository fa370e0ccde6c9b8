package tunnel

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/yamux"
)

// errTooManyStreams ends a session whose peer opens streams and never closes them.
var errTooManyStreams = errors.New("peer holds too many streams")

// Listen makes rw the host end of a tunnel. Accept gives the connections that
// the near end forwards, at most MaxConns of them open at once; each has
// CloseWrite beside net.Conn's methods. Closing the listener ends the tunnel,
// every connection in it, and closes rw; so does anything that the near end
// does against the protocol, and then Accept says what. The log may be nil.
func Listen(rw io.ReadWriteCloser, log *slog.Logger) (net.Listener, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	guarded := &guardedStream{ReadWriteCloser: rw}
	session, err := yamux.Server(guarded, config(log))
	if err != nil {
		return nil, fmt.Errorf("start tunnel session: %w", err)
	}
	return &listener{session: session, free: make(chan struct{}, MaxConns)}, nil
}

type listener struct {
	session *yamux.Session
	free    chan struct{} // a semaphore of MaxConns
	mu      sync.Mutex
	cause   error // why we ended the session, if we did
}

// Accept waits for the next connection. After Close its error is net.ErrClosed.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case l.free <- struct{}{}:
	case <-l.session.CloseChan():
		return nil, l.ended(net.ErrClosed)
	}
	stream, err := l.session.AcceptStream()
	if err != nil {
		l.end(err)
		return nil, l.ended(err)
	}
	if l.session.NumStreams() > maxStreams {
		l.end(errTooManyStreams)
		return nil, l.ended(errTooManyStreams)
	}
	return &conn{Stream: stream, release: sync.OnceFunc(func() { <-l.free })}, nil
}

// Close ends the session. It is safe to call it more than once.
func (l *listener) Close() error {
	l.end(net.ErrClosed)
	return nil
}

// Addr is a name, not something that can be dialled.
func (l *listener) Addr() net.Addr { return addr{} }

func (l *listener) end(cause error) {
	l.mu.Lock()
	if l.cause == nil && !l.session.IsClosed() {
		l.cause = cause
	}
	l.mu.Unlock()
	_ = l.session.Close() // always nil
}

// ended is what Accept says when the session is over.
func (l *listener) ended(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cause != nil {
		err = l.cause
	}
	return fmt.Errorf("accept tunnel connection: %w", err)
}

// conn is one accepted connection.
type conn struct {
	*yamux.Stream
	release func()
}

// CloseWrite tells the near end that nothing more comes. What it sends can
// still be read.
func (c *conn) CloseWrite() error { return c.Stream.Close() }

// Close closes both directions and wakes whoever reads or writes.
func (c *conn) Close() error {
	defer c.release()
	err := c.Stream.Close()
	past := time.Unix(1, 0)
	return errors.Join(err, c.SetDeadline(past))
}

func (c *conn) LocalAddr() net.Addr  { return addr{} }
func (c *conn) RemoteAddr() net.Addr { return addr{} }

type addr struct{}

func (addr) Network() string { return "tunnel" }
func (addr) String() string  { return "tunnel" }

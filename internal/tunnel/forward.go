package tunnel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/yamux"
)

// linger is how long a local connection may keep sending after the host end has
// closed its side. A server that has said all it has to say reads no more, and
// a client that keeps such connections open would use the tunnel up.
const linger = 2 * time.Second

// Forward makes rw the near end of a tunnel and carries every connection that l
// accepts through it, at most MaxConns at once: more wait in l's own backlog.
// Each direction is closed when its sender closes it. Forward returns nil when
// the host end closes the tunnel, and otherwise why it ended: the context's
// cause, or what broke. Before it returns it closes rw, l and every connection,
// and waits for all that it started.
func Forward(ctx context.Context, rw io.ReadWriteCloser, l net.Listener) error {
	cfg := config(slog.New(slog.DiscardHandler))
	cfg.EnableKeepAlive = false // the host end asks; it refuses to be asked
	session, err := yamux.Client(rw, cfg)
	if err != nil {
		return fmt.Errorf("start tunnel session: %w", err)
	}
	f := &forwarder{session: session, open: map[net.Conn]struct{}{}}

	accepted := make(chan error, 1)
	go func() { accepted <- f.accept(l) }()

	select {
	case err = <-accepted:
		accepted <- nil
	case <-session.CloseChan():
		err = endOf(session)
	case <-ctx.Done():
		err = fmt.Errorf("forward connections: %w", context.Cause(ctx))
	}
	_ = session.Close() // always nil
	_ = l.Close()       // it may be closed already
	<-accepted          //nolint:errcheck // what ended it was taken above
	f.closeAll()
	f.running.Wait()
	return err
}

// endOf says why a session is over: nil if its stream just ended.
func endOf(session *yamux.Session) error {
	_, err := session.AcceptStream()
	if errors.Is(err, io.EOF) || errors.Is(err, yamux.ErrSessionShutdown) {
		return nil
	}
	return fmt.Errorf("read tunnel: %w", err)
}

type forwarder struct {
	session *yamux.Session
	running sync.WaitGroup

	mu   sync.Mutex
	open map[net.Conn]struct{}
	done bool
}

func (f *forwarder) accept(l net.Listener) error {
	free := make(chan struct{}, MaxConns)
	for {
		select {
		case free <- struct{}{}:
		case <-f.session.CloseChan():
			return nil
		}
		local, err := l.Accept()
		switch {
		case err != nil && f.session.IsClosed():
			return nil
		case isTemporary(err):
			<-free
			time.Sleep(10 * time.Millisecond) // out of file descriptors: some will close
			continue
		case err != nil:
			return fmt.Errorf("accept local connection: %w", err)
		}
		if !f.add(local) {
			return nil
		}
		f.running.Go(func() {
			defer func() { <-free }()
			defer f.remove(local)
			f.carry(local)
		})
	}
}

// isTemporary finds the errors after which accepting can go on, as net/http does.
func isTemporary(err error) bool {
	var ne interface{ Temporary() bool }
	return errors.As(err, &ne) && ne.Temporary()
}

// carry copies both directions until both are closed at both ends: a slot is
// free only when the host end has none of it left.
func (f *forwarder) carry(local net.Conn) {
	stream, err := f.session.OpenStream()
	if err != nil {
		return
	}
	var up sync.WaitGroup
	up.Go(func() {
		if _, err := io.Copy(stream, local); err != nil {
			_ = local.Close() // the answer has no reader
		}
		_ = stream.Close() // only this direction; fails if the tunnel has ended
	})
	if _, err = io.Copy(local, stream); err != nil {
		_ = local.Close()
		_, _ = io.Copy(io.Discard, stream)
	}
	_ = closeWrite(local) // it may be closed already
	soon := time.Now().Add(linger)
	_ = local.SetReadDeadline(soon)
	_ = stream.SetWriteDeadline(soon) // never fails
	up.Wait()
}

func closeWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}

func (f *forwarder) add(c net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done {
		_ = c.Close()
		return false
	}
	f.open[c] = struct{}{}
	return true
}

func (f *forwarder) remove(c net.Conn) {
	_ = c.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.open, c)
}

func (f *forwarder) closeAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done = true
	for c := range f.open {
		_ = c.Close()
	}
}

package gateway

import (
	"bytes"
	"io"
	"sync"
)

// outgoing is a body on its way to upstream. It is let go as soon as upstream
// answers: a stream may take long, and the request would keep it.
type outgoing struct {
	size   int64
	ledger *ledger

	mu   sync.Mutex
	data []byte
	gone bool
}

func (o *outgoing) reader() io.ReadCloser {
	o.mu.Lock()
	defer o.mu.Unlock()
	return &outgoingReader{o: o, left: bytes.NewReader(o.data)}
}

func (o *outgoing) drop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.gone {
		o.gone, o.data = true, nil
		o.ledger.letGo(o.size)
	}
}

type outgoingReader struct {
	o    *outgoing
	mu   sync.Mutex
	left *bytes.Reader
}

func (r *outgoingReader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left == nil {
		return 0, io.ErrClosedPipe
	}
	return r.left.Read(p)
}

// Close lets go of the bytes: the transport closes a body that it has sent.
func (r *outgoingReader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left = nil
	return nil
}

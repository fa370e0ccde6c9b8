package tunnel_test

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/tunnel"
)

// Frame types and flags of yamux, as an attacker would write them.
const (
	tData, tWindow, tPing, tGoAway = 0, 1, 2, 3
	fSYN, fACK, fFIN, fRST         = 1, 2, 4, 8
)

func frame(kind byte, flags uint16, id, length uint32) []byte {
	b := make([]byte, 12)
	b[1] = kind
	binary.BigEndian.PutUint16(b[2:], flags)
	binary.BigEndian.PutUint32(b[4:], id)
	binary.BigEndian.PutUint32(b[8:], length)
	return b
}

// attack runs a peer against a host end that accepts and reads, and says how
// many goroutines and bytes of heap the host end had at most.
func attack(t *testing.T, peer func(net.Conn)) (goroutines int, heap uint64) {
	t.Helper()
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	base := runtime.NumGoroutine()

	near, far := net.Pipe()
	host, err := tunnel.Listen(far, nil)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			c, err := host.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.CopyN(io.Discard, c, 10)
				_ = c.Close()
			}()
		}
	}()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = near.SetDeadline(time.Now().Add(300 * time.Millisecond))
		peer(near)
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for running := true; running; {
		select {
		case <-done:
			running = false
		case <-tick.C:
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		goroutines = max(goroutines, runtime.NumGoroutine()-base)
		if m.HeapInuse > before.HeapInuse {
			heap = max(heap, m.HeapInuse-before.HeapInuse)
		}
	}
	_ = near.Close()
	_ = host.Close()
	<-served
	return goroutines, heap
}

func TestHostilePeers(t *testing.T) {
	checkGoroutines(t)
	write := func(c net.Conn, b []byte) bool { _, err := c.Write(b); return err == nil }
	drain := func(c net.Conn) { go func() { _, _ = io.Copy(io.Discard, c) }() }
	peers := map[string]func(net.Conn){
		"silence": func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) },
		"garbage": func(c net.Conn) {
			b := make([]byte, 4096)
			for i := range b {
				b[i] = byte(rand.Int())
			}
			for write(c, b) {
			}
		},
		"pings, never reading": func(c net.Conn) {
			for write(c, frame(tPing, fSYN, 0, 1)) {
			}
		},
		"ping answers for nothing": func(c net.Conn) {
			drain(c)
			for write(c, frame(tPing, fACK, 0, 1)) {
			}
		},
		"streams, never closed": func(c net.Conn) {
			drain(c)
			for id := uint32(1); write(c, frame(tWindow, fSYN, id, 0)); id += 2 {
			}
		},
		"streams, never reading": func(c net.Conn) {
			for id := uint32(1); write(c, frame(tWindow, fSYN, id, 0)); id += 2 {
			}
		},
		"streams with data, half closed": func(c net.Conn) {
			drain(c)
			for id := uint32(1); write(c, append(frame(tData, fSYN|fFIN, id, 20), make([]byte, 20)...)); id += 2 {
			}
		},
		"streams opened and reset": func(c net.Conn) {
			drain(c)
			for id := uint32(1); write(c, frame(tWindow, fSYN, id, 0)) && write(c, frame(tWindow, fRST, id, 0)); id += 2 {
			}
		},
		"more data than the window": func(c net.Conn) {
			drain(c)
			if !write(c, frame(tWindow, fSYN, 1, 0)) || !write(c, frame(tData, 0, 1, 1<<32-1)) {
				return
			}
			for write(c, make([]byte, 1<<16)) {
			}
		},
		"data for no stream": func(c net.Conn) {
			drain(c)
			for id := uint32(1); write(c, append(frame(tData, 0, id, 4), 1, 2, 3, 4)); id += 2 {
			}
		},
		"window updates": func(c net.Conn) {
			drain(c)
			write(c, frame(tWindow, fSYN, 1, 0))
			for write(c, frame(tWindow, 0, 1, 1<<32-1)) {
			}
		},
		"every flag at once": func(c net.Conn) {
			drain(c)
			for id := uint32(1); write(c, frame(tWindow, fSYN|fACK|fFIN|fRST, id, 1)); id += 2 {
			}
		},
		"go away": func(c net.Conn) {
			drain(c)
			for write(c, frame(tGoAway, 0, 0, 0)) && write(c, frame(tGoAway, 0, 0, 77)) {
			}
		},
	}
	for name, peer := range peers {
		t.Run(name, func(t *testing.T) {
			goroutines, heap := attack(t, peer)
			// Two for each connection that may be open or waiting, and the session's own.
			if limit := 4*tunnel.MaxConns + 20; goroutines > limit {
				t.Errorf("grew to %d goroutines, want at most %d", goroutines, limit)
			}
			if limit := uint64(48 << 20); heap > limit {
				t.Errorf("grew by %d bytes of heap, want at most %d", heap, limit)
			}
		})
	}
}

// FuzzHostEnd: whatever comes, the host end ends when its stream does, and it
// hands out no more connections than it says.
func FuzzHostEnd(f *testing.F) {
	f.Add(frame(tPing, fSYN, 0, 1))
	f.Add(append(frame(tWindow, fSYN, 1, 0), append(frame(tData, 0, 1, 3), 1, 2, 3)...))
	f.Add(append(frame(tData, fSYN|fFIN, 3, 1), 9))
	f.Add(frame(tGoAway, 0, 0, 2))
	f.Fuzz(func(t *testing.T, sent []byte) {
		near, far := net.Pipe()
		host, err := tunnel.Listen(far, nil)
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.Copy(io.Discard, near) }()
		go func() {
			_, _ = near.Write(sent)
			_ = near.Close()
		}()
		open := 0
		for {
			c, err := host.Accept()
			if err != nil {
				break
			}
			defer c.Close()
			if open++; open > tunnel.MaxConns {
				t.Fatalf("%d connections open", open)
			}
		}
		if err := host.Close(); err != nil {
			t.Error(err)
		}
	})
}

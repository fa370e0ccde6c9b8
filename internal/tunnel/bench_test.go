package tunnel_test

import (
	"io"
	"net"
	"testing"
)

// echo serves every connection by sending back what it gets.
func echo(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			_, _ = io.Copy(c, c)
			_ = c.Close()
		}()
	}
}

func BenchmarkRoundTrip(b *testing.B) {
	r := newRig(b)
	go echo(r.host)
	c := r.dial()
	buf := make([]byte, 64)
	for b.Loop() {
		if _, err := c.Write(buf); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, buf); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkConnect(b *testing.B) {
	r := newRig(b)
	go echo(r.host)
	for b.Loop() {
		c := r.dial()
		say(b, c, "x")
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			b.Fatal(err)
		}
		_ = c.Close()
	}
}

func BenchmarkThroughput(b *testing.B) {
	for name, up := range map[string]bool{"to host": true, "from host": false} {
		b.Run(name, func(b *testing.B) {
			r := newRig(b)
			client := r.dial()
			say(b, client, "x") // a connection shows at the host end with its first byte or window
			server, err := r.host.Accept()
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.ReadFull(server, make([]byte, 1)); err != nil {
				b.Fatal(err)
			}
			from, to := net.Conn(client), server
			if !up {
				from, to = server, client
			}
			go func() { _, _ = io.Copy(io.Discard, to) }()
			buf := make([]byte, 64<<10)
			b.SetBytes(int64(len(buf)))
			for b.Loop() {
				if _, err := from.Write(buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

//go:build integration

package sandbox_test

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func BenchmarkLifecycle(b *testing.B) {
	for name, tunnel := range map[string]bool{"with tunnel": true, "without": false} {
		b.Run(name, func(b *testing.B) {
			l := newLab(b)
			s := task.Streams{}
			if tunnel {
				s.Tunnel = echoTunnel
			}
			l.ok(b, l.bash("true"), s)
			for b.Loop() {
				l.ok(b, l.bash("true"), s)
			}
		})
	}
}

// BenchmarkRoundTrip is a line from a process in the sandbox to the host and back.
func BenchmarkRoundTrip(b *testing.B) {
	l := newLab(b)
	out := l.ok(b, l.bash(fmt.Sprintf(`exec perl -e '
		use IO::Socket::INET; use Time::HiRes "time";
		my $s = IO::Socket::INET->new("127.0.0.1:8128") or die; $s->autoflush(1);
		my $t = time; for (1..%d) { print $s "ping\n"; my $x = <$s>; } print time - $t;'`, b.N)), task.Streams{Tunnel: echoTunnel})
	report(b, out)
}

// BenchmarkGuard is one whole question: process, connection, answer.
func BenchmarkGuard(b *testing.B) {
	l := newLab(b)
	out := l.ok(b, l.bash(fmt.Sprintf(`exec perl -e 'use Time::HiRes "time"; my $t = time;
		for (1..%d) { system("echo x | sandbox-init guard 127.0.0.1:8128 >/dev/null 2>&1") } print time - $t;'`, b.N)), task.Streams{Tunnel: echoTunnel})
	report(b, out)
}

func report(b *testing.B, seconds string) {
	s, err := strconv.ParseFloat(strings.TrimSpace(seconds), 64)
	must(b, err)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(time.Duration(s*1e9).Microseconds())/float64(b.N), "µs/trip")
}

func BenchmarkOutput(b *testing.B) {
	l := newLab(b)
	const size = 200 << 20
	b.SetBytes(size)
	for b.Loop() {
		if _, err := l.Run(b.Context(), l.bash(fmt.Sprintf("head -c %d /dev/zero", size)), task.Streams{Stdout: io.Discard}); err != nil {
			b.Fatal(err)
		}
	}
}
